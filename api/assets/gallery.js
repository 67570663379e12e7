// The gallery: uploads images, shows changes as they happen, and loads further images on demand.

import { gather } from "./gather.js";
import { $, $$, confirmDelete, deleteImage, errorMessage, formatCount, toast } from "./page.js";
import { deselect } from "./selection.js";
import * as tiles from "./tiles.js";
import { upload } from "./uploads.js";
import "./originals.js";

const list = $(".tiles");
const empty = $(".empty");
const banner = $(".banner");
const more = $(".more");
const front = $(".front");
const { order } = tiles;

/** Images that are loaded at a time: the most that the service lists. */
const PAGE_SIZE = 200;
/** Further images are loaded when less than this is loaded beyond the viewport, in viewports. */
const RESERVE = 2;
/** The pause after a failed request. */
const RETRY_MS = 5000;
/** Browsers limit how often the address may change. */
const ADDRESS_DELAY_MS = 250;
/** Changes may come in crowds: images are counted again once so much time is over. */
const COUNT_DELAY_MS = 1000;

/** Ids of images that were deleted since the page was opened: an older response may still list them. */
const deleted = new Set();
/** Images by id, as of the latest event of the current event stream: a response may be older. */
let latest = new Map();
const newest = (image) => latest.get(image.id) ?? image;

// The loaded images are those beyond `cursor`, which is `null` at the start of the list, up to those that `next` leads to.
let cursor = list.dataset.cursor ?? null;
let next = list.dataset.next ?? null;

/** The cursor in the address of a page. */
const cursorIn = (address) => {
  const query = new URL(address, location).searchParams;
  return query.get("cursor") ?? query.get("before");
};

/** Whether the place of an image is between the loaded ones. */
const isBetween = (image) => (
  (cursor === null || order.compare(image, order.place(cursor)) > 0)
  && (next === null || order.compare(image, order.place(cursorIn(next))) <= 0)
);

/** Adds or updates an image if it belongs between the loaded ones; returns whether it does. */
function place(image) {
  const isKept = tiles.image(image.id) && order.isListed(image);
  const isShown = !deleted.has(image.id) && (isKept || (order.includes(image) && isBetween(image)));
  if (isShown) {
    tiles.put([image], true);
  } else {
    tiles.remove(image.id);
  }
  return isShown;
}

function removeImage(id) {
  deleted.add(id);
  deselect(id);
  tiles.remove(id);
}

// How many images there are.

let countTimer;

function countLater() {
  countTimer ??= setTimeout(async () => {
    const response = await fetch(order.address({ limit: 1, count: true })).catch(() => null);
    countTimer = undefined;
    if (response?.ok) {
      $(".count").textContent = formatCount((await response.json()).count, order.q !== "");
    }
  }, COUNT_DELAY_MS);
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

list.addEventListener("removed", ({ detail }) => {
  removeImage(detail);
  countLater();
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
    tiles.put(page.items.filter((image) => !deleted.has(image.id) && isBetween(image)).map(newest));
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

const loadNext = () => loadPage(next, (page) => {
  ({ next } = page);
  tiles.releaseRoom();
});

const loadPrevious = () => loadPage(order.address({ before: order.cursorOf(tiles.first()), limit: PAGE_SIZE }), (page) => {
  // the loaded images are those beyond the cursor: not the first one of the page
  cursor = page.next && cursorIn(page.next);
  if (cursor === null) {
    tiles.startAtFirst();
    // those that arrived while the page was loaded
    latest.forEach(place);
  }
});

function loadFurther() {
  const { above, below } = tiles.reserve();
  if (next !== null && below < RESERVE) {
    loadNext();
  } else if (cursor !== null && above < RESERVE && tiles.count() > 0) {
    loadPrevious();
  }
}

if (more) {
  $("a", more).addEventListener("click", (event) => {
    event.preventDefault();
    loadNext();
  });
}

// The address has the place of the reader: the cursor of the images from the first visible row on.

let addressTimer;

function updateAddress() {
  const place = tiles.place();
  if (!place) {
    return;
  }
  const from = place.previous ? order.cursorOf(place.previous) : cursor;
  const address = new URL(location);
  for (const link of $$(".looks a")) {
    setCursor(link, from);
  }
  setCursor(address, from);
  history.replaceState({ offset: place.offset }, "", address);
}

/** Sets the cursor in the query of an address or a link. */
function setCursor(address, from) {
  const query = new URLSearchParams(address.search);
  query.delete("cursor");
  if (from !== null) {
    query.set("cursor", from);
  }
  address.search = query;
}

function update() {
  const isEmpty = tiles.count() === 0 && next === null;
  empty.hidden = !isEmpty;
  front.toggleAttribute("data-empty", isEmpty && cursor === null && order.q === "");
  if (more) {
    more.hidden = next === null;
  }
  if (next !== null && tiles.count() === 0) {
    showBanner("Searching…");
  } else if (banner.textContent === "Searching…") {
    showBanner("");
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
    const image = tiles.entry(JSON.parse(data));
    latest.set(image.id, image);
    place(image);
    countLater();
  });
  events.addEventListener("deleted", ({ data }) => {
    removeImage(JSON.parse(data).id);
    countLater();
  });
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
 * Reloads the loaded images and those that came between them: the event stream keeps deletions for a day only, and a page may be
 * hidden for longer. Ends when `source` is no longer the current event stream.
 */
async function refresh(source) {
  const missing = new Set(tiles.ids());
  const end = tiles.last();
  let address = order.address({ ...(cursor === null ? {} : { cursor }), limit: PAGE_SIZE });
  for (let last; address && (last === undefined || end && order.compare(last, end) < 0);) {
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
    address = page.next;
    last = address && order.place(cursorIn(address));
  }
  missing.forEach(removeImage);
  countLater();
}

// A browser opens few connections per host: a hidden page must not hold one.
document.addEventListener("visibilitychange", () => {
  events.close();
  if (!document.hidden) {
    subscribe();
  }
});

// the images before are loaded as the reader scrolls
$(".earlier")?.remove();
// The browser cannot restore the place in a list that is not loaded yet.
const { offset } = history.state ?? {};
history.scrollRestoration = "manual";
tiles.start(update);
if (offset !== undefined || cursor !== null) {
  tiles.restore(offset ?? 0);
  if (next === null) {
    tiles.releaseRoom();
  }
}
subscribe();

// The order and the search.

const find = $(".find");
$("select", find).addEventListener("change", () => find.requestSubmit());
// the address has only what is not the default
find.addEventListener("formdata", ({ formData }) => {
  formData.get("q") || formData.delete("q");
  formData.get("sort") === "newest" && formData.delete("sort");
});

// Uploads.

gather((files) => upload(files, (image) => {
  if (!place(newest(image))) {
    toast(`${image.name ?? "The image"} is stored. It is not in this part of the list.`);
  }
}));
