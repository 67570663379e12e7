//! Chooses all characters together, so that the text, seen from a little way off, is the picture.
//!
//! The eye blurs: H is a Gaussian. What is drawn, S, should look like the target T, so the search
//! minimises E = ‖H(S − T)‖² over all cells at once, by direct binary search (Analoui and Allebach,
//! Proc. SPIE 1666, 1992). With P = HᵀH(T − S) at hand, putting character j where c was changes E by
//! −2⟨P, gⱼ − g꜀⟩ + Aⱼⱼ − 2Aⱼ꜀ + A꜀꜀, where g is a character's ink and A = G HᵀH Gᵀ is known beforehand.
//! The best change is made, P follows in the neighbourhood, and only cells that it reached are
//! looked at again. An error that one cell cannot help is made up for by its neighbours: tones are
//! dithered and edges traced by one and the same rule.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock};

use multiversion::multiversion;

use crate::glyphs::{ACROSS, ASCII, DOWN, Drawn, Glyphs, Mask, PARTS};

/// The eye's blur, in cell widths.
const BLUR: f64 = 0.3;
/// How far HᵀH reaches, in samples: three of its standard deviations.
const REACH: usize = 6;
const TAPS: usize = 2 * REACH + 1;
/// Cells that HᵀH reaches from a cell to each side.
const CELLS_ACROSS: usize = REACH.div_ceil(ACROSS);
const CELLS_DOWN: usize = REACH.div_ceil(DOWN);
/// A character as HᵀH spreads it.
const PATCH_WIDTH: usize = ACROSS + 2 * REACH;
const PATCH_HEIGHT: usize = DOWN + 2 * REACH;
/// Symbols that are looked at together: enough for sums that do not wait for each other.
const LANES: usize = 32;
/// The error falls with every change; later sweeps change next to nothing.
const SWEEPS: usize = 6;
/// What a change has to gain, so that rounding never makes the search go round in circles.
const LEAST_GAIN: f32 = 1e-6;

type Lanes = [f32; LANES];
type Patch = [[f32; PATCH_WIDTH]; PATCH_HEIGHT];

struct Model {
    glyphs: Arc<Glyphs>,
    /// g of so many symbols at a time, by sample.
    ink: Vec<[Lanes; PARTS]>,
    /// HᵀHg of each symbol, and of nothing at all.
    patches: Vec<Patch>,
    /// Aⱼⱼ − 2Aⱼ꜀, by c and then by j.
    gram: Vec<Vec<Lanes>>,
}

static OF_ASCII: LazyLock<Arc<Model>> = LazyLock::new(|| Arc::new(Model::new(ASCII.clone())));

/// One row of HᵀH, which is separable: a Gaussian of √2 times the blur's width.
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
    fn of(glyphs: Arc<Glyphs>) -> Arc<Self> {
        match Arc::ptr_eq(&glyphs, &ASCII) {
            true => OF_ASCII.clone(),
            false => Arc::new(Self::new(glyphs)),
        }
    }

    fn new(glyphs: Arc<Glyphs>) -> Self {
        let mut ink = vec![[[0.0; LANES]; PARTS]; glyphs.masks.len().div_ceil(LANES)];
        for (glyph, mask) in glyphs.masks.iter().enumerate() {
            for (lanes, part) in ink[glyph / LANES].iter_mut().zip(mask) {
                lanes[glyph % LANES] = *part;
            }
        }
        let mut patches: Vec<Patch> = glyphs.masks.iter().map(spread).collect();
        let symbols = glyphs.masks.len();
        let own: Vec<f32> = (0..symbols)
            .map(|it| products(&middle(&patches[it]), &ink[it / LANES])[it % LANES])
            .collect();
        let gram_row = |patch: &Patch| -> Vec<Lanes> {
            let middle = middle(patch);
            let row = ink.iter().enumerate().map(|(block, ink)| {
                let products = products(&middle, ink);
                // what fills the lanes up is never the best
                std::array::from_fn(|lane| match own.get(block * LANES + lane) {
                    Some(own) => own - 2.0 * products[lane],
                    None => f32::INFINITY,
                })
            });
            row.collect()
        };
        let gram = patches.iter().map(gram_row).collect();
        patches.push([[0.0; PATCH_WIDTH]; PATCH_HEIGHT]);
        Self { glyphs, ink, patches, gram }
    }
}

/// The part of a patch that lies in the symbol's own cell.
fn middle(patch: &Patch) -> Mask {
    std::array::from_fn(|part| patch[REACH + part / ACROSS][REACH + part % ACROSS])
}

/// Sums over a cell, for so many symbols at a time.
#[inline(always)]
fn products(cell: &Mask, ink: &[Lanes; PARTS]) -> Lanes {
    let [mut a, mut b, mut c, mut d] = [[0.0; LANES / 4]; 4];
    for (value, ink) in cell.iter().zip(ink) {
        let add = |sums: &mut [f32; LANES / 4], quarter: usize| {
            for lane in 0..LANES / 4 {
                sums[lane] += value * ink[quarter * LANES / 4 + lane];
            }
        };
        add(&mut a, 0);
        add(&mut b, 1);
        add(&mut c, 2);
        add(&mut d, 3);
    }
    let mut products = [0.0; LANES];
    for (quarter, sums) in products.chunks_exact_mut(LANES / 4).zip([a, b, c, d]) {
        quarter.copy_from_slice(&sums);
    }
    products
}

fn spread(mask: &Mask) -> Patch {
    let mut patch = [[0.0; PATCH_WIDTH]; PATCH_HEIGHT];
    for (part, ink) in mask.iter().enumerate() {
        let (left, top) = (part % ACROSS, part / ACROSS);
        for (row, down) in patch[top..].iter_mut().zip(&*KERNEL) {
            for (sample, across) in row[left..].iter_mut().zip(&*KERNEL) {
                *sample += ink * down * across;
            }
        }
    }
    patch
}

/// Draws ink of [`ACROSS`] × [`DOWN`] samples a cell.
/// The choice for each cell.
pub(crate) fn draw(ink: Vec<f32>, columns: usize, glyphs: Arc<Glyphs>) -> Vec<Drawn> {
    let mut search = Search::new(ink, columns, Model::of(glyphs));
    for _ in 0..SWEEPS {
        if !search.sweep() {
            break;
        }
    }
    let glyphs = &search.model.glyphs;
    search.chosen.iter().map(|glyph| glyphs.drawn((*glyph).into())).collect()
}

struct Search {
    model: Arc<Model>,
    columns: usize,
    rows: usize,
    /// P, by rows of samples.
    error: Vec<f32>,
    chosen: Vec<u16>,
    /// Cells to look at (again).
    open: Vec<bool>,
}

impl Search {
    /// The first symbol is everywhere.
    fn new(ink: Vec<f32>, columns: usize, model: Arc<Model>) -> Self {
        let cells = ink.len() / PARTS;
        let mut search = Self {
            columns,
            rows: cells / columns,
            error: blurred(ink, columns * ACROSS),
            chosen: vec![0; cells],
            open: vec![true; cells],
            model,
        };
        if search.model.glyphs.ink[0] > 0.0 {
            let nothing = search.model.glyphs.masks.len();
            for cell in 0..cells {
                search.change(cell % columns, cell / columns, nothing, 0);
            }
        }
        search
    }

    /// Goes once through the open cells, there and back by turns; whether anything changed.
    fn sweep(&mut self) -> bool {
        let mut changed = false;
        for row in 0..self.rows {
            for step in 0..self.columns {
                let column = if row % 2 == 0 { step } else { self.columns - 1 - step };
                let cell = row * self.columns + column;
                if std::mem::take(&mut self.open[cell]) {
                    let (was, is) = (self.chosen[cell], self.best(column, row));
                    if was != is {
                        changed = true;
                        self.chosen[cell] = is;
                        self.change(column, row, was.into(), is.into());
                    }
                }
            }
        }
        changed
    }

    /// The symbol that leaves the least error there, the others being as they are.
    fn best(&self, column: usize, row: usize) -> u16 {
        let width = self.columns * ACROSS;
        let start = row * DOWN * width + column * ACROSS;
        let mut errors = [0.0; PARTS];
        for (line, errors) in errors.chunks_exact_mut(ACROSS).enumerate() {
            errors.copy_from_slice(&self.error[start + line * width..][..ACROSS]);
        }
        let now = self.chosen[row * self.columns + column];
        best_quickly(&errors, now, &self.model.ink, &self.model.gram[usize::from(now)])
    }

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
        let columns = near(column, CELLS_ACROSS, self.columns);
        for row in near(row, CELLS_DOWN, self.rows) {
            let start = row * self.columns;
            self.open[start + columns.start..start + columns.end].fill(true);
        }
    }
}

/// [`best`] in the widest registers that the processor has.
#[multiversion(targets("x86_64+avx2"))]
fn best_quickly(errors: &Mask, now: u16, ink: &[[Lanes; PARTS]], gram: &[Lanes]) -> u16 {
    best(errors, now, ink, gram)
}

/// The symbol to put where `now` is, by P there and the row of the gram matrix for `now`.
///
/// No sum goes across lanes: registers of any width add up the same numbers in the same order.
#[inline(always)]
fn best(errors: &Mask, now: u16, ink: &[[Lanes; PARTS]], gram: &[Lanes]) -> u16 {
    let now = usize::from(now);
    let (mut best, mut least, mut unchanged) = (now, f32::INFINITY, f32::INFINITY);
    for (block, (ink, gram)) in ink.iter().zip(gram).enumerate() {
        let products = products(errors, ink);
        let mut changes = *gram;
        for (change, product) in changes.iter_mut().zip(&products) {
            *change -= 2.0 * product;
        }
        let least_here = least_of(&changes);
        if least_here < least {
            least = least_here;
            let lane = changes.iter().position(|change| *change <= least).unwrap_or(0);
            best = block * LANES + lane;
        }
        if now / LANES == block {
            unchanged = changes[now % LANES];
        }
    }
    (if unchanged - least <= LEAST_GAIN { now } else { best }) as u16
}

/// By halves, which registers compare at once; no lane is a NaN.
#[inline(always)]
fn least_of(lanes: &Lanes) -> f32 {
    fn halved<const N: usize, const HALF: usize>(lanes: &[f32; N]) -> [f32; HALF] {
        std::array::from_fn(|lane| {
            let (one, other) = (lanes[lane], lanes[lane + HALF]);
            if other < one { other } else { one }
        })
    }
    let eight: [f32; 8] = halved(&halved::<LANES, 16>(lanes));
    let [least] = halved::<2, 1>(&halved::<4, 2>(&halved(&eight)));
    least
}

fn near(cell: usize, reach: usize, cells: usize) -> std::ops::Range<usize> {
    cell.saturating_sub(reach)..(cell + reach + 1).min(cells)
}

/// HᵀH of a picture that goes on beyond its edges as it ends there; in place, since it is large.
fn blurred(mut samples: Vec<f32>, width: usize) -> Vec<f32> {
    let height = samples.len() / width;
    let mut padded = vec![0.0; width + 2 * REACH];
    for row in samples.chunks_exact_mut(width) {
        padded[..REACH].fill(row[0]);
        padded[REACH..][..width].copy_from_slice(row);
        padded[REACH + width..].fill(row[width - 1]);
        row.fill(0.0);
        for (tap, weight) in KERNEL.iter().enumerate() {
            add(row, *weight, &padded[tap..]);
        }
    }
    // Rows above are blurred already when they are needed: they are kept as they were.
    let mut above: VecDeque<Vec<f32>> = vec![samples[..width].to_vec(); REACH].into();
    for y in 0..height {
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
    samples
}

fn add(row: &mut [f32], weight: f32, source: &[f32]) {
    for (sample, source) in row.iter_mut().zip(source) {
        *sample += weight * source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ink without any pattern.
    fn ink(samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n * 7_919 % 101) as f32 / 400.0).collect()
    }

    fn symbols(drawn: Vec<Drawn>) -> Vec<char> {
        drawn.into_iter().map(|drawn| drawn.symbol).collect()
    }

    /// E by its definition, but for what the search cannot change.
    fn error(cells: &[char], columns: usize, ink: &[f32]) -> f64 {
        let width = columns * ACROSS;
        let mut drawn = vec![0.0; ink.len()];
        for (row, line) in cells.chunks_exact(columns).enumerate() {
            for (column, it) in line.iter().enumerate() {
                for (part, coverage) in ASCII.masks[ASCII.index(*it)].iter().enumerate() {
                    let (x, y) = (column * ACROSS + part % ACROSS, row * DOWN + part / ACROSS);
                    drawn[y * width + x] = *coverage;
                }
            }
        }
        let height = ink.len() / width;
        let weight = |from: usize, to: usize| {
            (to + REACH)
                .checked_sub(from)
                .and_then(|tap| KERNEL.get(tap))
                .map_or(0.0, |it| f64::from(*it))
        };
        // Σ S HᵀH S, where nothing is drawn beyond the edges, − 2 Σ S HᵀH T, where the picture goes on
        let target = blurred(ink.to_vec(), width);
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
        let ink = ink(columns * rows * PARTS);
        let cells = symbols(draw(ink.clone(), columns, ASCII.clone()));
        let best = error(&cells, columns, &ink);
        for cell in 0..cells.len() {
            for symbol in &ASCII.symbols {
                let mut other = cells.clone();
                other[cell] = *symbol;
                let worse = error(&other, columns, &ink);
                assert!(worse >= best - 1e-4, "{symbol} at {cell}");
            }
        }
    }

    #[test]
    fn wide_registers_choose_the_same() {
        let Model { ink: inks, gram, .. } = &**OF_ASCII;
        for (n, cell) in ink(1_000 * PARTS).as_chunks::<PARTS>().0.iter().enumerate() {
            let (now, errors) = (n % gram.len(), cell.map(|it| it - 0.125));
            let quick = best_quickly(&errors, now as u16, inks, &gram[now]);
            assert_eq!(quick, best(&errors, now as u16, inks, &gram[now]));
        }
    }

    #[test]
    fn more_ink_is_drawn_as_more() {
        let drawn = |ink: f32| -> f32 {
            let cells = draw(vec![ink; 12 * 6 * PARTS], 12, ASCII.clone());
            cells.iter().map(|drawn| drawn.ink).sum::<f32>() / (12.0 * 6.0)
        };
        let steps: Vec<f32> = (0..=20).map(|step| drawn(step as f32 * 0.012)).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        let faithful = |(step, drawn): (usize, &f32)| (drawn - step as f32 * 0.012).abs() < 0.04;
        assert!(steps.iter().enumerate().all(faithful), "{steps:?}");
    }

    #[test]
    fn a_character_is_drawn_as_itself() {
        for (symbol, mask) in ASCII.symbols.iter().zip(&ASCII.masks) {
            let drawn = symbols(draw(mask.to_vec(), 1, ASCII.clone()));
            // some, such as ' and |, need their neighbours' bare ground to be told apart
            let alike = error(&drawn, 1, mask);
            let itself = error(&[*symbol], 1, mask);
            assert!(alike <= itself + 1e-5, "{symbol}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat_when_it_is_blurred() {
        for (width, height) in [(1, 1), (4, 8), (40, 3), (3, 40)] {
            let blurred = blurred(vec![0.25; width * height], width);
            assert!(blurred.iter().all(|sample| (sample - 0.25).abs() < 1e-6));
        }
    }
}
