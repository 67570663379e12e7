//! Reads the samples of a row as numbers: integers and floating point of any width, and complex
//! numbers (TIFF 6.0, section 19).

use super::codes::SampleFormat;
use super::page::Page;

/// Puts every `step`-th sample of a row into `values`, from the one of index `first` on. The row
/// comes from [`undo_predictor`](super::predictor::undo_predictor). Of complex numbers, the values
/// are magnitudes. Samples behind the end of the row are 0.
pub(super) fn read<'a>(
    row: &[u8],
    page: &Page,
    (first, step): (usize, usize),
    values: impl Iterator<Item = &'a mut f64>,
) {
    let slots = (first..).step_by(step).zip(values);
    match (page.sample_format, page.bits_per_sample) {
        (SampleFormat::Uint, 8) => put(row, slots, |[it]: [u8; 1]| it.into()),
        (SampleFormat::Uint, 16) => put(row, slots, |it| u16::from_le_bytes(it).into()),
        (SampleFormat::Uint, 32) => put(row, slots, |it| u32::from_le_bytes(it).into()),
        (SampleFormat::Uint, 64) => put(row, slots, |it| u64::from_le_bytes(it) as f64),
        (SampleFormat::Int, 8) => put(row, slots, |it| i8::from_le_bytes(it).into()),
        (SampleFormat::Int, 16) => put(row, slots, |it| i16::from_le_bytes(it).into()),
        (SampleFormat::Int, 32) => put(row, slots, |it| i32::from_le_bytes(it).into()),
        (SampleFormat::Int, 64) => put(row, slots, |it| i64::from_le_bytes(it) as f64),
        (SampleFormat::Float, 32) => put(row, slots, |it| f32::from_le_bytes(it).into()),
        (SampleFormat::Float, 64) => put(row, slots, f64::from_le_bytes),
        (SampleFormat::Float, bits) => {
            slots.for_each(|(index, value)| *value = float(row, bits, index))
        }
        (SampleFormat::ComplexInt, bits) => {
            put_magnitudes(slots, |index| signed(bytes(row, bits / 2, index), bits / 2));
        }
        (SampleFormat::ComplexFloat, bits) => {
            put_magnitudes(slots, |index| float(row, bits / 2, index));
        }
        (SampleFormat::Uint, bits @ (1 | 2 | 4)) => {
            let (bits, mask) = (bits as usize, (1 << bits) - 1);
            slots.for_each(|(index, value)| {
                let byte = row.get(index * bits / 8).copied().unwrap_or(0);
                *value = (byte >> (8 - bits - index * bits % 8) & mask).into();
            });
        }
        (SampleFormat::Uint, bits) => {
            slots.for_each(|(index, value)| *value = packed(row, bits, index) as f64);
        }
        (SampleFormat::Int, bits) => {
            slots.for_each(|(index, value)| *value = signed(packed(row, bits, index), bits));
        }
    }
}

/// [`read`] for complex numbers, whose parts are twice as many. A magnitude takes long, and equal
/// numbers often follow each other.
fn put_magnitudes<'a>(
    slots: impl Iterator<Item = (usize, &'a mut f64)>,
    part: impl Fn(usize) -> f64,
) {
    let mut last = ([0.0; 2], 0.0);
    for (index, slot) in slots {
        let parts = [part(2 * index), part(2 * index + 1)];
        if parts != last.0 {
            last = (parts, libm::hypot(parts[0], parts[1]));
        }
        *slot = last.1;
    }
}

/// [`read`] for samples of whole bytes.
fn put<'a, const N: usize>(
    row: &[u8],
    slots: impl Iterator<Item = (usize, &'a mut f64)>,
    value: impl Fn([u8; N]) -> f64,
) {
    let (all, _) = row.as_chunks::<N>();
    for (index, slot) in slots {
        *slot = all.get(index).map_or(0.0, |it| value(*it));
    }
}

/// The bits of a little-endian sample of up to eight whole bytes.
fn bytes(row: &[u8], bits: u32, index: usize) -> u64 {
    let length = bits as usize / 8;
    let bytes = row.get(index * length..(index + 1) * length).unwrap_or_default();
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// A sample of up to 64 bits that is packed from the highest bit on.
fn packed(row: &[u8], bits: u32, index: usize) -> u64 {
    let start = index * bits as usize;
    if let Some(bytes) = row.get(start / 8..).and_then(|rest| rest.first_chunk())
        && bits <= 56
    {
        return u64::from_be_bytes(*bytes) << (start % 8) >> (64 - bits);
    }
    let end = start + bits as usize;
    let bytes = start / 8..end.div_ceil(8);
    let behind = bytes.end * 8 - end;
    let byte = |at| u128::from(row.get(at).copied().unwrap_or(0));
    let sum = bytes.fold(0_u128, |sum, at| sum << 8 | byte(at));
    (sum >> behind) as u64 & (u64::MAX >> (64 - bits))
}

/// A number in two's complement of that many bits.
fn signed(value: u64, bits: u32) -> f64 {
    let unused = 64 - bits;
    ((value << unused) as i64 >> unused) as f64
}

/// A floating-point number of 16, 24, 32 or 64 bits (IEEE 754; those of 24 bits have 7 bits of
/// exponent: TIFF Technical Note 3).
fn float(row: &[u8], bits: u32, index: usize) -> f64 {
    let value = bytes(row, bits, index);
    let (exponent_bits, fraction_bits) = match bits {
        16 => (5, 10),
        24 => (7, 16),
        32 => return f32::from_bits(value as u32).into(),
        _ => return f64::from_bits(value),
    };
    let fraction = (value & ((1 << fraction_bits) - 1)) as f64;
    let max_exponent = (1 << exponent_bits) - 1;
    let bias = max_exponent / 2;
    let exponent = (value >> fraction_bits) as i32 & max_exponent;
    let magnitude = match exponent {
        0 => libm::ldexp(fraction, 1 - bias - fraction_bits),
        _ if exponent == max_exponent && fraction == 0.0 => f64::INFINITY,
        _ if exponent == max_exponent => f64::NAN,
        _ => libm::ldexp(fraction + f64::from(1 << fraction_bits), exponent - bias - fraction_bits),
    };
    if value >> (bits - 1) & 1 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_those_of_the_standard() {
        let half = |bits: u16| float(&bits.to_le_bytes(), 16, 0);
        assert_eq!((half(0x3c00), half(0xc000), half(0x7bff)), (1.0, -2.0, 65_504.0));
        assert_eq!((half(0x0001), half(0x7c00)), (libm::ldexp(1.0, -24), f64::INFINITY));
        assert!(half(0x7c01).is_nan());
        assert_eq!(float(&[0, 0, 0x3f], 24, 0), 1.0);
    }

    #[test]
    fn numbers_of_odd_widths_are_packed_from_the_highest_bit() {
        let row = [0xab, 0xcd, 0xef];
        assert_eq!([0, 1].map(|index| packed(&row, 12, index)), [0xabc, 0xdef]);
        assert_eq!([0, 1, 2].map(|index| packed(&row, 3, index)), [5, 2, 7]);
        assert_eq!((packed(&row, 24, 0), bytes(&row, 24, 0)), (0xab_cdef, 0xef_cdab));
        assert_eq!(packed(&[0xff; 16], 63, 1), u64::MAX >> 1);
        assert_eq!(signed(0xabc, 12), f64::from(0xabc - 0x1000));
    }
}
