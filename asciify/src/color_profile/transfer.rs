//! Transfer functions: from coded values to linear light.

use std::sync::Arc;

use crate::light::{Transfer, linear, srgb_transfer};

/// Luminance of white in HDR pictures, in cd/m² (ITU-R BT.2408, 2.1). More is clipped.
const HDR_WHITE: f64 = 203.0;

/// A power of the coded value.
pub(super) fn power(exponent: f64) -> Transfer {
    Arc::new(move |coded| libm::pow(coded, exponent))
}

/// Values at equal distances, with straight lines between them (ICC.1:2022, 10.6). There are two at
/// least.
pub(super) fn sampled(values: Vec<f64>) -> Transfer {
    Arc::new(move |coded| interpolated(&values, coded))
}

fn interpolated(values: &[f64], coded: f64) -> f64 {
    let position = coded.clamp(0.0, 1.0) * values.len().saturating_sub(1) as f64;
    let index = (position as usize).min(values.len().saturating_sub(2));
    let part = position - index as f64;
    match values.get(index..) {
        Some([low, high, ..]) => low + (high - low) * part,
        _ => coded,
    }
}

/// `parametricCurveType` (ICC.1:2022, 10.18): the parameters g, a, b, c, d, e and f, as far as its
/// function type has them. `None` for another number of them.
pub(super) fn parametric(parameters: &[f64]) -> Option<Transfer> {
    let power = |base: f64, exponent| if base > 0.0 { libm::pow(base, exponent) } else { 0.0 };
    Some(match *parameters {
        [g] => Arc::new(move |x| power(x, g)),
        [g, a, b] => Arc::new(move |x| power(a * x + b, g)),
        [g, a, b, c] => Arc::new(move |x| power(a * x + b, g) + c),
        [g, a, b, c, d] => Arc::new(move |x| if x >= d { power(a * x + b, g) } else { c * x }),
        [g, a, b, c, d, e, f] => {
            Arc::new(move |x| if x >= d { power(a * x + b, g) + e } else { c * x + f })
        }
        _ => return None,
    })
}

/// Of `TransferCharacteristics` (ITU-T H.273, table 3), as light that a display shows. The curves of
/// cameras (1, 6, 11, 12, 14, 15) and an unspecified one (2) count as that of sRGB, as in browsers.
/// `None` for reserved values.
pub(super) fn of_h273(code: u16) -> Option<Transfer> {
    let ten_to = |exponent| libm::pow(10.0, exponent);
    Some(match code {
        1 | 2 | 6 | 11..=15 => srgb_transfer(),
        4 => power(2.2),
        5 => power(2.8),
        7 => Arc::new(|v| match v < 4.0 * 0.0228 {
            true => v / 4.0,
            false => libm::pow((v + 0.1115) / 1.1115, 1.0 / 0.45),
        }),
        8 => Arc::new(|v| v),
        9 => Arc::new(move |v| if v > 0.0 { ten_to(2.0 * (v - 1.0)) } else { 0.0 }),
        10 => Arc::new(move |v| if v > 0.0 { ten_to(2.5 * (v - 1.0)) } else { 0.0 }),
        16 => Arc::new(|v| pq(v) / HDR_WHITE),
        17 => Arc::new(|v| libm::pow(v, 2.6) * 52.37 / 48.0),
        18 => Arc::new(|v| hlg(v) / HDR_WHITE),
        _ => return None,
    })
}

/// The EOTF of PQ: cd/m² (SMPTE ST 2084; ITU-R BT.2100, table 4).
fn pq(coded: f64) -> f64 {
    const M1: f64 = 2610.0 / 16_384.0;
    const M2: f64 = 2523.0 / 4096.0 * 128.0;
    const C1: f64 = 3424.0 / 4096.0;
    const C2: f64 = 2413.0 / 4096.0 * 32.0;
    const C3: f64 = 2392.0 / 4096.0 * 32.0;
    let root = libm::pow(coded, 1.0 / M2);
    10_000.0 * libm::pow((root - C1).max(0.0) / (C2 - C3 * root), 1.0 / M1)
}

/// Grey of HLG on a display of 1000 cd/m²: the inverse OETF, then the OOTF with a system gamma of
/// 1.2, which is applied to each channel alone (ITU-R BT.2100, table 5).
fn hlg(coded: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 1.0 - 4.0 * A;
    const C: f64 = 0.559_910_729_529_562;
    let scene = match coded <= 0.5 {
        true => coded * coded / 3.0,
        false => (libm::exp((coded - C) / A) + B) / 12.0,
    };
    1000.0 * libm::pow(scene, 1.2)
}

/// Whether two colour codings differ by less than a step of 8 bits everywhere.
pub(super) fn is_srgb(transfer: &Transfer) -> bool {
    (0..=255).all(|value| {
        let step = |value: i32| linear(f64::from(value) / 255.0);
        let light = transfer(f64::from(value) / 255.0);
        (step(value - 1)..=step(value + 1)).contains(&light)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_of_hdr_is_203_candelas() {
        // the codes of BT.2408, table 1
        for (code, white, black) in [(16, 0.58, 0.0), (18, 0.75, 0.0)] {
            let transfer = of_h273(code).expect("a known code");
            assert!((transfer(white) - 1.0).abs() < 0.02, "{code}: {}", transfer(white));
            assert!(transfer(black).abs() < 1e-6);
            assert!(transfer(1.0) > 4.0, "{code}");
        }
    }

    #[test]
    fn a_curve_close_to_that_of_srgb_counts_as_it() {
        let parameters = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];
        assert!(is_srgb(&parametric(&parameters).expect("a known type")));
        let values = (0..1024).map(|value| linear(f64::from(value) / 1023.0)).collect();
        assert!(is_srgb(&sampled(values)));
        assert!(!is_srgb(&power(2.2)) && !is_srgb(&power(1.0)));
    }

    #[test]
    fn parametric_curves_of_every_type_pass_through_white() {
        let types: [&[f64]; 5] = [
            &[2.0],
            &[2.0, 0.9, 0.1],
            &[2.0, 0.9, 0.0, 0.19],
            &[2.0, 0.9, 0.1, 0.2, 0.1],
            &[2.0, 0.9, 0.0, 0.2, 0.1, 0.19, 0.05],
        ];
        for parameters in types {
            let curve = parametric(parameters).expect("a known type");
            assert!((curve(1.0) - 1.0).abs() < 1e-9, "{parameters:?}");
            assert!(curve(0.0) < 0.2);
        }
        assert!(parametric(&[]).is_none() && parametric(&[1.0; 6]).is_none());
    }
}
