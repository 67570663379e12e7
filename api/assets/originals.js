// The original of a tile, shown while the pointer or the focus stays on its picture, or while a finger presses it.

import { $ } from "./page.js";

const list = $(".tiles");
/** How long the pointer stays, and how long a finger presses. */
const [HOVER_MS, PRESS_MS] = [350, 450];
/** Larger originals would take too long, or too much memory: the page of the image shows them. */
const [MAX_BYTES, MAX_PIXELS] = [8e6, 24e6];
/** Formats that browsers do not show. */
const UNSUPPORTED = /^image\/(heic|j2c|jp2|jpx|tiff|qoi|x-portable)/;

let timer;
/** The element of the original that is shown, if any. */
let shown;
/** The finger that shows it is still down, or was lifted just now. */
let isPressed = false;

const screenOf = ({ target }) => target.closest?.(".screen");

function show(screen, delay) {
  hide();
  const { id, bytes, width, height, mediaType, status } = screen.closest(".tile").dataset;
  if (status === "failed" || bytes > MAX_BYTES || width * height > MAX_PIXELS || UNSUPPORTED.test(mediaType)) {
    return;
  }
  timer = setTimeout(() => {
    // tiles that scroll away are used again
    if (!screen.isConnected || screen.closest(".tile").dataset.id !== id) {
      return;
    }
    shown = document.createElement("img");
    shown.className = "original";
    shown.alt = "";
    shown.addEventListener("error", hide);
    shown.src = `/images/${id}/original`;
    screen.append(shown);
    screen.classList.add("shows-original");
  }, delay);
}

function hide() {
  clearTimeout(timer);
  shown?.parentElement?.classList.remove("shows-original");
  shown?.remove();
  shown = undefined;
}

list.addEventListener("pointerover", (event) => {
  const screen = screenOf(event);
  // not when it moves inside of the picture
  if (screen && event.pointerType === "mouse" && !screen.contains(event.relatedTarget)) {
    show(screen, HOVER_MS);
  }
});
list.addEventListener("pointerout", (event) => {
  if (event.pointerType === "mouse" && !screenOf(event)?.contains(event.relatedTarget)) {
    hide();
  }
});
list.addEventListener("focusin", (event) => screenOf(event)?.matches(":focus-visible") && show(screenOf(event), HOVER_MS));
list.addEventListener("focusout", hide);

list.addEventListener("pointerdown", (event) => {
  const screen = screenOf(event);
  isPressed = false;
  if (screen && event.pointerType !== "mouse") {
    show(screen, PRESS_MS);
  }
});
for (const type of ["pointerup", "pointercancel"]) {
  list.addEventListener(type, ({ pointerType }) => {
    if (pointerType !== "mouse") {
      isPressed = shown !== undefined;
      hide();
    }
  });
}
// a long press opens no menu, and the tap that ends it follows no link
list.addEventListener("contextmenu", (event) => shown && !matchMedia("(hover: hover)").matches && event.preventDefault());
list.addEventListener("click", (event) => {
  if (isPressed) {
    event.preventDefault();
    isPressed = false;
  }
});
