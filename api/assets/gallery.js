// The gallery: uploads images, shows changes as they happen, and loads further images on demand.

import { $, confirmDelete, deleteImage, errorMessage, toast } from "./page.js";
import * as tiles from "./tiles.js";
import { upload } from "./uploads.js";
import "./originals.js";

const list = $(".tiles");
const empty = $(".empty");
const banner = $(".banner");
const more = $(".more");
const newer = $(".newer");
const uploads = $(".uploads");

/** Images that are loaded at a time: the most that the service lists. */
const PAGE_SIZE = 200;
/** Further images are loaded when less than this is loaded beyond the viewport, in viewports. */
const RESERVE = 2;
/** The pause after a failed request. */
const RETRY_MS = 5000;
/** Browsers limit how often the address may change. */
const ADDRESS_DELAY_MS = 250;

/** Ids of images that were deleted since the page was opened: an older response may still list them. */
const deleted = new Set();
/** Images by id, as of the latest event of the current event stream: a response may be older. */
let latest = new Map();
const newest = (image) => latest.get(image.id) ?? image;

// The loaded images are those older than `before`, which is `null` at the newest, up to those that `next` leads to.
let before = list.dataset.before ?? null;
let next = list.dataset.next ?? null;

/** Adds or updates an image if it belongs between the loaded ones. */
function place(image) {
  const isNewer = before !== null && image.id >= before;
  const isOlder = next !== null && image.id < (tiles.oldest()?.id ?? "");
  if (!deleted.has(image.id) && (tiles.has(image.id) || (!isNewer && !isOlder))) {
    tiles.put([image], true);
  }
}

function removeImage(id) {
  deleted.add(id);
  tiles.remove(id);
}

list.addEventListener("click", async (event) => {
  const tile = event.target.closest(".remove")?.closest(".tile");
  if (!tile) {
    return;
  }
  const [{ id }, name] = [tile.dataset, $(".name", tile).textContent];
  $("#confirm-title").textContent = `Delete ${name}?`;
  if (await confirmDelete($("#confirm")) && await deleteImage(id)) {
    removeImage(id);
    toast(`${name} was deleted.`);
  }
});

// Further images, loaded when the reader comes near to either end of the loaded ones.

let loading = false;

/** Loads a page of images; `take` is called with it. */
async function loadPage(address, take) {
  if (loading) {
    return;
  }
  loading = true;
  try {
    const response = await fetch(address);
    if (!response.ok) {
      throw new Error(await errorMessage(response));
    }
    const page = await response.json();
    take(page);
    tiles.put(page.items.filter(({ id }) => !deleted.has(id)).map(newest));
    if (events?.readyState === EventSource.OPEN) {
      showBanner("");
    }
    loading = false;
  } catch (error) {
    showBanner(`Further images could not be loaded: ${error.message}.`);
    setTimeout(() => {
      loading = false;
      loadFurther();
    }, RETRY_MS);
  }
}

const loadOlder = () => loadPage(next, (page) => {
  ({ next } = page);
  tiles.releaseRoom();
});

const loadNewer = () => loadPage(`/images?after=${tiles.newest().id}&limit=${PAGE_SIZE}`, (page) => {
  // the newest one of the page is not shown yet: the loaded ones are those older than it
  before = page.next && page.items.shift().id;
  if (before === null) {
    tiles.startAtNewest();
    // those that arrived while the page was loaded
    latest.forEach(place);
  }
});

function loadFurther() {
  const { above, below } = tiles.reserve();
  if (next !== null && below < RESERVE) {
    loadOlder();
  } else if (before !== null && above < RESERVE && tiles.count() > 0) {
    loadNewer();
  }
}

if (more) {
  $("a", more).addEventListener("click", (event) => {
    event.preventDefault();
    loadOlder();
  });
}

// The address has the place of the reader: the cursor of the images from the first visible row on.

let addressTimer;

function updateAddress() {
  const place = tiles.place();
  if (!place) {
    return;
  }
  const cursor = place.before ?? before;
  const address = new URL(location);
  for (const link of document.querySelectorAll(".segments a")) {
    setCursor(link, cursor);
  }
  setCursor(address, cursor);
  history.replaceState({ offset: place.offset }, "", address);
}

/** Sets the cursor in the query of an address or a link. */
function setCursor(address, cursor) {
  const query = new URLSearchParams(address.search);
  query.delete("cursor");
  if (cursor !== null) {
    query.set("cursor", cursor);
  }
  address.search = query;
}

function update() {
  empty.hidden = tiles.count() > 0;
  if (more) {
    more.hidden = next === null;
  }
  if (newer) {
    newer.hidden = before === null;
  }
  loadFurther();
  clearTimeout(addressTimer);
  addressTimer = setTimeout(updateAddress, ADDRESS_DELAY_MS);
}

// Changes.

function showBanner(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

let events;
let lostTimer;

/** Subscribes to changes, and loads those of the time before. */
function subscribe() {
  events = new EventSource("/images/events");
  events.addEventListener("image", ({ data }) => {
    const image = JSON.parse(data);
    latest.set(image.id, image);
    place(image);
  });
  events.addEventListener("deleted", ({ data }) => removeImage(JSON.parse(data).id));
  events.addEventListener("open", ({ target }) => {
    clearTimeout(lostTimer);
    lostTimer = undefined;
    showBanner("");
    latest = new Map();
    refresh(target);
  });
  events.addEventListener("error", () => {
    // a restart takes a moment
    lostTimer ??= setTimeout(() => showBanner(
      "The service is unreachable. This page may be outdated; it reconnects automatically.",
    ), 2500);
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => events.readyState === EventSource.CLOSED && !document.hidden && subscribe(), 5000);
    }
  });
}

/**
 * Reloads the images of the page and all newer ones: the event stream keeps deletions for a day only, and a page may be
 * hidden for longer. Ends when `source` is no longer the current event stream.
 */
async function refresh(source) {
  const missing = new Set(tiles.ids());
  const oldest = tiles.oldest()?.id ?? "";
  let address = `/images?limit=${PAGE_SIZE}${before === null ? "" : `&cursor=${before}`}`;
  for (let last; address && (last === undefined || last > oldest);) {
    const response = await fetch(address).catch(() => null);
    if (source !== events) {
      return;
    }
    if (!response?.ok) {
      setTimeout(() => source === events && refresh(source), RETRY_MS);
      return;
    }
    const page = await response.json();
    page.items.map(newest).forEach(place);
    page.items.forEach(({ id }) => missing.delete(id));
    last = page.items.at(-1)?.id ?? "";
    address = page.next;
  }
  missing.forEach(removeImage);
}

// A browser opens few connections per host: a hidden page must not hold one.
document.addEventListener("visibilitychange", () => {
  events.close();
  if (!document.hidden) {
    subscribe();
  }
});

// The browser cannot restore the place in a list that is not loaded yet.
const { offset } = history.state ?? {};
history.scrollRestoration = "manual";
tiles.start(update);
if (offset !== undefined || before !== null) {
  tiles.restore(offset ?? 0);
  if (next === null) {
    tiles.releaseRoom();
  }
}
subscribe();

// Uploads.

const picker = $("#picker");
const dropOverlay = $(".drop-overlay");
const uploadFiles = (files) => files.length > 0 && upload(files, uploads, (image) => place(newest(image)));

picker.addEventListener("change", () => {
  uploadFiles([...picker.files]);
  picker.value = "";
});

const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;

addEventListener("dragenter", (event) => {
  if (holdsFiles(event)) {
    depth += 1;
    dropOverlay.hidden = false;
  }
});
addEventListener("dragleave", (event) => {
  if (holdsFiles(event)) {
    depth -= 1;
    dropOverlay.hidden = depth <= 0;
  }
});
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (holdsFiles(event)) {
    event.preventDefault();
    depth = 0;
    dropOverlay.hidden = true;
    uploadFiles([...event.dataTransfer.files]);
  }
});
addEventListener("paste", (event) => uploadFiles([...(event.clipboardData?.files ?? [])]));
