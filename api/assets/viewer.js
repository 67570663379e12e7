// The viewer: draws with every change of an option, and writes it into the address.

import { $, $$, complaint, confirmed, copy, remove, toast } from "./page.js";

const desk = $(".desk");
const form = $(".controls");
const picture = $("#render");
const caption = $("#drawn");
const banner = $(".banner");
const { id, stem } = desk.dataset;
const address = `/images/${id}`;
/** Coloured renders of more cells come as pictures: a drawing would have a node for each. */
const MAX_DRAWN_CELLS = 20000;
/** Units across a cell, by format; a cell is twice as high. */
const CELL = { svg: 10, png: 8 };

// Options, as they stand in the form.

const options = $$("[data-option]", form);

function valueOf(option) {
  const field = $(`[name="${option.dataset.option}"]:checked`, option)
    ?? $(`[name="${option.dataset.option}"]:not([type=radio], [type=checkbox])`, option);
  return field?.value.trim() ?? option.dataset.default;
}

function put(option, value) {
  for (const field of $$("[name]", option)) {
    if (field.type === "radio") {
      field.checked = field.value === value;
    } else if (field.type === "checkbox") {
      field.checked = value === "true";
    } else {
      if (field.tagName === "SELECT" && ![...field.options].some((offer) => offer.value === value)) {
        field.add(new Option("As asked", value));
      }
      field.value = value;
    }
  }
  echo(option);
}

/** Shows a value beside its slider, and on its twin. */
function echo(option) {
  const output = $("output", option);
  if (output) {
    output.textContent = valueOf(option);
  }
  const twin = $("input[type=range]:not([name])", option);
  if (twin) {
    twin.value = valueOf(option);
  }
}

function query() {
  const given = new URLSearchParams();
  for (const option of options) {
    const [name, value] = [option.dataset.option, valueOf(option)];
    // a size is always there, as in the canonical form
    if (value !== "" && (value !== option.dataset.default || name === "width")) {
      given.set(name, value);
    }
  }
  return given;
}

function take(given) {
  for (const option of options) {
    put(option, given.get(option.dataset.option) ?? option.dataset.default);
  }
  if (!given.has("width") && given.has("height")) {
    put(options.find((option) => option.dataset.option === "width"), "");
  }
}

// Drawing.

let version = new URLSearchParams(location.search).get("version");
let drawing = null;
let due = null;

function changed() {
  version = null;
  clearTimeout(due);
  due = setTimeout(() => draw(), 120);
}

function look() {
  const given = query();
  if (version) {
    given.set("version", version);
  }
  return given.toString();
}

/** More cells of colour than a browser likes to lay out one by one. */
function isHeavy(given) {
  const columns = Number(given.get("width") ?? 80);
  const rows = given.get("height") ?? Math.round(columns * desk.dataset.height / desk.dataset.width / 2);
  return given.has("color") && columns * rows > MAX_DRAWN_CELLS;
}

async function draw(remember = true) {
  const asked = look();
  if (remember) {
    history.replaceState(null, "", `${address}?${asked}${location.hash}`);
  }
  describe(asked);
  drawing?.abort();
  drawing = new AbortController();
  desk.classList.add("busy");
  try {
    const started = performance.now();
    const format = isHeavy(query()) ? "png" : "svg";
    const response = await fetch(`${address}?${asked}&format=${format}`, { signal: drawing.signal });
    if (!response.ok) {
      throw new Error(await complaint(response));
    }
    const url = URL.createObjectURL(await response.blob());
    await show(picture, url);
    const [columns, rows] = [picture.naturalWidth / CELL[format], picture.naturalHeight / CELL[format] / 2];
    picture.alt = `${$("h1").textContent}, drawn as text: ${columns} columns, ${rows} rows`;
    caption.textContent = `${columns} × ${rows} characters · version ${response.headers.get("render-version")}`
      + ` · ${Math.round(performance.now() - started)} ms`;
    caption.classList.remove("wrong");
    desk.classList.remove("busy");
  } catch (error) {
    if (error.name !== "AbortError") {
      caption.textContent = error instanceof TypeError ? "The service cannot be reached." : error.message;
      caption.classList.add("wrong");
      desk.classList.remove("busy");
    }
  }
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

/** Everything on the page that names this look. */
function describe(asked) {
  $("#curl").textContent = `curl '${location.origin}${address}?${asked}'`;
  for (const link of $$(".download")) {
    link.href = `${address}?${asked}&format=${link.textContent.trim()}`;
  }
  const plain = query().toString();
  for (const link of $$("[data-spec]", form)) {
    link.setAttribute("aria-current", String(`${new URLSearchParams(link.dataset.spec)}` === plain));
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  changed();
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
  changed();
});
form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-spec], #reset");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    take(new URLSearchParams(link.dataset.spec ?? ""));
    changed();
  }
});
for (const field of $$("[disabled]", form)) {
  field.disabled = false;
}
describe(look());

// Copies and downloads.

$("#copy-text").addEventListener("click", async () => {
  const response = await fetch(`${address}?${look()}&format=txt`).catch(() => null);
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

other.addEventListener("change", async () => {
  const chosen = other.selectedOptions[0];
  beside.hidden = chosen.value === "";
  desk.classList.toggle("double", !beside.hidden);
  history.replaceState(null, "", chosen.value ? `#beside=${encodeURIComponent(chosen.value)}` : location.pathname + location.search);
  if (beside.hidden) {
    return;
  }
  const [frame, words] = [$("img", beside), $("figcaption", beside)];
  frame.hidden = "unseen" in chosen.dataset;
  if (frame.hidden) {
    words.textContent = "No browser shows this format. The link “Original” downloads it.";
    return;
  }
  const isOriginal = chosen.value === "original";
  frame.alt = isOriginal ? "The original" : `Stored: ${chosen.textContent}`;
  frame.src = isOriginal ? `${address}/original` : `${address}?${chosen.value}&format=svg`;
  words.textContent = chosen.textContent;
  if (!isOriginal) {
    words.textContent = await difference(chosen);
  }
});

/** How many characters of two texts differ. */
async function difference(chosen) {
  const text = async (spec) => (await fetch(`${address}?${spec}&format=txt`)).text();
  const [mine, theirs] = await Promise.all([text(look()), text(chosen.value)]).catch(() => ["", ""]);
  const [left, right] = [[...mine], [...theirs]];
  if (left.length !== right.length) {
    return `${chosen.textContent}: of another size`;
  }
  const differing = left.filter((symbol, index) => symbol !== right[index]).length;
  return `${chosen.textContent}: ${differing} of ${left.length} characters differ`;
}

const wanted = new URLSearchParams(location.hash.slice(1)).get("beside");
if (wanted && [...other.options].some((offer) => offer.value === wanted)) {
  other.value = wanted;
  other.dispatchEvent(new Event("change"));
}

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
  }
}
