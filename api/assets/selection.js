// Selects several images of the gallery, to download or delete them.

import { $, $$, confirmDelete, deleteImage, toast } from "./page.js";
import * as tiles from "./tiles.js";

const list = $(".tiles");
const bar = $(".selection");
const toggle = $(".select-several");
const { selected } = tiles;
/** Requests at a time that delete images. */
const MAX_CONCURRENT = 4;
/** A browser drops downloads that begin at the same time. */
const DOWNLOAD_INTERVAL_MS = 300;

/** Whether the button for it was pressed. */
let isPressed = false;
/** While images are selected, a click on a picture selects it, instead of opening it. */
let isSelecting = false;
/** The image that was selected last: a click with the Shift key selects from there. */
let anchor;

function update() {
  isSelecting = isPressed || selected.size > 0;
  list.classList.toggle("selecting", isSelecting);
  toggle.setAttribute("aria-pressed", String(isSelecting));
  bar.hidden = !isSelecting;
  $("strong", bar).textContent = `${selected.size} selected`;
  for (const button of $$(".download, .danger", bar)) {
    button.disabled = selected.size === 0;
  }
  $(".danger", bar).hidden = !tiles.deletesAny || ![...selected].every((id) => tiles.mayDelete(tiles.image(id)));
  $$(".tile", list).forEach(tiles.showSelected);
}

function select(id, isSelected, isRange) {
  const range = isRange && tiles.image(anchor) ? tiles.between(anchor, id) : [{ id }];
  for (const image of range) {
    isSelected ? selected.add(image.id) : selected.delete(image.id);
  }
  anchor = id;
  update();
}

/** An image that was deleted is no longer selected. */
export function deselect(id) {
  if (selected.delete(id)) {
    update();
  }
}

function clear() {
  selected.clear();
  isPressed = false;
  update();
}

// before the listeners that open an image, or delete one
list.addEventListener("click", (event) => {
  const tile = event.target.closest(".tile");
  if (event.target.matches(".pick")) {
    select(tile.dataset.id, event.target.checked, event.shiftKey);
  } else if (isSelecting && event.target.closest(".screen, .name")) {
    event.preventDefault();
    select(tile.dataset.id, !selected.has(tile.dataset.id), event.shiftKey);
  }
}, true);

toggle.addEventListener("click", () => {
  if (isSelecting) {
    clear();
  } else {
    isPressed = true;
    update();
  }
});
$(".clear", bar).addEventListener("click", clear);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isSelecting && !$("dialog[open]")) {
    clear();
  }
});

$(".download", bar).addEventListener("click", async () => {
  const ids = [...selected];
  for (const [index, id] of ids.entries()) {
    const link = document.createElement("a");
    link.href = `/images/${id}/original`;
    link.download = "";
    link.click();
    if (index + 1 < ids.length) {
      await new Promise((done) => setTimeout(done, DOWNLOAD_INTERVAL_MS));
    }
  }
  toast(`${ids.length} ${ids.length === 1 ? "download" : "downloads"} started.`);
});

$(".danger", bar).addEventListener("click", async () => {
  const ids = [...selected];
  const what = ids.length === 1 ? "this image" : `these ${ids.length} images`;
  $("#confirm-title").textContent = `Delete ${what}?`;
  if (!await confirmDelete($("#confirm"))) {
    return;
  }
  let [next, gone] = [0, 0];
  const work = async () => {
    while (next < ids.length) {
      const id = ids[next];
      next += 1;
      if (await deleteImage(id)) {
        gone += 1;
        selected.delete(id);
        list.dispatchEvent(new CustomEvent("removed", { detail: id }));
      }
    }
  };
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, work));
  if (gone === ids.length) {
    toast(`${gone} ${gone === 1 ? "image was" : "images were"} deleted.`);
    clear();
  } else {
    update();
  }
});
