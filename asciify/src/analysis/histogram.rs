//! Histograms, with bins of equal width.

/// How many values lie in each of some bins of equal width.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// How many values each bin has, from the lowest one.
    pub counts: Vec<u64>,
    /// The ends of the bins, one more than there are bins. The last one belongs to the last bin.
    pub edges: Vec<f64>,
}

impl Histogram {
    /// Of finite values in ascending order. Without `range`, from the least to the greatest; a range
    /// of one value is widened by a half at each end, and that of no value is 0 to 1.
    pub(super) fn of(values: &[f64], bins: u32, range: Option<(f64, f64)>) -> Self {
        let whole = values.first().copied().zip(values.last().copied());
        let (low, high) = match range.or(whole) {
            None => (0.0, 1.0),
            Some((low, high)) if low == high => (low - 0.5, high + 0.5),
            Some(range) => range,
        };
        let width = (high - low) / f64::from(bins);
        let mut edges: Vec<f64> = (0..bins).map(|at| low + f64::from(at) * width).collect();
        edges.push(high);
        let mut starts: Vec<usize> =
            edges.iter().map(|edge| values.partition_point(|it| it < edge)).collect();
        if let Some(end) = starts.last_mut() {
            *end = values.partition_point(|it| *it <= high);
        }
        let counts = starts.windows(2).map(|ends| (ends[1] - ends[0].min(ends[1])) as u64);
        Self { counts: counts.collect(), edges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_bin_has_both_of_its_ends() {
        let of = |values: &[f64], bins, range| Histogram::of(values, bins, range);
        let histogram = of(&[0.0, 0.5, 1.0, 1.0, 2.0], 2, None);
        assert_eq!((histogram.counts, histogram.edges), (vec![2, 3], vec![0.0, 1.0, 2.0]));
        assert_eq!(of(&[3.0; 4], 2, None).counts, [0, 4]);
        assert_eq!(of(&[3.0; 4], 2, None).edges, [2.5, 3.0, 3.5]);
        assert_eq!(of(&[0.0, 1.0, 9.0], 3, Some((1.0, 4.0))).counts, [1, 0, 0]);
        assert_eq!(of(&[], 2, None).edges, [0.0, 0.5, 1.0]);
    }
}
