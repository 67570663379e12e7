//! Dithering: shows a tone between two levels of a ramp by mixing both over neighbouring cells.

use std::sync::LazyLock;

use crate::cancellation::{Cancellation, Cancelled};
use crate::draw::error_diffusion::ErrorDiffusion;
use crate::spec::values::Dither;

/// Side of Bayer's threshold matrix, in cells.
const BAYER: usize = 8;
/// Side of the blue-noise threshold matrix, in cells.
const BLUE_NOISE: usize = 32;
/// Standard deviation of the Gaussian of the void-and-cluster method, in cells: Ulichney's choice.
const SIGMA: f64 = 1.5;

/// The index of one of `levels`, which rise, for each of `wanted`; cells row-major. Levels and
/// wanted values have one unit: lightness or coverage.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn choose(
    wanted: &[f32],
    columns: usize,
    levels: &[f32],
    dither: Dither,
    cancellation: &Cancellation<'_>,
) -> Result<Vec<usize>, Cancelled> {
    let threshold = |side: usize, ranks: &[u16], cell: usize| {
        let (column, row) = (cell % columns, cell / columns);
        let rank = ranks[row % side * side + column % side];
        (f32::from(rank) + 0.5) / (side * side) as f32
    };
    let ordered = |side: usize, ranks: &[u16]| {
        let choose =
            |(cell, it): (usize, &f32)| quantize(levels, *it, threshold(side, ranks, cell));
        cancellation.collect(wanted.iter().enumerate().map(choose))
    };
    match dither {
        Dither::None => cancellation.collect(wanted.iter().map(|it| quantize(levels, *it, 0.5))),
        Dither::Bayer => ordered(BAYER, &*BAYER_RANKS),
        Dither::BlueNoise => ordered(BLUE_NOISE, &BLUE_NOISE_RANKS),
        Dither::FloydSteinberg => {
            let mut diffusion = ErrorDiffusion::<1>::new(columns);
            let choose = |own: &f32| {
                let wanted = own + diffusion.pending()[0];
                let level = quantize(levels, wanted, 0.5);
                diffusion.spread([wanted - levels[level]]);
                level
            };
            cancellation.collect(wanted.iter().map(choose))
        }
    }
}

/// Index of the level below `wanted`, or of the one above it if `wanted` is at least the fraction
/// `threshold` of the way from the one to the other.
fn quantize(levels: &[f32], wanted: f32, threshold: f32) -> usize {
    let below = levels.partition_point(|level| *level <= wanted).saturating_sub(1);
    match levels.get(below..) {
        Some([low, high, ..]) if wanted - low >= threshold * (high - low) => below + 1,
        _ => below,
    }
}

/// Ranks of the threshold matrix of B. E. Bayer, "An optimum method for two-level rendition of
/// continuous-tone pictures", ICC (1973); row-major. The bits of x ^ y and of y, interleaved and
/// reversed.
static BAYER_RANKS: LazyLock<[u16; BAYER * BAYER]> = LazyLock::new(|| {
    std::array::from_fn(|cell| {
        let (x, y) = (cell % BAYER, cell / BAYER);
        (0..3).fold(0, |rank, bit| {
            let (mixed, down) = ((x ^ y) >> bit & 1, y >> bit & 1);
            rank | (mixed << (5 - 2 * bit) | down << (4 - 2 * bit)) as u16
        })
    })
});

/// Ranks of a threshold matrix without low frequencies; row-major.
///
/// R. Ulichney, "The void-and-cluster method for dither array generation", Proc. SPIE 1913 (1993).
/// Unlike there, the initial pattern is a single point, and each rank goes to the largest void.
static BLUE_NOISE_RANKS: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let (side, cells) = (BLUE_NOISE, BLUE_NOISE * BLUE_NOISE);
    let gaussian: Vec<f64> = (0..cells)
        .map(|cell| {
            // the matrix is tiled, so distances wrap around
            let wrapped = |distance: usize| distance.min(side - distance) as f64;
            let (x, y) = (wrapped(cell % side), wrapped(cell / side));
            libm::exp(-(x * x + y * y) / (2.0 * SIGMA * SIGMA))
        })
        .collect();
    let (mut density, mut ranks) = (vec![0.0; cells], vec![u16::MAX; cells]);
    for rank in 0..cells as u16 {
        let free = (0..cells).filter(|cell| ranks[*cell] == u16::MAX);
        // ties are broken in an order without direction
        let key = |cell: &usize| (density[*cell], *cell * 389 % cells);
        let void = free.min_by(|a, b| key(a).partial_cmp(&key(b)).expect("densities are numbers"));
        let void = void.expect("there are as many ranks as cells");
        ranks[void] = rank;
        for (cell, density) in density.iter_mut().enumerate() {
            let (x, y) = (cell % side + side - void % side, cell / side + side - void / side);
            *density += gaussian[y % side * side + x % side];
        }
    }
    ranks
});

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(wanted: &[f32], columns: usize, levels: &[f32], dither: Dither) -> Vec<usize> {
        choose(wanted, columns, levels, dither, &Cancellation::never()).expect("nothing cancels")
    }

    #[test]
    fn every_rank_is_there_once() {
        for (ranks, side) in [(&BAYER_RANKS[..], BAYER), (&BLUE_NOISE_RANKS[..], BLUE_NOISE)] {
            let mut sorted = ranks.to_vec();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq(0..(side * side) as u16));
        }
        assert_eq!(BAYER_RANKS[..8], [0, 32, 8, 40, 2, 34, 10, 42]);
    }

    #[test]
    fn a_tone_between_two_levels_takes_both() {
        let levels = [0.0, 0.1, 0.5];
        for dither in [Dither::FloydSteinberg, Dither::Bayer, Dither::BlueNoise] {
            let chosen = chosen(&[0.2; 64 * 64], 64, &levels, dither);
            assert!(chosen.iter().all(|level| (1..3).contains(level)), "{dither}");
            let mean = chosen.iter().map(|level| levels[*level]).sum::<f32>() / chosen.len() as f32;
            assert!((mean - 0.2).abs() < 0.01, "{dither}: {mean}");
        }
        assert!(chosen(&[0.2; 9], 3, &levels, Dither::None).iter().all(|level| *level == 1));
    }

    #[test]
    fn the_ends_are_reached_and_not_passed() {
        for dither in [Dither::None, Dither::FloydSteinberg, Dither::Bayer, Dither::BlueNoise] {
            let ends = [(-1.0, 0), (0.0, 0), (0.5, 2), (9.0, 2)];
            for (wanted, level) in ends {
                let chosen = chosen(&[wanted; 64], 8, &[0.0, 0.1, 0.5], dither);
                assert!(chosen.iter().all(|it| *it == level), "{dither} {wanted}");
            }
        }
    }
}
