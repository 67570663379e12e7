// The viewer: renders again when an option changes, and keeps the options in the address.

import { $, $$, confirmDelete, copy, deleteImage, errorMessage, toast } from "./page.js";
import { Player } from "./animation.js";
import "./menus.js";
import { listAddress } from "./neighbours.js";
import { clearFieldError, fillForm, form, inputError, readForm, showFieldError, showStates, showValue } from "./options.js";
import { showValues } from "./values.js";
import { letZoom } from "./zoom.js";

const workspace = $(".workspace");
const renderImage = $("#render");
const caption = $("#caption");
const banner = $(".banner");
const { id } = workspace.dataset;
const address = `/images/${id}`;
/** Colored renders with more cells are shown as PNG. */
const maxSvgCells = Number(workspace.dataset.maxSvgCells);
/** Colored renders with more cells are shown as thumbnails. */
const maxPngCells = Number(workspace.dataset.maxPngCells);
/** Width of a cell by format, in the pixels of the image; a cell is twice as high. */
const cellWidth = { svg: Number(workspace.dataset.svgCellWidth), png: Number(workspace.dataset.pngCellWidth), thumbnail: 1 };
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

/** The URL of the image for a query, and its format. */
function imageFor(query) {
  const given = new URLSearchParams(query);
  const aspect = (given.get("cell") ?? 0.5) * workspace.dataset.height / workspace.dataset.width;
  const columns = given.get("width") ?? given.get("height") / aspect;
  const cells = given.has("color") ? columns * (given.get("height") ?? columns * aspect) : 0;
  if (cells > maxPngCells) {
    return { url: `${address}/thumbnail?${given}`, format: "thumbnail" };
  }
  const format = cells > maxSvgCells ? "png" : "svg";
  return { url: `${address}?${given}&format=${format}`, format };
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
    const { url, format } = imageFor(query);
    const response = await fetch(url, { signal });
    if (!response.ok) {
      throw Object.assign(new Error(await errorMessage(response)), { isInvalidOption: response.status === 400 });
    }
    await showPicture(await response.blob());
    if (signal.aborted) {
      return;
    }
    describe(format, ` · version ${response.headers.get("render-version")} · ${Math.round(performance.now() - started)} ms`);
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

/** Says what the image on the page is. */
function describe(format, details) {
  const [columns, rows] = [renderImage.naturalWidth / cellWidth[format], renderImage.naturalHeight / cellWidth[format] / 2];
  renderImage.alt = `${$("h1").textContent} as text: ${columns} columns, ${rows} rows`;
  const small = format === "thumbnail" ? " · shown small: download it to read it" : details;
  const text = `${columns} × ${rows} characters${small}`;
  if (caption.textContent !== text) {
    caption.textContent = text;
  }
  caption.classList.remove("error");
}

/** The address of the picture that `showPicture` made. */
let ownUrl = null;

/** Shows a picture, and waits until it is decoded. */
async function showPicture(blob) {
  const old = ownUrl;
  ownUrl = URL.createObjectURL(blob);
  await setSource(ownUrl);
  URL.revokeObjectURL(old);
}

async function setSource(url) {
  renderImage.removeAttribute("width");
  renderImage.removeAttribute("height");
  renderImage.src = url;
  await renderImage.decode();
}

/** The options of a query with another frame. */
function withFrame(query, frame) {
  const given = new URLSearchParams(query);
  given.delete("version");
  frame > 0 ? given.set("frame", frame) : given.delete("frame");
  return `${given}`;
}

/** Makes `query` the current one. Moving a slider adds one history entry, not one per value. */
function commit(query, updateHistory) {
  if (updateHistory && query !== current) {
    const method = needsHistoryEntry ? "pushState" : "replaceState";
    history[method]({ query }, "", `${address}?${query}${location.hash}`);
  }
  const isSameLook = withFrame(current, 0) === withFrame(query, 0);
  [current, shownAt, needsHistoryEntry] = [query, performance.now(), false];
  if (!isSameLook) {
    player?.forget();
  }
  player?.isPlaying || player?.chose(chosenFrame());
  updateLinks();
  compareTexts();
}

/** Updates the command and the links with the current query. */
function updateLinks() {
  const command = $("#curl");
  command.replaceChildren(`${command.dataset.curl} '${location.origin}`, document.createElement("wbr"), `${address}?${current}'`);
  const plain = new URLSearchParams(current);
  plain.delete("version");
  const playing = new URLSearchParams(plain);
  playing.delete("frame");
  for (const link of $$(".download")) {
    const { format } = link.dataset;
    link.hidden = format === "png" && imageFor(current).format === "thumbnail";
    link.href = format === "cast" ? `${address}/play?${playing}&format=cast` : `${address}?${current}&format=${format}`;
  }
  $("#copy-colors").disabled = !plain.has("color");
  const startOver = $(".start-over");
  startOver.hidden = `${new URLSearchParams(startOver.dataset.spec)}` === `${plain}`;
  for (const screen of $$(".screen")) {
    screen.classList.toggle("light", plain.get("background") === "light");
  }
  showZoom();
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
  showStates();
  schedule(option, target.matches("[type=number], [type=text]") ? TYPING_DELAY_MS : SLIDER_DELAY_MS);
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-spec]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    player?.pause();
    fillForm(new URLSearchParams(link.dataset.spec));
    schedule(link);
  }
});
for (const field of $$("[disabled]", form)) {
  field.disabled = false;
}
showStates();
if (matchMedia("(max-width: 60rem)").matches) {
  // the picture stays in view beside them
  for (const group of $$("details.group", form).slice(1)) {
    group.open = false;
  }
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

/** Copies the render in a format, as `change` makes of it. */
async function copyAs(format, what, change = (text) => text) {
  const response = await fetch(`${address}?${current}&format=${format}`).catch(() => null);
  if (response?.ok) {
    await copy(change(await response.text()), what);
  } else {
    toast(response ? await errorMessage(response) : "The service is unreachable.");
  }
}

/** A fence of more backticks than the text has in a row. */
function fenced(text) {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}\n${text}${fence}\n`;
}

$("#copy-text").addEventListener("click", () => copyAs("txt", "Text"));
$("#copy-colors").addEventListener("click", () => copyAs("ansi", "Text with colours"));
$("#copy-fence").addEventListener("click", () => copyAs("txt", "Code fence", fenced));
$("#copy-command").addEventListener("click", () => copy($("#curl").textContent, "Command"));

$("#zoom").addEventListener("click", ({ target }) => {
  const actual = workspace.classList.toggle("actual");
  target.setAttribute("aria-pressed", String(actual));
});

const regionField = $("[name=region]", form);
const screen = renderImage.parentElement;
const zoom = letZoom(
  screen,
  renderImage,
  [Number(workspace.dataset.width), Number(workspace.dataset.height)],
  () => regionField.value.trim(),
  (region) => {
    if (region !== regionField.value && !workspace.classList.contains("actual")) {
      regionField.value = region;
      schedule(regionField.closest("[data-option]"));
    }
  },
);
screen.tabIndex = 0;
$("#zoom-in").addEventListener("click", zoom.in);
$("#zoom-out").addEventListener("click", zoom.out);
$("#zoom-all").addEventListener("click", zoom.all);

const underPointer = $("#under-pointer");
if (underPointer) {
  // of a cropped picture, the place is not known
  const isCropped = () => new URLSearchParams(current).get("fit") === "cover";
  showValues(screen, underPointer, address, (event) => isCropped() ? undefined : zoom.pixel(event), () => current);
}

/** Buttons that do nothing are off. */
function showZoom() {
  screen.classList.toggle("zoomed", !zoom.isWhole());
  $("#zoom-out").disabled = $("#zoom-all").disabled = zoom.isWhole();
}
showZoom();

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

// Animation.

/** The frame of the form, as a number. */
const chosenFrame = () => Number(readForm().get("frame") ?? 0);


let player = null;
if ("moves" in workspace.dataset) {
  player = new Player(address, chosenFrame(), {
    pictureOf: (frame) => imageFor(withFrame(current, frame)).url,
    show: async (image, frame) => {
      // an option that changes meanwhile is drawn of this frame
      $("[name=frame]", form).value = frame;
      // another picture may replace it before it is decoded
      await setSource(image.src).catch(() => {});
      describe(imageFor(withFrame(current, frame)).format, "");
    },
    settle: (frame) => {
      const field = $("[name=frame]", form);
      field.value = frame;
      schedule(field.closest("[data-option]"), 0);
    },
    fail: (reason) => {
      caption.textContent = reason;
      caption.classList.add("error");
    },
  });
}

history.replaceState({ query: current }, "");
updateLinks();
readComparison();

// Changes of the image.

$(".back").href = listAddress;
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
