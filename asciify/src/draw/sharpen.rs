//! Unsharp masking: adds to each sample its difference from the mean of its surroundings.

use crate::light::WHITE;

/// How far the surroundings reach to each side, in samples: half a cell's width.
const REACH: usize = 2;

/// Sharpens samples of light, 0 to [`WHITE`], row-major, `width` samples a row.
///
/// `amount` is the multiple of the difference that is added: 0 changes nothing, 1 doubles it.
pub(crate) fn sharpen(light: &mut [u32], width: usize, amount: f32) {
    if amount == 0.0 {
        return;
    }
    let means = surroundings(light, width);
    for (light, mean) in light.iter_mut().zip(means) {
        let own = *light as f32;
        *light = (own + amount * (own - mean)).clamp(0.0, WHITE as f32) as u32;
    }
}

/// Mean light around each sample, over the part of a square of 2 × [`REACH`] + 1 samples that lies
/// within the picture. Shape as `light`.
fn surroundings(light: &[u32], width: usize) -> Vec<f32> {
    let mean = |samples: &[u64]| samples.iter().sum::<u64>() / samples.len() as u64;
    let window = |at: usize, end: usize| at.saturating_sub(REACH)..(at + REACH + 1).min(end);
    let rows: Vec<Vec<u64>> = light
        .chunks_exact(width)
        .map(|row| {
            let row: Vec<u64> = row.iter().map(|light| u64::from(*light)).collect();
            (0..width).map(|x| mean(&row[window(x, width)])).collect()
        })
        .collect();
    let mut means = Vec::with_capacity(light.len());
    for y in 0..rows.len() {
        let near = &rows[window(y, rows.len())];
        for x in 0..width {
            let sum: u64 = near.iter().map(|row| row[x]).sum();
            means.push((sum / near.len() as u64) as f32);
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_grow_and_flat_parts_stay() {
        let mut light = [vec![1000; 8], vec![2000; 8]].concat().repeat(6);
        let before = light.clone();
        sharpen(&mut light, 16, 1.0);
        assert_eq!((light[0], light[15]), (before[0], before[15]));
        assert!(light[7] < before[7] && light[8] > before[8]);
        let sharp = light.clone();
        sharpen(&mut light, 16, 0.0);
        assert_eq!(light, sharp);
    }
}
