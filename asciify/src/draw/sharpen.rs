//! Unsharp masking: adds to each sample its difference from the mean of its surroundings.

use std::collections::VecDeque;

use crate::cancellation::{Cancellation, Cancelled};
use crate::light::WHITE;

/// How far the surroundings reach to each side, in samples: half a cell's width.
const REACH: usize = 2;

/// Side of the square of the surroundings, in samples.
const SIDE: usize = 2 * REACH + 1;

/// Sharpens samples of light, 0 to [`WHITE`], row-major, `width` samples a row. The surroundings
/// are the part of a square of [`SIDE`] samples that lies within the picture.
///
/// `amount` is the multiple of the difference that is added: 0 changes nothing, 1 doubles it.
///
/// # Errors
/// The caller has cancelled.
pub(crate) fn sharpen(
    light: &mut [u32],
    width: usize,
    amount: f32,
    cancellation: &Cancellation<'_>,
) -> Result<(), Cancelled> {
    if amount == 0.0 {
        return Ok(());
    }
    let height = light.len() / width;
    // the means across of the rows around the current one, from before those were sharpened
    let mut near: VecDeque<Vec<u32>> = VecDeque::with_capacity(SIDE);
    let mut sums = vec![0; width];
    for below in 0..height + REACH {
        cancellation.check()?;
        if below >= SIDE {
            near.pop_front();
        }
        if below < height {
            near.push_back(means_across(&light[below * width..][..width]));
        }
        let Some(y) = below.checked_sub(REACH) else { continue };
        sums.fill(0);
        for row in &near {
            sums.iter_mut().zip(row).for_each(|(sum, mean)| *sum += mean);
        }
        for (light, sum) in light[y * width..][..width].iter_mut().zip(&sums) {
            let (own, mean) = (*light as f32, mean(*sum, near.len()) as f32);
            *light = (own + amount * (own - mean)).clamp(0.0, WHITE as f32) as u32;
        }
    }
    Ok(())
}

/// The mean light around each sample of a row, over the samples of the same row.
fn means_across(row: &[u32]) -> Vec<u32> {
    let last = row.len();
    let at_edge = |x: usize| {
        let near = &row[x.saturating_sub(REACH)..last.min(x + REACH + 1)];
        mean(near.iter().sum(), near.len())
    };
    let inner = row.windows(SIDE).map(|near| mean(near.iter().sum(), SIDE));
    let first = last.min(REACH);
    (0..first)
        .map(at_edge)
        .chain(inner)
        .chain((first.max(last - first)..last).map(at_edge))
        .collect()
}

/// `sum / count`, which is quicker by a constant.
fn mean(sum: u32, count: usize) -> u32 {
    if count == SIDE { sum / SIDE as u32 } else { sum / count as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_grow_and_flat_parts_stay() {
        let mut light = [vec![1000; 8], vec![2000; 8]].concat().repeat(6);
        let before = light.clone();
        sharpen(&mut light, 16, 1.0, &Cancellation::never()).expect("nothing cancels");
        assert_eq!((light[0], light[15]), (before[0], before[15]));
        assert!(light[7] < before[7] && light[8] > before[8]);
        let sharp = light.clone();
        sharpen(&mut light, 16, 0.0, &Cancellation::never()).expect("nothing cancels");
        assert_eq!(light, sharp);
    }
}
