// The viewer: renders again when an option changes, and keeps the options in the address.

import { $, $$, confirmDelete, copy, deleteImage, errorMessage, toast } from "./page.js";
import { listAddress } from "./neighbours.js";
import { clearFieldError, fillForm, form, inputError, readForm, showFieldError, showValue } from "./options.js";

const workspace = $(".workspace");
const renderImage = $("#render");
const caption = $("#caption");
const banner = $(".banner");
const { id } = workspace.dataset;
const address = `/images/${id}`;
/** Colored renders with more cells are shown as PNG. */
const maxSvgCells = Number(workspace.dataset.maxSvgCells);
/** Colored renders with more cells are shown without colors. */
const maxPngCells = Number(workspace.dataset.maxPngCells);
/** Width of a cell by format, in the pixels of the image; a cell is twice as high. */
const cellWidth = { svg: Number(workspace.dataset.svgCellWidth), png: Number(workspace.dataset.pngCellWidth) };
/** A render that was shown for this time gets a history entry of its own. */
const HISTORY_DELAY_MS = 1000;
/** The pause after a change before it is rendered, for sliders and for text fields. */
const [SLIDER_DELAY_MS, TYPING_DELAY_MS] = [120, 350];

// Rendering.

let version = new URLSearchParams(location.search).get("version");
/** The query of the render on the page and in the address; the form may have newer values. */
let current = formQuery();
let shownAt = 0;
let lastChanged = null;
let needsHistoryEntry = false;
let pendingRequest = null;
let timer = null;

function formQuery() {
  const given = readForm();
  if (version) {
    given.set("version", version);
  }
  return given.toString();
}

/** Schedules a render after a change of `control`. */
function schedule(control, delay = SLIDER_DELAY_MS) {
  needsHistoryEntry ||= control !== lastChanged || performance.now() - shownAt > HISTORY_DELAY_MS;
  lastChanged = control;
  version = null;
  clearTimeout(timer);
  timer = setTimeout(render, delay);
}

/** The URL of the image for a query, its format, and whether it is without colors. */
function imageFor(query) {
  const given = new URLSearchParams(query);
  const aspect = (given.get("cell") ?? 0.5) * workspace.dataset.height / workspace.dataset.width;
  const columns = given.get("width") ?? given.get("height") / aspect;
  const cells = given.has("color") ? columns * (given.get("height") ?? columns * aspect) : 0;
  const isPlain = cells > maxPngCells;
  if (isPlain) {
    given.delete("color");
    given.delete("color_on");
  }
  const format = cells > maxSvgCells && !isPlain ? "png" : "svg";
  return { url: `${address}?${given}&format=${format}`, format, isPlain };
}

async function render(updateHistory = true) {
  const query = formQuery();
  pendingRequest?.abort();
  const { signal } = pendingRequest = new AbortController();
  workspace.classList.add("busy");
  const invalid = inputError();
  try {
    if (invalid) {
      throw Object.assign(new Error(invalid), { isInvalidOption: true });
    }
    const started = performance.now();
    const { url, format, isPlain } = imageFor(query);
    const response = await fetch(url, { signal });
    if (!response.ok) {
      throw Object.assign(new Error(await errorMessage(response)), { isInvalidOption: response.status === 400 });
    }
    await replaceImage(renderImage, URL.createObjectURL(await response.blob()));
    if (signal.aborted) {
      return;
    }
    const [columns, rows] = [renderImage.naturalWidth / cellWidth[format], renderImage.naturalHeight / cellWidth[format] / 2];
    renderImage.alt = `${$("h1").textContent} as text: ${columns} columns, ${rows} rows`;
    caption.textContent = `${columns} × ${rows} characters · version ${response.headers.get("render-version")}`
      + ` · ${Math.round(performance.now() - started)} ms${isPlain ? " · too large to show in color" : ""}`;
    caption.classList.remove("error");
    clearFieldError();
    commit(query, updateHistory);
  } catch (error) {
    if (signal.aborted) {
      return;
    }
    const reason = error instanceof TypeError ? "The service is unreachable." : error.message;
    if (!error.isInvalidOption || !showFieldError(reason, lastChanged)) {
      caption.textContent = reason;
      caption.classList.add("error");
    }
  }
  workspace.classList.remove("busy");
}

/** Replaces an image, and waits until the new one is decoded. */
async function replaceImage(target, url) {
  const old = target.src;
  target.removeAttribute("width");
  target.removeAttribute("height");
  target.src = url;
  await target.decode();
  if (old.startsWith("blob:")) {
    URL.revokeObjectURL(old);
  }
}

/** Makes `query` the current one. Moving a slider adds one history entry, not one per value. */
function commit(query, updateHistory) {
  if (updateHistory && query !== current) {
    const method = needsHistoryEntry ? "pushState" : "replaceState";
    history[method]({ query }, "", `${address}?${query}${location.hash}`);
  }
  [current, shownAt, needsHistoryEntry] = [query, performance.now(), false];
  updateLinks();
  compareTexts();
}

/** Updates the command and the links with the current query. */
function updateLinks() {
  $("#curl").replaceChildren(`curl '${location.origin}`, document.createElement("wbr"), `${address}?${current}'`);
  for (const link of $$(".download")) {
    link.href = `${address}?${current}&format=${link.textContent.trim()}`;
  }
  const plain = new URLSearchParams(current);
  plain.delete("version");
  for (const link of $$("nav [data-spec]", form)) {
    link.setAttribute("aria-current", String(`${new URLSearchParams(link.dataset.spec)}` === `${plain}`));
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  schedule(lastChanged);
});
form.addEventListener("input", ({ target }) => {
  const option = target.closest("[data-option]");
  if (!option) {
    return;
  }
  if (!target.name) {
    $("[name]", option).value = target.value;
  }
  showValue(option);
  schedule(option, target.matches("[type=number], [type=text]") ? TYPING_DELAY_MS : SLIDER_DELAY_MS);
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-spec]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    fillForm(new URLSearchParams(link.dataset.spec));
    schedule(link);
  }
});
for (const field of $$("[disabled]", form)) {
  field.disabled = false;
}

addEventListener("popstate", ({ state }) => {
  if (!state) {
    // only the fragment changed
    history.replaceState({ query: current }, "");
    return;
  }
  clearTimeout(timer);
  const given = new URLSearchParams(state.query);
  version = given.get("version");
  lastChanged = null;
  fillForm(given);
  readComparison();
  render(false);
});

// Copy and zoom.

$("#copy-text").addEventListener("click", async () => {
  const response = await fetch(`${address}?${current}&format=txt`).catch(() => null);
  if (response?.ok) {
    await copy(await response.text(), "Text");
  } else {
    toast(response ? await errorMessage(response) : "The service is unreachable.");
  }
});

$("#zoom").addEventListener("click", ({ target }) => {
  const actual = workspace.classList.toggle("actual");
  target.setAttribute("aria-pressed", String(actual));
});

// Comparison.

const comparison = $("#comparison");
const compareWith = $("#compare-with");

compareWith.addEventListener("change", () => {
  // beside the list in which the image was opened
  const fragment = new URLSearchParams(location.hash.slice(1));
  fragment.delete("compare");
  compareWith.value && fragment.set("compare", compareWith.value);
  const hash = `${fragment}` && `#${fragment}`;
  history.replaceState(history.state, "", location.pathname + location.search + hash);
  showComparison();
});

/** Shows the selected render or original. */
function showComparison() {
  const chosen = compareWith.selectedOptions[0];
  comparison.hidden = chosen.value === "";
  workspace.classList.toggle("comparing", !comparison.hidden);
  if (comparison.hidden) {
    return;
  }
  const [image, text] = [$("img", comparison), $("figcaption", comparison)];
  const isOriginal = chosen.value === "original";
  image.hidden = "unsupported" in chosen.dataset;
  text.textContent = image.hidden
    ? "Browsers cannot show this format. Use the download “original” instead."
    : chosen.textContent;
  if (!image.hidden) {
    image.alt = isOriginal ? "The original" : `Stored render: ${chosen.textContent}`;
    image.src = isOriginal ? `${address}/original` : `${address}?${chosen.value}&format=svg`;
  }
  compareTexts();
}

/** Shows how many characters differ from the selected render. */
async function compareTexts() {
  const chosen = compareWith.selectedOptions[0];
  if (["", "original"].includes(chosen.value)) {
    return;
  }
  const query = current;
  const text = async (spec) => {
    const response = await fetch(`${address}?${spec}&format=txt`);
    return response.ok ? response.text() : Promise.reject(new Error(await errorMessage(response)));
  };
  const texts = await Promise.all([text(query), text(chosen.value)]).catch((error) => error);
  if (query !== current || chosen !== compareWith.selectedOptions[0]) {
    return;
  }
  if (texts instanceof Error) {
    $("figcaption", comparison).textContent = texts instanceof TypeError ? "The service is unreachable." : texts.message;
    return;
  }
  const [left, right] = texts.map((text) => [...text]);
  const differing = left.filter((symbol, index) => symbol !== right[index]).length;
  $("figcaption", comparison).textContent = left.length === right.length
    ? `${chosen.textContent}: ${differing} of ${left.length} characters differ`
    : `${chosen.textContent}: different size`;
}

/** Selects the comparison of the address. */
function readComparison() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("compare") ?? "";
  compareWith.value = [...compareWith.options].some((option) => option.value === wanted) ? wanted : "";
  showComparison();
}

history.replaceState({ query: current }, "");
updateLinks();
readComparison();

// Changes of the image.

$(".remove").addEventListener("click", async () => {
  if (await confirmDelete($("#confirm")) && await deleteImage(id)) {
    location.assign(listAddress);
  }
});

function showBanner(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

let isPending = workspace.dataset.status === "pending";
let events;
/** The pause before a stream that ended is opened again. */
const RECONNECTION_MS = 5000;

function subscribe() {
  events = new EventSource(`${address}/events`);
  events.addEventListener("image", ({ data }) => {
    const image = JSON.parse(data);
    if (isPending && image.status !== "pending") {
      isPending = false;
      showBanner(image.error ? `This image cannot be rendered: ${image.error}` : "");
      reloadStored();
    }
  });
  events.addEventListener("deleted", showDeleted);
  events.addEventListener("error", async ({ target }) => {
    if (target.readyState === EventSource.CLOSED) {
      // an answer that is no stream, such as that the image does not exist
      const response = await fetch(`${address}/metadata`).catch(() => null);
      if (response?.status === 404) {
        showDeleted();
      } else if (target === events && !document.hidden) {
        setTimeout(() => target === events && !document.hidden && subscribe(), RECONNECTION_MS);
      }
    }
  });
}

/** The image was deleted, here or elsewhere: what the page has of it is the last of it. */
function showDeleted() {
  events.close();
  isDeleted = true;
  showBanner("This image was deleted. What you see is no longer stored.");
  $(".remove").hidden = true;
}

let isDeleted = false;

// A browser opens few connections per host: a hidden page must not hold one.
document.addEventListener("visibilitychange", () => {
  events.close();
  if (!document.hidden && !isDeleted) {
    subscribe();
  }
});
subscribe();

/** Reloads the lists of stored renders. */
async function reloadStored() {
  const response = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (response?.ok) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of [".stored", "#compare-with"]) {
      $(part).replaceChildren(...$(part, page).childNodes);
    }
    readComparison();
  }
}
