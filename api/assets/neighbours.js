// The images before and after the one of the viewer, in the list in which it was opened.

import { $, $$ } from "./page.js";
import { Order } from "./order.js";

const workspace = $(".workspace");
const links = { prev: $("a[rel=prev]"), next: $("a[rel=next]") };
const fragment = new URLSearchParams(location.hash.slice(1));
const order = Order.of(fragment);
/** The address of that list. */
export const listAddress = `/${order.fragment().replace("#", "?")}`;
/** A finger that moves so far sideways, and not so far up or down, goes to another image. */
const [MIN_SWIPE_PX, MAX_SLOPE] = [60, 0.6];

const { id, name, bytes } = workspace.dataset;
const cursor = order.cursorOf({ id, name, bytes: Number(bytes) });

/** The image next to this one; `undefined` at an end of the list. A search may go on for several pages. */
async function neighbour(direction) {
  for (let address = order.address({ [direction]: cursor, limit: 1 }); address;) {
    const response = await fetch(address);
    if (!response.ok) {
      return undefined;
    }
    const { items, next } = await response.json();
    if (items.length > 0) {
      return items[0];
    }
    address = next;
  }
  return undefined;
}

async function show(link, direction) {
  const image = await neighbour(direction).catch(() => undefined);
  link.hidden = !image;
  if (image) {
    link.dataset.path = `/images/${image.id}`;
    setAddress(link);
  }
}

/** The address of a neighbour with the options of this page. */
function setAddress(link) {
  const query = new URLSearchParams(location.search);
  query.delete("version");
  link.href = `${link.dataset.path}${`${query}` && `?${query}`}${order.fragment()}`;
}

/** Shows a neighbour in the place of this page: Back leads to the list. */
function go(link) {
  if (!link.hidden) {
    setAddress(link);
    location.replace(link.href);
  }
}

for (const link of Object.values(links)) {
  link.addEventListener("click", (event) => {
    if (event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
      event.preventDefault();
      go(link);
    }
  });
}

addEventListener("keydown", (event) => {
  const link = { ArrowLeft: links.prev, ArrowRight: links.next }[event.key];
  const isUsed = event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented
    || event.target.closest("input, select, textarea, dialog") || scrollsSideways(event.target);
  if (link && !isUsed) {
    event.preventDefault();
    go(link);
  }
});

/** Whether an element, or one around it, can be scrolled to the side. */
function scrollsSideways(element) {
  for (let at = element; at && at !== document.body; at = at.parentElement) {
    if (at.scrollWidth > at.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(at).overflowX)) {
      return true;
    }
  }
  return false;
}

let start;

for (const stage of $$(".panes")) {
  stage.addEventListener("touchstart", ({ touches, target }) => {
    const [{ clientX: x, clientY: y }] = touches;
    const isSwipe = touches.length === 1 && (visualViewport?.scale ?? 1) <= 1.01 && !scrollsSideways(target) && !target.closest(".zoomed");
    start = isSwipe ? { x, y } : undefined;
  }, { passive: true });
  stage.addEventListener("touchend", ({ changedTouches: [{ clientX, clientY }] }) => {
    const [right, down] = start ? [clientX - start.x, clientY - start.y] : [0, 0];
    start = undefined;
    if (Math.abs(right) >= MIN_SWIPE_PX && Math.abs(down) < MAX_SLOPE * Math.abs(right)) {
      go(right > 0 ? links.prev : links.next);
    }
  });
}

show(links.prev, "before");
show(links.next, "cursor");
