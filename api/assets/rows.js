// Justified rows: pictures of any aspect ratio in rows that are as wide as the page.

/** Pictures with a greater aspect ratio are panoramas: beside another one, they would be too low on a phone. */
const PANORAMA = 2.5;

/**
 * Lays out pictures in rows. Each row has about the height `rowHeight` and the full `width`, except an incomplete one at
 * either end. Rows grow from the picture at index `origin` downwards, and upwards from the one before it, so that adding
 * pictures at either end moves only those of an incomplete row.
 *
 * `aspects` are widths divided by heights; all lengths are CSS pixels. Each full row has at least `minCount` pictures,
 * or ends beside a panorama.
 * Below each picture is a caption. Returns the rows from the top, each with its first index and the index after its
 * last, and the total height.
 */
export function justify(aspects, origin, { width, rowHeight, captionHeight, gap, rowGap, minCount }) {
  const heightOf = (sum, count) => (width - gap * (count - 1)) / sum;
  const deviation = (height) => Math.abs(Math.log(height / rowHeight));

  /** Rows of the pictures from index `start` to before `end`, with `step` 1; or down from it, with -1. */
  function fill(start, end, step) {
    const filled = [];
    let [first, sum, count] = [start, 0, 0];
    for (let index = start; index !== end + step; index += step) {
      const isLast = index === end;
      const withNext = isLast ? 0 : sum + aspects[index];
      const mayEnd = count >= minCount || sum > PANORAMA || aspects[index] > PANORAMA;
      const isFull = count > 0 && (isLast || mayEnd && deviation(heightOf(withNext, count + 1)) > deviation(heightOf(sum, count)));
      if (isFull) {
        const natural = heightOf(sum, count);
        const isIncomplete = isLast && natural > 1.25 * rowHeight;
        const height = Math.round(isIncomplete ? rowHeight : Math.min(natural, 2 * rowHeight));
        filled.push({ first: Math.min(first, index - step), end: Math.max(first, index - step) + 1, height });
        [first, sum, count] = [index, 0, 0];
      }
      sum += aspects[index];
      count += 1;
    }
    return filled;
  }

  const rows = [...fill(origin - 1, -1, -1).reverse(), ...fill(origin, aspects.length, 1)];
  let top = 0;
  for (const row of rows) {
    row.top = top;
    row.bottom = top + row.height + captionHeight;
    top = row.bottom + rowGap;
  }
  return { rows, height: Math.max(0, top - rowGap) };
}

/** Left edge and width of each picture of a row. */
export function boxes(row, aspects, { width, gap }) {
  const inRow = aspects.slice(row.first, row.end);
  const ends = [];
  let end = -gap;
  for (const aspect of inRow) {
    end += gap + aspect * row.height;
    ends.push(end);
  }
  // the height was rounded: the last picture ends at the edge of the page nevertheless
  const rounded = inRow.reduce((sum, aspect) => sum + aspect / 2, 1);
  const scale = Math.abs(end - width) < rounded ? width / end : 1;
  return inRow.map((_, index) => {
    const left = index === 0 ? 0 : Math.round(ends[index - 1] * scale) + gap;
    return { left, width: Math.round(ends[index] * scale) - left };
  });
}
