// The gallery: uploads images, shows changes as they happen, and loads older images on demand.

import { $, $$, confirmDelete, deleteImage, errorMessage, formatBytes, toast } from "./page.js";
import { upload } from "./uploads.js";

const tiles = $(".tiles");
const empty = $(".empty");
const banner = $(".banner");
const more = $(".more");
const uploads = $(".uploads");
const blank = $("#blank").content.firstElementChild;

// Tiles.

const renderUrl = (tile) => `/images/${tile.dataset.id}?${tiles.dataset.spec}&format=svg`;

// An SVG has thousands of nodes. Those far outside the viewport are unloaded: thousands of tiles would take gigabytes.
const visibility = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const img = $("img", target);
    if (!isIntersecting) {
      img.removeAttribute("src");
    } else if (!img.hasAttribute("src")) {
      img.src = renderUrl(target);
    }
  }
}, { rootMargin: "200% 0px" });

function update(tile, image) {
  const name = image.name ?? "unnamed";
  tile.dataset.id = image.id;
  tile.dataset.status = image.status;
  for (const link of $$("a", tile)) {
    link.href = `/images/${image.id}`;
  }
  const img = $("img", tile);
  img.alt = `${name}, as text`;
  // an image that failed to load, as while the service was busy, is loaded again
  if (tile.classList.contains("load-failed")) {
    img.src = renderUrl(tile);
  }
  $(".name", tile).textContent = name;
  $(".details", tile).textContent = `${image.width} × ${image.height} · ${formatBytes(image.bytes)}`;
  $(".state", tile).textContent = image.error ?? "";
  $(".remove", tile).setAttribute("aria-label", `Delete ${name}`);
}

/** The tiles by the id of their image. */
const tilesById = new Map();
/** Ids of images that were deleted since the page was opened: an older response may still list them. */
const deleted = new Set();
/** Images by id, as of the latest event of the current event stream: a response may be older. */
let latest = new Map();
const newest = (image) => latest.get(image.id) ?? image;

function createTile(image) {
  const tile = blank.cloneNode(true);
  tile.classList.add("new");
  update(tile, image);
  register(tile);
  return tile;
}

function register(tile) {
  tilesById.set(tile.dataset.id, tile);
  $(".remove", tile).hidden = false;
  visibility.observe(tile);
  const img = $("img", tile);
  img.addEventListener("error", () => tile.classList.add("load-failed"));
  img.addEventListener("load", () => tile.classList.remove("load-failed"));
}

/** Adds or updates an image at its position: ids sort by time. */
function place(image) {
  const old = tilesById.get(image.id);
  if (deleted.has(image.id)) {
    return;
  }
  if (old) {
    update(old, image);
    return;
  }
  if (!("first" in tiles.dataset)) {
    return;
  }
  const after = [...tiles.children].find((tile) => tile.dataset.id < image.id);
  if (!after && tiles.dataset.next) {
    return; // older than all tiles of the page
  }
  tiles.insertBefore(createTile(image), after ?? null);
  empty.hidden = true;
}

function removeTile(id) {
  const tile = tilesById.get(id);
  deleted.add(id);
  if (!tile) {
    return;
  }
  tilesById.delete(id);
  const neighbour = tile.nextElementSibling ?? tile.previousElementSibling;
  const hadFocus = tile.contains(document.activeElement);
  visibility.unobserve(tile);
  tile.remove();
  if (hadFocus) {
    ($("a", neighbour ?? document) ?? $("#picker")).focus();
  }
  empty.hidden = tiles.children.length > 0;
}

$$(".tile", tiles).forEach(register);

tiles.addEventListener("click", async (event) => {
  const button = event.target.closest(".remove");
  if (!button) {
    return;
  }
  const tile = button.closest(".tile");
  const name = $(".name", tile).textContent;
  $("#confirm-title").textContent = `Delete ${name}?`;
  if (await confirmDelete($("#confirm")) && await deleteImage(tile.dataset.id)) {
    removeTile(tile.dataset.id);
    toast(`${name} was deleted.`);
  }
});

// Older images, loaded when the end of the page comes into view.

let loading = false;

async function loadOlder() {
  if (loading || !tiles.dataset.next) {
    return;
  }
  loading = true;
  try {
    const response = await fetch(tiles.dataset.next);
    if (!response.ok) {
      throw new Error(await errorMessage(response));
    }
    const { items, next } = await response.json();
    tiles.append(...items.filter(({ id }) => !tilesById.has(id) && !deleted.has(id)).map(newest).map(createTile));
    if (next) {
      tiles.dataset.next = next;
    } else {
      delete tiles.dataset.next;
      more.hidden = true;
    }
    pageEnd.unobserve(more);
    pageEnd.observe(more);
  } catch (error) {
    showBanner(`Older images could not be loaded: ${error.message}.`);
  }
  loading = false;
}

// observing it again reports it even if it has stayed in view
const pageEnd = more && new IntersectionObserver((entries) => entries.at(-1).isIntersecting && loadOlder(), {
  rootMargin: "100% 0px",
});
if (more) {
  pageEnd.observe(more);
  $("a", more).addEventListener("click", (event) => {
    event.preventDefault();
    loadOlder();
  });
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
  events.addEventListener("deleted", ({ data }) => removeTile(JSON.parse(data).id));
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
  const missing = new Set(tilesById.keys());
  const oldest = tiles.lastElementChild?.dataset.id ?? "";
  const cursor = new URLSearchParams(location.search).get("cursor");
  let next = `/images?limit=200${cursor ? `&cursor=${cursor}` : ""}`;
  for (let last; next && (last === undefined || last > oldest);) {
    const response = await fetch(next).catch(() => null);
    if (source !== events) {
      return;
    }
    if (!response?.ok) {
      setTimeout(() => source === events && refresh(source), 5000);
      return;
    }
    const page = await response.json();
    page.items.map(newest).forEach(place);
    page.items.forEach(({ id }) => missing.delete(id));
    last = page.items.at(-1)?.id ?? "";
    next = page.next;
  }
  missing.forEach(removeTile);
}

// A browser opens few connections per host: a hidden page must not hold one.
document.addEventListener("visibilitychange", () => {
  events.close();
  if (!document.hidden) {
    subscribe();
  }
});
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
