// The tiles of the gallery: a list of thousands of images of which only those near the viewport have elements.

import { $, $$, formatBytes } from "./page.js";
import { boxes, justify } from "./rows.js";

const list = $(".tiles");
const blank = $("#blank").content.firstElementChild;
/** Beyond this distance from the viewport, in viewports, tiles have no elements. */
const MARGIN = 1;
/** While the page scrolls faster, in viewports a second, pictures are not loaded: they would be gone before they came. */
const MAX_SPEED = 6;
const SETTLE_MS = 120;
/** The height of pictures in rows, in rem. */
const ROW_HEIGHT_REM = 13;

/** Images that are loaded, newest first: ids sort by time. */
let images = [];
/** The same by id. */
const byId = new Map();
/** The elements of tiles by id. */
const elements = new Map();
/** Elements that are used again: created anew, thousands would wait for the garbage collector. */
const spare = [];
/** Ids of images that arrived while the page was open. */
const arrivals = new Set();
/** Whether the newest image is in the list. */
let startsAtNewest = !list.dataset.before;
/** The image from which rows grow in both directions; `null`: the newest of the list. */
let originId = null;
let layout = { rows: [], height: 0 };
let aspects = [];
let metrics;

export const has = (id) => byId.has(id);
export const ids = () => [...byId.keys()];
export const count = () => images.length;
export const newest = () => images[0];
export const oldest = () => images.at(-1);
export const elementOf = (id) => elements.get(id);

// Elements.

const thumbnailUrl = (id) => `/images/${id}/thumbnail?${list.dataset.spec}`;

/** Of all renders, if it does not depend on the image; otherwise of a render, divided by that of its image. */
const [fixedAspect, aspectScale] = [list.dataset.aspect, list.dataset.aspectScale].map(Number);
const [minAspect, maxAspect] = [list.dataset.minAspect, list.dataset.maxAspect].map(Number);

/** The aspect ratio of the render of an image. */
const ownAspect = ({ width, height }) => fixedAspect || width / height * aspectScale;

/** That of its box in a row. */
const aspectOf = (image) => Math.min(Math.max(ownAspect(image), minAspect), maxAspect);

function update(tile, image) {
  const name = image.name ?? "unnamed";
  tile.dataset.id = image.id;
  tile.dataset.status = image.status;
  tile.dataset.mediaType = image.media_type;
  tile.classList.toggle("barred", aspectOf(image) !== ownAspect(image));
  for (const field of ["width", "height", "bytes"]) {
    tile.dataset[field] = image[field];
  }
  for (const link of $$("a", tile)) {
    link.href = `/images/${image.id}`;
  }
  $("img", tile).alt = `${name}, as text`;
  $(".name", tile).textContent = name;
  $(".name", tile).title = name;
  $(".details", tile).textContent = `${image.width} × ${image.height} · ${formatBytes(image.bytes)}`;
  $(".state", tile).textContent = image.error ?? "";
  $(".state", tile).title = image.error ?? "";
  $(".remove", tile).setAttribute("aria-label", `Delete ${name}`);
}

function load(tile) {
  const img = $("img", tile);
  if (tile.dataset.status === "failed") {
    img.removeAttribute("src");
  } else if (!img.hasAttribute("src")) {
    img.src = thumbnailUrl(tile.dataset.id);
  }
}

function createElement(image) {
  const tile = spare.pop() ?? blank.cloneNode(true);
  update(tile, image);
  tile.classList.remove("load-failed");
  tile.classList.toggle("new", arrivals.delete(image.id));
  register(tile);
  return tile;
}

function register(tile) {
  elements.set(tile.dataset.id, tile);
  $(".remove", tile).hidden = false;
}

function dropElement(id) {
  const tile = elements.get(id);
  elements.delete(id);
  // ends its request
  $("img", tile).removeAttribute("src");
  $(".original", tile)?.remove();
  $(".screen", tile)?.classList.remove("shows-original");
  tile.remove();
  spare.push(tile);
}

// these events do not bubble
for (const type of ["error", "load"]) {
  list.addEventListener(type, ({ target }) => {
    if (!target.matches(".original")) {
      target.closest(".tile")?.classList.toggle("load-failed", type === "error");
    }
  }, true);
}

// The list.

/** The index of the first image that is not newer than `id`. */
function indexOf(id) {
  let [low, high] = [0, images.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = images[middle].id > id ? [middle + 1, high] : [low, middle];
  }
  return low;
}

/** The fields that tiles show: thousands of images are kept. */
const entry = ({ id, name, width, height, bytes, media_type, status, error }) => (
  { id, name, width, height, bytes, media_type, status, error }
);

/** Adds images or updates them, each at its position. `isArrival`: they arrived while the page was open. */
export function put(changed, isArrival = false) {
  const added = [];
  for (const image of changed.map(entry)) {
    const known = byId.get(image.id);
    if (known) {
      Object.assign(known, image);
      const tile = elements.get(image.id);
      if (tile) {
        update(tile, known);
        // an image that failed to load, as while the service was busy, is loaded again
        if (tile.classList.contains("load-failed")) {
          $("img", tile).removeAttribute("src");
        }
      }
    } else {
      byId.set(image.id, image);
      added.push(image);
      isArrival && arrivals.add(image.id);
    }
  }
  if (added.length > 0) {
    images = [...images, ...added].sort((a, b) => (a.id < b.id ? 1 : -1));
    isArranged = false;
  }
  requestFrame();
}

/** Removes an image; the focus moves to its neighbour. */
export function remove(id) {
  if (!byId.delete(id)) {
    return;
  }
  const index = indexOf(id);
  images.splice(index, 1);
  isArranged = false;
  const tile = elements.get(id);
  const hadFocus = tile?.contains(document.activeElement);
  if (tile) {
    dropElement(id);
  }
  if (hadFocus) {
    updateNow();
    const neighbour = images[Math.min(index, images.length - 1)];
    ($("a", elements.get(neighbour?.id) ?? document.createElement("p")) ?? $("#picker")).focus();
  }
  requestFrame();
}

/** From now on the newest image is in the list. */
export function startAtNewest() {
  startsAtNewest = true;
}

// The layout.

function measure() {
  const style = getComputedStyle(list);
  const probe = blank.cloneNode(true);
  list.append(probe);
  const captionHeight = $(".caption", probe).offsetHeight;
  probe.remove();
  return {
    width: list.clientWidth,
    rowHeight: ROW_HEIGHT_REM * parseFloat(getComputedStyle(document.documentElement).fontSize),
    captionHeight,
    gap: parseFloat(style.columnGap),
    rowGap: parseFloat(style.rowGap),
  };
}

const listTop = () => list.getBoundingClientRect().top + scrollY;

/** The index of the row at a distance from the top of the list, in CSS pixels. */
function rowAt(y) {
  let [low, high] = [0, layout.rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = layout.rows[middle].bottom <= y ? [middle + 1, high] : [low, middle];
  }
  return low;
}

/** The first row in the viewport, and how far its top is above that of the viewport. */
function firstVisible() {
  const y = scrollY - listTop();
  const row = layout.rows[rowAt(y)];
  return row && { row, offset: y - row.top };
}

/**
 * The place of the reader: the id of the image before the first row in the viewport, and how far the row's top is above
 * that of the viewport, in CSS pixels.
 */
export function place() {
  const visible = firstVisible();
  return visible && { before: images[visible.row.first - 1]?.id ?? null, offset: Math.round(visible.offset) };
}

/** Shows the place at the start of the list again, `offset` CSS pixels below it. */
export function restore(offset) {
  updateNow();
  // until older images are loaded, the list may be too short to scroll there
  list.style.minHeight = `${Math.max(0, offset) + innerHeight}px`;
  scrollTo(0, listTop() + offset);
  updateNow();
}

/**
 * Computes the rows. If the start of the list is above the viewport, rows grow from the first one in the viewport, so that
 * what the reader sees stays where it is.
 */
function arrange() {
  const top = listTop();
  const anchor = scrollY > top ? firstVisible() : undefined;
  if (anchor) {
    originId = shownIds[anchor.row.first];
  } else if (startsAtNewest) {
    originId = null;
  }
  aspects = images.map(aspectOf);
  const origin = originId === null ? 0 : indexOf(originId);
  layout = justify(aspects, origin, metrics);
  shownIds = images.map(({ id }) => id);
  list.style.height = `${layout.height}px`;
  if (anchor && images.length > 0) {
    const index = Math.min(origin, images.length - 1);
    const moved = top + layout.rows[rowOf(index)].top + anchor.offset;
    if (Math.abs(moved - scrollY) >= 1) {
      scrollTo(0, moved);
    }
  }
}

/** The ids of the images as of the current layout. */
let shownIds = [];
let isArranged = false;
let isRequested = false;
let lastScroll = { y: 0, time: 0 };
let settling;
let onUpdate = () => {};

/** The index of the row of an image. */
const rowOf = (index) => layout.rows.findIndex(({ end }) => index < end);

/** Creates the elements of the rows near the viewport, and removes those of the others. */
function showTiles() {
  const y = scrollY - listTop();
  const near = { first: rowAt(y - MARGIN * innerHeight), last: rowAt(y + (1 + MARGIN) * innerHeight) };
  const indexes = new Set();
  for (let index = near.first; index <= Math.min(near.last, layout.rows.length - 1); index += 1) {
    indexes.add(index);
  }
  // a tile that has the focus stays, so that the keyboard continues from it
  const focused = document.activeElement?.closest(".tile")?.dataset.id;
  if (byId.has(focused)) {
    indexes.add(rowOf(indexOf(focused)));
  }
  const wanted = new Map();
  for (const row of [...indexes].sort((a, b) => a - b).map((index) => layout.rows[index])) {
    boxes(row, aspects, metrics).forEach((box, nth) => wanted.set(shownIds[row.first + nth], { ...box, row }));
  }
  for (const id of [...elements.keys()]) {
    if (!wanted.has(id)) {
      dropElement(id);
    }
  }
  let next = list.firstElementChild;
  for (const [id, { left, width, row }] of wanted) {
    while (next && next.dataset.id > id) {
      next = next.nextElementSibling;
    }
    const tile = elements.get(id) ?? createElement(byId.get(id));
    if (tile === next) {
      next = next.nextElementSibling;
    } else {
      list.insertBefore(tile, next);
    }
    Object.assign(tile.style, { left: `${left}px`, top: `${row.top}px`, width: `${width}px` });
    $(".screen", tile).style.height = `${row.height}px`;
  }
  if (settling === undefined) {
    elements.forEach(load);
  }
}

function updateNow() {
  isRequested = false;
  metrics ??= measure();
  if (!isArranged) {
    isArranged = true;
    arrange();
  }
  showTiles();
  onUpdate();
}

/** Shows changes with the next frame. */
function requestFrame() {
  if (!isRequested) {
    isRequested = true;
    requestAnimationFrame(() => isRequested && updateNow());
  }
}

addEventListener("scroll", () => {
  const now = { y: scrollY, time: performance.now() };
  const speed = Math.abs(now.y - lastScroll.y) / innerHeight / Math.max(now.time - lastScroll.time, 16) * 1000;
  lastScroll = now;
  if (speed > MAX_SPEED || settling !== undefined) {
    clearTimeout(settling);
    settling = setTimeout(() => {
      settling = undefined;
      requestFrame();
    }, SETTLE_MS);
  }
  // at the start of the list, the first row is complete
  isArranged &&= originId === null || !startsAtNewest || scrollY > listTop();
  requestFrame();
}, { passive: true });

new ResizeObserver(() => {
  if (metrics && metrics.width !== list.clientWidth) {
    metrics = undefined;
    isArranged = false;
    requestFrame();
  }
}).observe(list);

/** How much of the loaded list is above and below the viewport, in viewports. */
export function reserve() {
  const y = scrollY - listTop();
  return { above: y / innerHeight, below: (layout.height - y) / innerHeight - 1 };
}

/** All loaded images are laid out: the list needs no more room than they take. */
export const releaseRoom = () => { list.style.minHeight = ""; };

/** Takes over the tiles of the page. `update` is called after each change of what is shown. */
export function start(update) {
  onUpdate = update;
  for (const tile of $$(".tile", list)) {
    register(tile);
    const { id, status, width, height, bytes, mediaType } = tile.dataset;
    const image = {
      id, status, width: Number(width), height: Number(height), bytes: Number(bytes), media_type: mediaType,
      name: $(".name", tile).textContent, error: $(".state", tile).textContent || undefined,
    };
    byId.set(id, image);
    images.push(image);
    update(tile, image);
  }
  list.classList.add("placed");
  updateNow();
}
