// The viewer: draws with every change of an option, and writes it into the address.

import { $, $$, complaint, confirmed, copy, remove, toast } from "./page.js";
import { accept, echo, form, query, refuse, take, unreadable } from "./options.js";

const desk = $(".desk");
const picture = $("#render");
const caption = $("#drawn");
const banner = $(".banner");
const { id } = desk.dataset;
const address = `/images/${id}`;
/** Coloured renders of more cells come as pictures: a drawing would have a node for each. */
const MAX_DRAWN_CELLS = 20000;
/** Those of more come without their colours: no picture is as large. */
const MAX_PICTURE_CELLS = 100000;
/** Units across a cell, by format; a cell is twice as high. */
const CELL = { svg: 10, png: 8 };
/** A look that stood for so long is one to come back to. */
const SETTLED_MS = 1000;
/** What we wait for more of the same: less while something slides than while somebody types. */
const [SLIDING_MS, TYPING_MS] = [120, 350];

// Drawing.

let version = new URLSearchParams(location.search).get("version");
/** The look that is seen, and stands in the address; its form may be ahead of it. */
let shown = look();
let shownAt = 0;
let touched = null;
let isStep = false;
let drawing = null;
let due = null;

function look() {
  const given = query();
  if (version) {
    given.set("version", version);
  }
  return given.toString();
}

/** `part` of the page was used: what it changes is drawn in a moment. */
function changed(part, wait = SLIDING_MS) {
  isStep ||= part !== touched || performance.now() - shownAt > SETTLED_MS;
  touched = part;
  version = null;
  clearTimeout(due);
  due = setTimeout(draw, wait);
}

/** How a browser is shown a look: in which format, and whether without its colours. */
function visible(asked) {
  const given = new URLSearchParams(asked);
  const slope = (given.get("cell") ?? 0.5) * desk.dataset.height / desk.dataset.width;
  const columns = given.get("width") ?? given.get("height") / slope;
  const cells = given.has("color") ? columns * (given.get("height") ?? columns * slope) : 0;
  const isPlain = cells > MAX_PICTURE_CELLS;
  if (isPlain) {
    given.delete("color");
    given.delete("color_on");
  }
  const format = cells > MAX_DRAWN_CELLS && !isPlain ? "png" : "svg";
  return { source: `${address}?${given}&format=${format}`, format, isPlain };
}

async function draw(remember = true) {
  const asked = look();
  drawing?.abort();
  const { signal } = drawing = new AbortController();
  desk.classList.add("busy");
  const bad = unreadable();
  try {
    if (bad) {
      throw Object.assign(new Error(bad), { isLook: true });
    }
    const started = performance.now();
    const { source, format, isPlain } = visible(asked);
    const response = await fetch(source, { signal });
    if (!response.ok) {
      throw Object.assign(new Error(await complaint(response)), { isLook: response.status === 400 });
    }
    await show(picture, URL.createObjectURL(await response.blob()));
    if (signal.aborted) {
      return;
    }
    const [columns, rows] = [picture.naturalWidth / CELL[format], picture.naturalHeight / CELL[format] / 2];
    picture.alt = `${$("h1").textContent}, drawn as text: ${columns} columns, ${rows} rows`;
    caption.textContent = `${columns} × ${rows} characters · version ${response.headers.get("render-version")}`
      + ` · ${Math.round(performance.now() - started)} ms${isPlain ? " · too many for a browser to colour" : ""}`;
    caption.classList.remove("wrong");
    accept();
    settle(asked, remember);
  } catch (error) {
    if (signal.aborted) {
      return;
    }
    const reason = error instanceof TypeError ? "The service cannot be reached." : error.message;
    if (!error.isLook || !refuse(reason, touched)) {
      caption.textContent = reason;
      caption.classList.add("wrong");
    }
  }
  desk.classList.remove("busy");
}

/** Swaps a picture once the next one is decoded: nothing flickers. */
async function show(target, url) {
  const old = target.src;
  target.removeAttribute("width");
  target.removeAttribute("height");
  target.src = url;
  await target.decode();
  if (old.startsWith("blob:")) {
    URL.revokeObjectURL(old);
  }
}

/** The look is seen: from now on the page goes by it. Back leads to the one before, not to each that slid by. */
function settle(asked, remember) {
  if (remember && asked !== shown) {
    const keep = isStep ? "pushState" : "replaceState";
    history[keep]({ look: asked }, "", `${address}?${asked}${location.hash}`);
  }
  [shown, shownAt, isStep] = [asked, performance.now(), false];
  describe();
  weigh();
}

/** Everything on the page that names the look. */
function describe() {
  $("#curl").replaceChildren(`curl '${location.origin}`, document.createElement("wbr"), `${address}?${shown}'`);
  for (const link of $$(".download")) {
    link.href = `${address}?${shown}&format=${link.textContent.trim()}`;
  }
  const plain = new URLSearchParams(shown);
  plain.delete("version");
  for (const link of $$("nav [data-spec]", form)) {
    link.setAttribute("aria-current", String(`${new URLSearchParams(link.dataset.spec)}` === `${plain}`));
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  changed(touched);
});
form.addEventListener("input", ({ target }) => {
  const option = target.closest("[data-option]");
  if (!option) {
    return;
  }
  if (!target.name) {
    $("[name]", option).value = target.value;
  }
  echo(option);
  changed(option, target.matches("[type=number], [type=text]") ? TYPING_MS : SLIDING_MS);
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-spec]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    take(new URLSearchParams(link.dataset.spec));
    changed(link);
  }
});
for (const field of $$("[disabled]", form)) {
  field.disabled = false;
}

addEventListener("popstate", ({ state }) => {
  if (!state) {
    // a jump within the page
    history.replaceState({ look: shown }, "");
    return;
  }
  clearTimeout(due);
  const given = new URLSearchParams(state.look);
  version = given.get("version");
  touched = null;
  take(given);
  recall();
  draw(false);
});

// Copies and downloads.

$("#copy-text").addEventListener("click", async () => {
  const response = await fetch(`${address}?${shown}&format=txt`).catch(() => null);
  if (response?.ok) {
    await copy(await response.text(), "Text");
  } else {
    toast(response ? await complaint(response) : "The service cannot be reached.");
  }
});

$("#zoom").addEventListener("click", ({ target }) => {
  const actual = desk.classList.toggle("actual");
  target.setAttribute("aria-pressed", String(actual));
});

// Something to compare with.

const beside = $("#beside");
const other = $("#other");

other.addEventListener("change", () => {
  const hash = other.value ? `#beside=${encodeURIComponent(other.value)}` : "";
  history.replaceState(history.state, "", location.pathname + location.search + hash);
  compare();
});

/** Shows what was chosen. */
function compare() {
  const chosen = other.selectedOptions[0];
  beside.hidden = chosen.value === "";
  desk.classList.toggle("double", !beside.hidden);
  if (beside.hidden) {
    return;
  }
  const [frame, words] = [$("img", beside), $("figcaption", beside)];
  const isOriginal = chosen.value === "original";
  frame.hidden = "unseen" in chosen.dataset;
  words.textContent = frame.hidden
    ? "No browser shows this format. “original”, among the downloads, has it as a file."
    : chosen.textContent;
  if (!frame.hidden) {
    frame.alt = isOriginal ? "The original" : `Stored: ${chosen.textContent}`;
    frame.src = isOriginal ? `${address}/original` : `${address}?${chosen.value}&format=svg`;
  }
  weigh();
}

/** Says how many characters differ from what stands beside. */
async function weigh() {
  const chosen = other.selectedOptions[0];
  if (["", "original"].includes(chosen.value)) {
    return;
  }
  const mine = shown;
  const text = async (spec) => {
    const response = await fetch(`${address}?${spec}&format=txt`);
    return response.ok ? response.text() : Promise.reject(new Error(await complaint(response)));
  };
  const texts = await Promise.all([text(mine), text(chosen.value)]).catch((error) => error);
  if (mine !== shown || chosen !== other.selectedOptions[0]) {
    return;
  }
  if (texts instanceof Error) {
    $("figcaption", beside).textContent = texts instanceof TypeError ? "The service cannot be reached." : texts.message;
    return;
  }
  const [left, right] = texts.map((text) => [...text]);
  const differing = left.filter((symbol, index) => symbol !== right[index]).length;
  $("figcaption", beside).textContent = left.length === right.length
    ? `${chosen.textContent}: ${differing} of ${left.length} characters differ`
    : `${chosen.textContent}: of another size`;
}

/** Chooses what the address says. */
function recall() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("beside") ?? "";
  other.value = [...other.options].some((offer) => offer.value === wanted) ? wanted : "";
  compare();
}

history.replaceState({ look: shown }, "");
describe();
recall();

// Its life.

$(".remove").addEventListener("click", async () => {
  if (await confirmed($("#ask")) && await remove(id)) {
    location.assign("/");
  }
});

function tell(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

if (desk.dataset.status === "pending") {
  const events = new EventSource(`${address}/events`);
  events.addEventListener("image", ({ data }) => {
    const image = JSON.parse(data);
    if (image.status !== "pending") {
      events.close();
      tell(image.error ? `This image cannot be drawn: ${image.error}` : "");
      showStored();
    }
  });
  events.addEventListener("deleted", () => {
    events.close();
    tell("This image was deleted.");
  });
}

/** What is stored by now, as the server says it. */
async function showStored() {
  const response = await fetch(address, { headers: { accept: "text/html" } }).catch(() => null);
  if (response?.ok) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    for (const part of [".stored", "#other"]) {
      $(part).replaceChildren(...$(part, page).childNodes);
    }
    recall();
  }
}
