// The values of the image under the pointer, with their place: of images that have measured values.

/** Options that change values. */
const OPTIONS = ["expression", "bands", "nodata", "unscale", "frame"];
/** Significant digits of a value, and decimals of a pixel that coordinates have. */
const [DIGITS, PIXEL_DECIMALS] = [6, 1];

/** A number without digits that say nothing. */
const number = (value) => value === null ? "no data" : String(Number(value.toPrecision(DIGITS)));

/** The coordinates of the middle of a pixel, as text; nothing for an image without a place. */
function coordinates({ transform, crs }, [x, y]) {
  if (!transform) {
    return [];
  }
  const [a, b, c, d, e, f] = transform.split(",").map(Number);
  const size = Math.max(Math.hypot(a, d), Math.hypot(b, e));
  const decimals = Math.max(0, Math.min(9, PIXEL_DECIMALS - Math.floor(Math.log10(size))));
  const at = [a * (x + 0.5) + b * (y + 0.5) + c, d * (x + 0.5) + e * (y + 0.5) + f];
  const text = at.map((it) => it.toFixed(decimals)).join(", ");
  return [crs ? `${text} (${crs})` : text];
}

/**
 * Writes the values under the pointer into `output`. `pixelAt` is the pixel of the original at an event, `query` the options
 * of the render. There is one request at a time, for the last pixel.
 */
export function showValues(frame, output, address, pixelAt, query) {
  let [wanted, request, shown] = [undefined, undefined, ""];

  function addressOf([x, y]) {
    const [given, options] = [new URLSearchParams(query()), new URLSearchParams()];
    for (const name of OPTIONS.filter((name) => given.has(name) && !(name === "bands" && given.has("expression")))) {
      options.set(name, given.get(name));
    }
    return `${address}/pixel/${x},${y}?${options}`;
  }

  async function ask() {
    while (wanted && !request) {
      const [pixel, url] = [wanted, addressOf(wanted)];
      if (url === shown) {
        return;
      }
      request = new AbortController();
      const { signal } = request;
      try {
        const response = await fetch(url, { signal, headers: { accept: "application/json" } });
        if (response.ok) {
          const { values, band_descriptions: names } = await response.json();
          const of = (value, index) => `${names[index]} ${number(value)}`;
          output.textContent = [`pixel ${pixel.join(", ")}`, ...coordinates(output.dataset, pixel), ...values.map(of)].join(" · ");
        } else if (response.status === 422) {
          // it has no values
          frame.removeEventListener("pointermove", move);
          wanted = undefined;
        }
        shown = url;
      } catch {
        // aborted, or the service is unreachable: the next move asks again
        wanted = signal.aborted ? wanted : undefined;
      }
      request = undefined;
    }
  }

  function forget() {
    wanted = undefined;
    request?.abort();
    [output.textContent, shown] = ["", ""];
  }

  function move(event) {
    wanted = event.buttons === 0 ? pixelAt(event) : undefined;
    wanted ? ask() : forget();
  }

  frame.addEventListener("pointermove", move);
  frame.addEventListener("pointerleave", forget);
}
