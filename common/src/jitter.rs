//! Jitter: spreads out what many processes do at the same interval.

use std::time::Duration;

/// `period`, longer or shorter by up to a fifth, uniformly at random.
pub fn jitter(period: Duration) -> Duration {
    period.mul_f64(0.8 + 0.4 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jittered_period_stays_within_a_fifth() {
        let period = Duration::from_secs(10);
        for _ in 0..1_000 {
            let jittered = jitter(period);
            assert!(jittered >= period.mul_f64(0.8) && jittered <= period.mul_f64(1.2));
        }
    }
}
