//! Direct binary search: chooses all glyphs together, so that the text, seen from some distance,
//! looks like the picture.
//!
//! M. Analoui and J. P. Allebach, "Model-based halftoning using direct binary search", Proc. SPIE
//! 1666 (1992). The eye is modelled as a blur H, here a Gaussian. With the coverage that is drawn,
//! S, and the coverage that is wanted, T, the search minimises E = ‖H(S − T)‖². With P = HᵀH(T − S)
//! at hand, putting glyph j where c was changes E by −2⟨P, gⱼ − g꜀⟩ + Aⱼⱼ − 2Aⱼ꜀ + A꜀꜀, where g is
//! a glyph's mask and A = G HᵀH Gᵀ is computed beforehand. The best change is made, P is updated
//! around the cell, and only cells that the update reached are looked at again. Neighbours make up
//! for an error that one cell cannot avoid: the same rule dithers tones and traces edges.
//!
//! What differs from the paper: the unit of change is a cell with one of up to 256 glyphs, not a
//! binary pixel. A trial tries every glyph and swaps no neighbours. The search starts with the
//! first glyph everywhere, which is blank if the set has a blank one, and ends after [`SWEEPS`]
//! sweeps at the latest.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use multiversion::multiversion;

use crate::cancellation::{Cancellation, Cancelled};
use crate::glyphs::mask::{ACROSS, CELL_SAMPLES, DOWN, Mask};
use crate::glyphs::{ASCII, Glyph, GlyphSet};
use crate::lanes::{LANES, Lanes, MaskLanes, first_up_to, least_of, mask_lanes, products};

/// Standard deviation of H, in widths of a cell.
const BLUR: f64 = 0.3;
/// How far HᵀH reaches to each side, in samples: three of its standard deviations.
const REACH: usize = 6;
/// Width and height of HᵀH, in samples.
const TAPS: usize = 2 * REACH + 1;
/// Columns that HᵀH reaches from a cell to each side.
const COLUMNS_REACHED: usize = REACH.div_ceil(ACROSS);
/// Rows that HᵀH reaches from a cell to each side.
const ROWS_REACHED: usize = REACH.div_ceil(DOWN);
/// Width of a blurred mask, in samples.
const PATCH_WIDTH: usize = ACROSS + 2 * REACH;
/// Height of a blurred mask, in samples.
const PATCH_HEIGHT: usize = DOWN + 2 * REACH;
/// The most sweeps over the grid. The error falls with every change; later sweeps change very
/// little.
const SWEEPS: usize = 6;
/// How much a change must reduce E, so that rounding cannot make the search cycle.
const MIN_GAIN: f32 = 1e-6;

/// A mask blurred by HᵀH: rows of samples. The cell itself starts at ([`REACH`], [`REACH`]).
type Patch = [[f32; PATCH_WIDTH]; PATCH_HEIGHT];

/// What the search needs to know of a set of glyphs.
struct Model {
    glyphs: Arc<GlyphSet>,
    /// The masks g.
    masks: Vec<MaskLanes>,
    /// HᵀHg of each glyph, and of an empty cell at the end.
    patches: Vec<Patch>,
    /// Aⱼⱼ − 2Aⱼ꜀: by c, then by j in blocks of [`LANES`]. Unused lanes are infinite.
    gram: Vec<Vec<Lanes>>,
}

static ASCII_MODEL: LazyLock<Arc<Model>> = LazyLock::new(|| Arc::new(Model::new(ASCII.clone())));

/// One row of HᵀH, which is separable: a Gaussian of √2 times the deviation of H. Its sum is 1.
static KERNEL: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let deviation = BLUR * ACROSS as f64 * std::f64::consts::SQRT_2;
    let weights: [f64; TAPS] = std::array::from_fn(|tap| {
        let distance = (tap as f64 - REACH as f64) / deviation;
        libm::exp(-distance * distance / 2.0)
    });
    let sum: f64 = weights.iter().sum();
    weights.map(|weight| (weight / sum) as f32)
});

impl Model {
    /// The model of ASCII is computed once, those of other sets whenever they are used.
    fn of(glyphs: Arc<GlyphSet>) -> Arc<Self> {
        match Arc::ptr_eq(&glyphs, &ASCII) {
            true => ASCII_MODEL.clone(),
            false => Arc::new(Self::new(glyphs)),
        }
    }

    fn new(glyphs: Arc<GlyphSet>) -> Self {
        let count = glyphs.masks.len();
        let masks = mask_lanes(&glyphs.masks);
        let mut patches: Vec<Patch> = glyphs.masks.iter().map(blurred_mask).collect();
        let own: Vec<f32> = (0..count)
            .map(|it| products(&middle(&patches[it]), &masks[it / LANES])[it % LANES])
            .collect();
        let gram_row = |patch: &Patch| -> Vec<Lanes> {
            let middle = middle(patch);
            let row = masks.iter().enumerate().map(|(block, masks)| {
                let products = products(&middle, masks);
                // an unused lane is never the best
                std::array::from_fn(|lane| match own.get(block * LANES + lane) {
                    Some(own) => own - 2.0 * products[lane],
                    None => f32::INFINITY,
                })
            });
            row.collect()
        };
        let gram = patches.iter().map(gram_row).collect();
        patches.push([[0.0; PATCH_WIDTH]; PATCH_HEIGHT]);
        Self { glyphs, masks, patches, gram }
    }
}

/// The part of a patch that lies in the glyph's own cell.
fn middle(patch: &Patch) -> Mask {
    std::array::from_fn(|sample| patch[REACH + sample / ACROSS][REACH + sample % ACROSS])
}

/// HᵀH of a mask.
fn blurred_mask(mask: &Mask) -> Patch {
    let mut patch = [[0.0; PATCH_WIDTH]; PATCH_HEIGHT];
    for (index, coverage) in mask.iter().enumerate() {
        let (left, top) = (index % ACROSS, index / ACROSS);
        for (row, down) in patch[top..].iter_mut().zip(&*KERNEL) {
            for (sample, across) in row[left..].iter_mut().zip(&*KERNEL) {
                *sample += coverage * down * across;
            }
        }
    }
    patch
}

/// Draws wanted coverage, 0 to 1, by sample: row-major, `columns` × [`ACROSS`] samples a row. A
/// glyph a cell, row-major.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn draw(
    coverage: Vec<f32>,
    columns: usize,
    glyphs: Arc<GlyphSet>,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<Glyph>, Cancelled> {
    let mut search = Search::new(coverage, columns, Model::of(glyphs), cancellation)?;
    for _ in 0..SWEEPS {
        if !search.sweep(cancellation)? {
            break;
        }
    }
    let glyphs = &search.model.glyphs;
    Ok(search.chosen.iter().map(|index| glyphs.glyph((*index).into())).collect())
}

/// The state of a search. Buffers are row-major.
struct Search {
    model: Arc<Model>,
    columns: usize,
    rows: usize,
    /// P, by sample.
    error: Vec<f32>,
    /// Index of the chosen glyph, by cell.
    chosen: Vec<u16>,
    /// Whether a cell is to be looked at, by cell: its P has changed since it was.
    dirty: Vec<bool>,
}

impl Search {
    /// Starts with the first glyph in every cell.
    fn new(
        coverage: Vec<f32>,
        columns: usize,
        model: Arc<Model>,
        cancellation: &Cancellation<'_>,
    ) -> Result<Self, Cancelled> {
        let cells = coverage.len() / CELL_SAMPLES;
        let mut search = Self {
            columns,
            rows: cells / columns,
            error: blurred(coverage, columns * ACROSS, cancellation)?,
            chosen: vec![0; cells],
            dirty: vec![true; cells],
            model,
        };
        if search.model.glyphs.coverage[0] > 0.0 {
            let empty = search.model.glyphs.masks.len();
            cancellation.for_each(0..cells, |cell| {
                search.change(cell % columns, cell / columns, empty, 0);
            })?;
        }
        Ok(search)
    }

    /// Goes once through the dirty cells, rows by turns from the left and from the right. Returns
    /// whether anything changed.
    fn sweep(&mut self, cancellation: &Cancellation<'_>) -> Result<bool, Cancelled> {
        let mut changed = false;
        for row in 0..self.rows {
            cancellation.check()?;
            for step in 0..self.columns {
                let column = if row % 2 == 0 { step } else { self.columns - 1 - step };
                let cell = row * self.columns + column;
                if std::mem::take(&mut self.dirty[cell]) {
                    let (was, is) = (self.chosen[cell], self.best(column, row));
                    if was != is {
                        changed = true;
                        self.chosen[cell] = is;
                        self.change(column, row, was.into(), is.into());
                    }
                }
            }
        }
        Ok(changed)
    }

    /// The glyph for a cell that leaves the least error while all other cells stay as they are.
    fn best(&self, column: usize, row: usize) -> u16 {
        let width = self.columns * ACROSS;
        let start = row * DOWN * width + column * ACROSS;
        let mut errors = [0.0; CELL_SAMPLES];
        for (line, errors) in errors.chunks_exact_mut(ACROSS).enumerate() {
            errors.copy_from_slice(&self.error[start + line * width..][..ACROSS]);
        }
        let now = self.chosen[row * self.columns + column];
        best_wide(&errors, now, &self.model.masks, &self.model.gram[usize::from(now)])
    }

    /// Updates P for a cell whose glyph changed, and marks the cells that this reaches as dirty.
    /// `was` and `is` are indices of patches.
    fn change(&mut self, column: usize, row: usize, was: usize, is: usize) {
        let model = self.model.clone();
        let (width, height) = (self.columns * ACROSS, self.rows * DOWN);
        let (left, top) = (column * ACROSS, row * DOWN);
        // the part of the patch that lies on the picture
        let skip = REACH.saturating_sub(left);
        let take = PATCH_WIDTH.min(width + REACH - left) - skip;
        for (line, (was, is)) in model.patches[was].iter().zip(&model.patches[is]).enumerate() {
            let Some(y) = (top + line).checked_sub(REACH).filter(|y| *y < height) else { continue };
            let start = y * width + left + skip - REACH;
            let errors = &mut self.error[start..start + take];
            for (error, (was, is)) in errors.iter_mut().zip(was[skip..].iter().zip(&is[skip..])) {
                *error += was - is;
            }
        }
        let columns = near(column, COLUMNS_REACHED, self.columns);
        for row in near(row, ROWS_REACHED, self.rows) {
            let start = row * self.columns;
            self.dirty[start + columns.start..start + columns.end].fill(true);
        }
    }
}

/// [`best`], compiled for the widest registers that the processor has.
#[multiversion(targets("x86_64+avx2"))]
fn best_wide(errors: &Mask, now: u16, masks: &[MaskLanes], gram: &[Lanes]) -> u16 {
    best(errors, now, masks, gram)
}

/// Index of the glyph to put where `now` is, by P of its cell and the row of the gram matrix for
/// `now`.
#[inline(always)]
fn best(errors: &Mask, now: u16, masks: &[MaskLanes], gram: &[Lanes]) -> u16 {
    let now = usize::from(now);
    let (mut best, mut least, mut unchanged) = (now, f32::INFINITY, f32::INFINITY);
    for (block, (masks, gram)) in masks.iter().zip(gram).enumerate() {
        let products = products(errors, masks);
        let mut changes = *gram;
        for (change, product) in changes.iter_mut().zip(&products) {
            *change -= 2.0 * product;
        }
        let least_here = least_of(&changes);
        if least_here < least {
            least = least_here;
            best = block * LANES + first_up_to(&changes, least);
        }
        if now / LANES == block {
            unchanged = changes[now % LANES];
        }
    }
    (if unchanged - least <= MIN_GAIN { now } else { best }) as u16
}

/// The indices within `reach` of `cell`, out of `cells`.
fn near(cell: usize, reach: usize, cells: usize) -> Range<usize> {
    cell.saturating_sub(reach)..(cell + reach + 1).min(cells)
}

/// HᵀH of samples, row-major, `width` a row. Edge samples are repeated beyond the edges. In place,
/// since pictures are large.
fn blurred(
    mut samples: Vec<f32>,
    width: usize,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<f32>, Cancelled> {
    let height = samples.len() / width;
    let mut padded = vec![0.0; width + 2 * REACH];
    for row in samples.chunks_exact_mut(width) {
        cancellation.check()?;
        padded[..REACH].fill(row[0]);
        padded[REACH..][..width].copy_from_slice(row);
        padded[REACH + width..].fill(row[width - 1]);
        row.fill(0.0);
        for (tap, weight) in KERNEL.iter().enumerate() {
            add(row, *weight, &padded[tap..]);
        }
    }
    // The rows above have been overwritten when they are needed: copies of them are kept.
    let mut above: VecDeque<Vec<f32>> = vec![samples[..width].to_vec(); REACH].into();
    for y in 0..height {
        cancellation.check()?;
        let (_, from_here) = samples.split_at_mut(y * width);
        let (row, below) = from_here.split_at_mut(width);
        let here = row.to_vec();
        row.fill(0.0);
        let last = height - y - 1;
        for (tap, weight) in KERNEL.iter().enumerate() {
            let source = match tap.checked_sub(REACH) {
                None => &above[tap],
                Some(0) => &here,
                Some(_) if last == 0 => &here,
                Some(down) => &below[(down.min(last) - 1) * width..][..width],
            };
            add(row, *weight, source);
        }
        above.pop_front();
        above.push_back(here);
    }
    Ok(samples)
}

/// Adds a weighted row to another.
fn add(row: &mut [f32], weight: f32, source: &[f32]) {
    for (sample, source) in row.iter_mut().zip(source) {
        *sample += weight * source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coverage without any pattern.
    fn coverage(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n * 7_919 % 101) as f32 / 400.0).collect()
    }

    fn drawn(wanted: Vec<f32>, columns: usize) -> Vec<Glyph> {
        let never = Cancellation::never();
        draw(wanted, columns, ASCII.clone(), &never).expect("nothing cancels")
    }

    fn symbols(drawn: Vec<Glyph>) -> Vec<char> {
        drawn.into_iter().map(|glyph| glyph.symbol).collect()
    }

    fn blurred_now(samples: Vec<f32>, width: usize) -> Vec<f32> {
        blurred(samples, width, &Cancellation::never()).expect("nothing cancels")
    }

    /// E by its definition, but for what the search cannot change.
    fn error(cells: &[char], columns: usize, wanted: &[f32]) -> f64 {
        let width = columns * ACROSS;
        let mut drawn = vec![0.0; wanted.len()];
        for (row, line) in cells.chunks_exact(columns).enumerate() {
            for (column, it) in line.iter().enumerate() {
                for (sample, coverage) in ASCII.masks[ASCII.index(*it)].iter().enumerate() {
                    let (x, y) = (column * ACROSS + sample % ACROSS, row * DOWN + sample / ACROSS);
                    drawn[y * width + x] = *coverage;
                }
            }
        }
        let height = wanted.len() / width;
        let weight = |from: usize, to: usize| {
            (to + REACH)
                .checked_sub(from)
                .and_then(|tap| KERNEL.get(tap))
                .map_or(0.0, |it| f64::from(*it))
        };
        // Σ S HᵀH S, where nothing is drawn beyond the edges, − 2 Σ S HᵀH T, where the picture goes
        // on
        let target = blurred_now(wanted.to_vec(), width);
        let mut error = 0.0;
        for y in 0..height {
            for x in 0..width {
                let here = f64::from(drawn[y * width + x]);
                error -= 2.0 * here * f64::from(target[y * width + x]);
                for to_y in y.saturating_sub(REACH)..(y + REACH + 1).min(height) {
                    for to_x in x.saturating_sub(REACH)..(x + REACH + 1).min(width) {
                        let there = f64::from(drawn[to_y * width + to_x]);
                        error += here * there * weight(x, to_x) * weight(y, to_y);
                    }
                }
            }
        }
        error
    }

    #[test]
    fn no_other_character_anywhere_would_be_better() {
        let (columns, rows) = (5, 3);
        let wanted = coverage(columns * rows * CELL_SAMPLES);
        let cells = symbols(drawn(wanted.clone(), columns));
        let best = error(&cells, columns, &wanted);
        for cell in 0..cells.len() {
            for symbol in &ASCII.symbols {
                let mut other = cells.clone();
                other[cell] = *symbol;
                let worse = error(&other, columns, &wanted);
                assert!(worse >= best - 1e-4, "{symbol} at {cell}");
            }
        }
    }

    #[test]
    fn wide_registers_choose_the_same() {
        let Model { masks, gram, .. } = &**ASCII_MODEL;
        for (n, cell) in
            coverage(1_000 * CELL_SAMPLES).as_chunks::<CELL_SAMPLES>().0.iter().enumerate()
        {
            let (now, errors) = (n % gram.len(), cell.map(|it| it - 0.125));
            let wide = best_wide(&errors, now as u16, masks, &gram[now]);
            assert_eq!(wide, best(&errors, now as u16, masks, &gram[now]));
        }
    }

    #[test]
    fn more_coverage_is_drawn_as_more() {
        let part_drawn = |coverage: f32| -> f32 {
            let cells = drawn(vec![coverage; 12 * 6 * CELL_SAMPLES], 12);
            cells.iter().map(|glyph| glyph.coverage).sum::<f32>() / (12.0 * 6.0)
        };
        let steps: Vec<f32> = (0..=20).map(|step| part_drawn(step as f32 * 0.012)).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        let faithful = |(step, drawn): (usize, &f32)| (drawn - step as f32 * 0.012).abs() < 0.04;
        assert!(steps.iter().enumerate().all(faithful), "{steps:?}");
    }

    #[test]
    fn a_character_is_drawn_as_itself() {
        for (symbol, mask) in ASCII.symbols.iter().zip(&ASCII.masks) {
            let drawn = symbols(drawn(mask.to_vec(), 1));
            // some, such as ' and |, differ only with blank neighbours
            let alike = error(&drawn, 1, mask);
            let itself = error(&[*symbol], 1, mask);
            assert!(alike <= itself + 1e-5, "{symbol}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_when_it_is_blurred() {
        for (width, height) in [(1, 1), (4, 8), (40, 3), (3, 40)] {
            let blurred = blurred_now(vec![0.25; width * height], width);
            assert!(blurred.iter().all(|sample| (sample - 0.25).abs() < 1e-6));
        }
    }
}
