// The tiles of the gallery: a list of thousands of images of which only those near the viewport have elements.

import { Order } from "./order.js";
import { $, $$, formatBytes, formatDay } from "./page.js";
import { boxes, justify } from "./rows.js";

const list = $(".tiles");
const blank = $("#blank").content.firstElementChild;
/** Beyond this distance from the viewport, in viewports, tiles have no elements. */
const MARGIN = 1;
/** While the page scrolls faster, in viewports a second, pictures are not loaded: they would be gone before they came. */
const MAX_SPEED = 6;
const SETTLE_MS = 120;
/** The height of pictures in rows, in rem; on a narrow screen, as a part of its width. */
const [ROW_HEIGHT_REM, MAX_HEIGHT_BY_WIDTH] = [13, 0.31];
/** Screens up to this width, in rem, have two pictures in a row at least. */
const NARROW_REM = 34;

export const order = new Order(list.dataset.sort, list.dataset.q, list.dataset.owner, list.dataset.user);
/** Ids of the images that the user selected. */
export const selected = new Set();
/** Images that are loaded, in the order of the list. */
let images = [];
/** The same by id. */
const byId = new Map();
/** The elements of tiles by id. */
const elements = new Map();
/** Elements that are used again: created anew, thousands would wait for the garbage collector. */
const spare = [];
/** Ids of images that arrived while the page was open. */
const arrivals = new Set();
/** Whether the first image of the list is loaded. */
let hasStart = !list.dataset.cursor;
/** The image from which rows grow in both directions; `null`: the first one that is loaded. */
let origin = null;
let layout = { rows: [], height: 0 };
let aspects = [];
let metrics;

/** Whether the user may delete an image. */
export const mayDelete = (image) => (
  list.dataset.deletable === "all" || (list.dataset.deletable === "own" && image?.owner === list.dataset.user)
);
/** Whether the user may delete any. */
export const deletesAny = list.dataset.deletable !== "none";

export const has = (id) => byId.has(id);
export const ids = () => [...byId.keys()];
export const count = () => images.length;
export const image = (id) => byId.get(id);
export const first = () => images[0];
export const last = () => images.at(-1);
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
    link.href = `/images/${image.id}${order.fragment()}`;
  }
  $("img", tile).alt = `${name}, as text`;
  $(".name", tile).textContent = name;
  $(".name", tile).title = name;
  const time = $("time", tile);
  [time.dateTime, time.textContent, time.title] = [image.created_at, ...formatDay(image.created_at)];
  $(".visibility", tile).textContent = image.visibility === "public" ? "public · " : "";
  const frames = image.frames > 1 ? ` · ${image.frames} frames` : "";
  $(".size", tile).textContent = `${image.width} × ${image.height}${frames} · ${formatBytes(image.bytes)}`;
  $(".state", tile).textContent = image.error ?? "";
  $(".state", tile).title = image.error ?? "";
  $(".remove", tile).hidden = !mayDelete(image);
  $(".remove", tile).setAttribute("aria-label", `Delete ${name}`);
  $(".pick", tile).setAttribute("aria-label", `Select ${name}`);
  showSelected(tile);
}

/** Shows whether the image of a tile is selected. */
export function showSelected(tile) {
  const isSelected = selected.has(tile.dataset.id);
  $(".pick", tile).checked = isSelected;
  tile.classList.toggle("selected", isSelected);
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
  $(".pick", tile).hidden = false;
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

/** The index of an image, or of the first one after its place. */
function indexOf(image) {
  let [low, high] = [0, images.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = order.compare(images[middle], image) < 0 ? [middle + 1, high] : [low, middle];
  }
  return low;
}

/** The loaded images from one to another, both included. */
export function between(id, otherId) {
  const [low, high] = [id, otherId].map((id) => indexOf(byId.get(id))).sort((a, b) => a - b);
  return images.slice(low, high + 1);
}

/** The fields that tiles show: thousands of images are kept. */
export const entry = ({ id, name, width, height, bytes, media_type, created_at, status, error, owner, visibility }) => (
  { id, name, width, height, bytes, media_type, created_at, status, error, owner, visibility }
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
    const isNext = images.length === 0 || order.compare(images.at(-1), added[0]) < 0;
    images.push(...added);
    // a page of the list is in its order
    if (isArrival || !isNext) {
      images.sort(order.compare);
    }
    isArranged = false;
  }
  requestFrame();
}

/** Removes an image; the focus moves to its neighbour. */
export function remove(id) {
  const image = byId.get(id);
  if (!image) {
    return;
  }
  byId.delete(id);
  const index = indexOf(image);
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
    ($("a", elements.get(neighbour?.id) ?? document.createElement("p")) ?? $("#picker") ?? $("#main")).focus();
  }
  requestFrame();
}

/** From now on the first image of the list is loaded. */
export function startAtFirst() {
  hasStart = true;
}

// The layout.

function measure() {
  const style = getComputedStyle(list);
  const probe = blank.cloneNode(true);
  list.append(probe);
  const captionHeight = $(".caption", probe).offsetHeight;
  probe.remove();
  const [rem, width] = [parseFloat(getComputedStyle(document.documentElement).fontSize), list.clientWidth];
  return {
    width,
    rowHeight: Math.min(ROW_HEIGHT_REM * rem, MAX_HEIGHT_BY_WIDTH * width),
    minCount: innerWidth <= NARROW_REM * rem ? 2 : 1,
    captionHeight,
    gap: parseFloat(style.columnGap),
    rowGap: parseFloat(style.rowGap),
  };
}

const listTop = () => list.getBoundingClientRect().top + scrollY;

/** The index of the row at a distance from the top of the list, in CSS pixels; between two rows, of the lower one. */
function rowAt(y) {
  let [low, high] = [0, layout.rows.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    [low, high] = layout.rows[middle].bottom <= y ? [middle + 1, high] : [low, middle];
  }
  return low;
}

/** The first row in the viewport, and how far its top is above that of the viewport, or, if negative, below it. */
function firstVisible() {
  const y = scrollY - listTop();
  const row = layout.rows[rowAt(y)];
  return row && { row, offset: y - row.top };
}

/**
 * The place of the reader: the image before the first row in the viewport, if it is loaded, and how far the row's top is
 * above that of the viewport, in CSS pixels.
 */
export function place() {
  const visible = firstVisible();
  return visible && { previous: images[visible.row.first - 1], offset: Math.round(visible.offset) };
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
  // a restored place may be that of a gap, so just above the first loaded row
  const anchor = scrollY > top - (hasStart ? 0 : metrics.rowGap) ? firstVisible() : undefined;
  if (anchor) {
    origin = shown[anchor.row.first];
  } else if (hasStart) {
    origin = null;
  }
  aspects = images.map(aspectOf);
  const start = origin === null ? 0 : indexOf(origin);
  layout = justify(aspects, start, metrics);
  shown = [...images];
  list.style.height = `${layout.height}px`;
  if (anchor && images.length > 0) {
    const index = Math.min(start, images.length - 1);
    const moved = top + layout.rows[rowOf(index)].top + anchor.offset;
    if (Math.abs(moved - scrollY) >= 1) {
      scrollTo(0, moved);
    }
  }
}

/** The images of the current layout. */
let shown = [];
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
    indexes.add(rowOf(indexOf(byId.get(focused))));
  }
  const wanted = new Map();
  for (const row of [...indexes].sort((a, b) => a - b).map((index) => layout.rows[index])) {
    boxes(row, aspects, metrics).forEach((box, nth) => wanted.set(shown[row.first + nth].id, { ...box, row }));
  }
  for (const id of [...elements.keys()]) {
    if (!wanted.has(id)) {
      dropElement(id);
    }
  }
  let next = list.firstElementChild;
  for (const [id, { left, width, row }] of wanted) {
    const image = byId.get(id);
    while (next && order.compare(byId.get(next.dataset.id), image) < 0) {
      next = next.nextElementSibling;
    }
    const tile = elements.get(id) ?? createElement(image);
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
  isArranged &&= origin === null || !hasStart || scrollY > listTop();
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

/** Takes over the tiles of the page. `changed` is called after each change of what is shown. */
export function start(changed) {
  onUpdate = changed;
  for (const tile of $$(".tile", list)) {
    register(tile);
    const { id, status, width, height, bytes, mediaType, owner, visibility } = tile.dataset;
    const name = $(".name", tile).textContent;
    const image = {
      id, status, width: Number(width), height: Number(height), bytes: Number(bytes), media_type: mediaType,
      name: tile.dataset.unnamed === undefined ? name : null,
      created_at: $("time", tile).dateTime, error: $(".state", tile).textContent || undefined, owner, visibility,
    };
    byId.set(id, image);
    images.push(image);
    update(tile, image);
  }
  list.classList.add("placed");
  updateNow();
}
