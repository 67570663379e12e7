// Zooms and pans in the original: the option `region`, by wheel, pinch, drag and keys on the picture.

/** Factors of one step of a key or button, and of one pixel of the wheel. */
const [STEP, WHEEL] = [1.5, 1.004];
/** The part of what is shown that an arrow key moves by. */
const PAN = 0.15;
/** The smallest side of a region, in pixels. */
const MIN_PX = 8;

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Left, top, width and height in pixels of a region; `undefined` of one that is not understood. */
function parse(region, [width, height]) {
  if (region === "" || region === "full") {
    return [0, 0, width, height];
  }
  if (region === "square") {
    const side = Math.min(width, height);
    return [(width - side) / 2, (height - side) / 2, side, side];
  }
  const isPercent = region.startsWith("pct:");
  const numbers = region.replace("pct:", "").split(",").map(Number);
  if (numbers.length !== 4 || numbers.some(Number.isNaN)) {
    return undefined;
  }
  const scale = isPercent ? [width / 100, height / 100, width / 100, height / 100] : [1, 1, 1, 1];
  return numbers.map((number, at) => number * scale[at]);
}

/**
 * Lets the user zoom and pan in an image of `sides` pixels, which `img` shows inside `frame`. `get` and `set` read and
 * write the region.
 */
export function letZoom(frame, img, sides, get, set) {
  const [width, height] = sides;
  const pointers = new Map();

  const shown = () => parse(get(), sides) ?? [0, 0, width, height];
  const isWhole = () => get() === "" || get() === "full";

  function show([left, top, w, h]) {
    if (w >= width && h >= height) {
      set("full");
      return;
    }
    const [wide, high] = [clamp(Math.round(w), Math.min(MIN_PX, width), width), clamp(Math.round(h), Math.min(MIN_PX, height), height)];
    const [x, y] = [clamp(Math.round(left), 0, width - wide), clamp(Math.round(top), 0, height - high)];
    set(`${x},${y},${wide},${high}`);
  }

  /** Where in the picture a point of the screen is, in parts of its width and height; it may be beside it. */
  function part({ clientX, clientY }) {
    const box = img.getBoundingClientRect();
    const scale = Math.min(box.width / img.naturalWidth, box.height / img.naturalHeight);
    const [w, h] = [img.naturalWidth * scale, img.naturalHeight * scale];
    return [(clientX - box.left - (box.width - w) / 2) / w, (clientY - box.top - (box.height - h) / 2) / h];
  }

  /** The same of the nearest point of the picture. */
  const place = (event) => part(event).map((it) => clamp(it, 0, 1));

  /** The pixel of the original at a point of the screen; `undefined` beside the picture. */
  function pixel(event) {
    const [left, top, w, h] = shown();
    // what lies outside the original is left out
    const sizes = [Math.min(w, width - left), Math.min(h, height - top)];
    const at = part(event).map((it, axis) => Math.floor([left, top][axis] + it * sizes[axis]));
    const isInside = part(event).every((it) => it >= 0 && it < 1) && at.every((it, axis) => it >= 0 && it < sides[axis]);
    return isInside ? at : undefined;
  }

  /** Zooms in by a factor, and keeps a place where it is. */
  function zoom(factor, [x, y] = [0.5, 0.5]) {
    const [left, top, w, h] = shown();
    // both sides shrink alike
    const by = clamp(factor, Math.min(w / width, h / height), Math.max(1, Math.min(w, h) / MIN_PX));
    const [wide, high] = [Math.min(width, w / by), Math.min(height, h / by)];
    show([left + x * (w - wide), top + y * (h - high), wide, high]);
  }

  function pan(x, y) {
    const [left, top, w, h] = shown();
    show([left + x * w, top + y * h, w, h]);
  }

  frame.addEventListener("wheel", (event) => {
    // without a key, it scrolls the page; a pinch on a touchpad comes with one
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(WHEEL ** -event.deltaY, place(event));
    }
  }, { passive: false });

  frame.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target !== frame) {
      return;
    }
    const action = {
      "+": () => zoom(STEP), "=": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: () => set("full"),
      ...!isWhole() && {
        ArrowLeft: () => pan(-PAN, 0), ArrowRight: () => pan(PAN, 0), ArrowUp: () => pan(0, -PAN), ArrowDown: () => pan(0, PAN),
      },
    }[event.key];
    if (action) {
      event.preventDefault();
      action();
    }
  });

  frame.addEventListener("dblclick", (event) => zoom(event.shiftKey ? 1 / STEP ** 2 : STEP ** 2, place(event)));

  // A drag moves what is shown; two fingers also zoom it.
  let start;
  const center = () => {
    const all = [...pointers.values()];
    const mean = (axis) => all.reduce((sum, pointer) => sum + pointer[axis], 0) / all.length;
    return { clientX: mean("clientX"), clientY: mean("clientY") };
  };
  const spread = () => {
    const [a, b] = [...pointers.values()];
    return b ? Math.max(20, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)) : 1;
  };
  const begin = () => {
    start = pointers.size > 0 && { region: shown(), place: place(center()), spread: spread() };
  };

  frame.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    if (event.button === 0 && (!isWhole() || pointers.size === 2)) {
      begin();
      frame.setPointerCapture(event.pointerId);
      // no drag of the picture itself
      event.preventDefault();
    }
  });
  frame.addEventListener("pointermove", (event) => {
    if (!pointers.has(event.pointerId)) {
      return;
    }
    pointers.set(event.pointerId, event);
    if (start) {
      const [left, top, w, h] = start.region;
      const by = pointers.size === 2 ? spread() / start.spread : 1;
      const [wide, high] = [Math.min(width, w / by), Math.min(height, h / by)];
      const [x, y] = place(center());
      show([left + start.place[0] * w - x * wide, top + start.place[1] * h - y * high, wide, high]);
    }
  });
  for (const end of ["pointerup", "pointercancel"]) {
    frame.addEventListener(end, ({ pointerId }) => {
      pointers.delete(pointerId);
      start = undefined;
    });
  }

  return { in: () => zoom(STEP), out: () => zoom(1 / STEP), all: () => set("full"), isWhole, pixel };
}
