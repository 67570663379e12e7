// The gallery: takes images in, shows them as they come, and goes on where the page ends.

import { $, $$, complaint, confirmed, remove, size, toast } from "./page.js";
import { upload } from "./uploads.js";

const tiles = $(".tiles");
const empty = $(".empty");
const banner = $(".banner");
const more = $(".more");
const uploads = $(".uploads");
const blank = $("#blank").content.firstElementChild;

// Tiles.

const source = (tile) => `/images/${tile.dataset.id}?${tiles.dataset.spec}&format=svg`;

// A drawing has thousands of nodes: those that are screens away are put down, or thousands of tiles would take gigabytes.
const shown = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const picture = $("img", target);
    if (!isIntersecting) {
      picture.removeAttribute("src");
    } else if (!picture.hasAttribute("src")) {
      picture.src = source(target);
    }
  }
}, { rootMargin: "200% 0px" });

function fill(tile, image) {
  const name = image.name ?? "unnamed";
  tile.dataset.id = image.id;
  tile.dataset.status = image.status;
  for (const link of $$("a", tile)) {
    link.href = `/images/${image.id}`;
  }
  const picture = $("img", tile);
  picture.alt = `${name}, as text`;
  // one that could not be drawn a moment ago, as when all were busy, is tried again
  if (tile.classList.contains("blind")) {
    picture.src = source(tile);
  }
  $(".name", tile).textContent = name;
  $(".facts", tile).textContent = `${image.width} × ${image.height} · ${size(image.bytes)}`;
  $(".state", tile).textContent = image.error ?? "";
  $(".remove", tile).setAttribute("aria-label", `Delete ${name}`);
}

/** Every tile by its image's id. */
const known = new Map();
/** Images that were deleted while this page was open: an older answer may still have them. */
const gone = new Set();
/** Images as whoever we listen to told of them since he was there: answers may be older. */
let told = new Map();
const newest = (image) => told.get(image.id) ?? image;

function make(image) {
  const tile = blank.cloneNode(true);
  tile.classList.add("new");
  fill(tile, image);
  ready(tile);
  return tile;
}

function ready(tile) {
  known.set(tile.dataset.id, tile);
  $(".remove", tile).hidden = false;
  shown.observe(tile);
  const picture = $("img", tile);
  picture.addEventListener("error", () => tile.classList.add("blind"));
  picture.addEventListener("load", () => tile.classList.remove("blind"));
}

/** Shows an image where it belongs: ids sort by time. */
function place(image) {
  const old = known.get(image.id);
  if (gone.has(image.id)) {
    return;
  }
  if (old) {
    fill(old, image);
    return;
  }
  if (!("first" in tiles.dataset)) {
    return;
  }
  const after = [...tiles.children].find((tile) => tile.dataset.id < image.id);
  if (!after && tiles.dataset.next) {
    return; // older than all that is shown
  }
  tiles.insertBefore(make(image), after ?? null);
  empty.hidden = true;
}

function forget(id) {
  const tile = known.get(id);
  gone.add(id);
  if (!tile) {
    return;
  }
  known.delete(id);
  const neighbour = tile.nextElementSibling ?? tile.previousElementSibling;
  const hadFocus = tile.contains(document.activeElement);
  shown.unobserve(tile);
  tile.remove();
  if (hadFocus) {
    ($("a", neighbour ?? document) ?? $("#picker")).focus();
  }
  empty.hidden = tiles.children.length > 0;
}

$$(".tile", tiles).forEach(ready);

tiles.addEventListener("click", async (event) => {
  const button = event.target.closest(".remove");
  if (!button) {
    return;
  }
  const tile = button.closest(".tile");
  const name = $(".name", tile).textContent;
  $("#ask-title").textContent = `Delete ${name}?`;
  if (await confirmed($("#ask")) && await remove(tile.dataset.id)) {
    forget(tile.dataset.id);
    toast(`${name} is deleted.`);
  }
});

// Older ones, as the end of the page comes near.

let loading = false;

async function older() {
  if (loading || !tiles.dataset.next) {
    return;
  }
  loading = true;
  try {
    const response = await fetch(tiles.dataset.next);
    if (!response.ok) {
      throw new Error(await complaint(response));
    }
    const { items, next } = await response.json();
    tiles.append(...items.filter(({ id }) => !known.has(id) && !gone.has(id)).map(newest).map(make));
    if (next) {
      tiles.dataset.next = next;
    } else {
      delete tiles.dataset.next;
      more.hidden = true;
    }
    nearing.unobserve(more);
    nearing.observe(more);
  } catch (error) {
    tell(`Older images could not be fetched: ${error.message}.`);
  }
  loading = false;
}

// Whoever is watched anew is told of even where he never left.
const nearing = more && new IntersectionObserver((entries) => entries.at(-1).isIntersecting && older(), {
  rootMargin: "100% 0px",
});
if (more) {
  nearing.observe(more);
  $("a", more).addEventListener("click", (event) => {
    event.preventDefault();
    older();
  });
}

// What happens meanwhile.

function tell(text) {
  banner.textContent = text;
  banner.hidden = text === "";
}

let events;
let lost;

/** Hears of changes from now on, and looks at what changed before. */
function follow() {
  events = new EventSource("/images/events");
  events.addEventListener("image", ({ data }) => {
    const image = JSON.parse(data);
    told.set(image.id, image);
    place(image);
  });
  events.addEventListener("deleted", ({ data }) => forget(JSON.parse(data).id));
  events.addEventListener("open", ({ target }) => {
    clearTimeout(lost);
    lost = undefined;
    tell("");
    told = new Map();
    refresh(target);
  });
  events.addEventListener("error", () => {
    // a service that restarts is back in a moment
    lost ??= setTimeout(() => tell(
      "The service cannot be reached. What you see may be old; this page goes on by itself when it is back.",
    ), 2500);
    if (events.readyState === EventSource.CLOSED) {
      setTimeout(() => events.readyState === EventSource.CLOSED && !document.hidden && follow(), 5000);
    }
  });
}

/**
 * Looks at everything that is shown, and at all that is newer: deletions are remembered for a day, and a page may be
 * hidden for longer. Ends when somebody else listens.
 */
async function refresh(listener) {
  const before = new Set(known.keys());
  const oldest = tiles.lastElementChild?.dataset.id ?? "";
  const cursor = new URLSearchParams(location.search).get("cursor");
  let next = `/images?limit=200${cursor ? `&cursor=${cursor}` : ""}`;
  for (let last; next && (last === undefined || last > oldest);) {
    const response = await fetch(next).catch(() => null);
    if (listener !== events) {
      return;
    }
    if (!response?.ok) {
      setTimeout(() => listener === events && refresh(listener), 5000);
      return;
    }
    const page = await response.json();
    page.items.map(newest).forEach(place);
    page.items.forEach(({ id }) => before.delete(id));
    last = page.items.at(-1)?.id ?? "";
    next = page.next;
  }
  before.forEach(forget);
}

// A browser has few connections to a host: a page that nobody sees holds none.
document.addEventListener("visibilitychange", () => {
  events.close();
  if (!document.hidden) {
    follow();
  }
});
follow();

// Uploads.

const picker = $("#picker");
const veil = $(".veil");
const take = (files) => files.length > 0 && upload(files, uploads, (image) => place(newest(image)));

picker.addEventListener("change", () => {
  take([...picker.files]);
  picker.value = "";
});

const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
let depth = 0;

addEventListener("dragenter", (event) => {
  if (holdsFiles(event)) {
    depth += 1;
    veil.hidden = false;
  }
});
addEventListener("dragleave", (event) => {
  if (holdsFiles(event)) {
    depth -= 1;
    veil.hidden = depth <= 0;
  }
});
addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
addEventListener("drop", (event) => {
  if (holdsFiles(event)) {
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    take([...event.dataTransfer.files]);
  }
});
addEventListener("paste", (event) => take([...(event.clipboardData?.files ?? [])]));
