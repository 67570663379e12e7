//! From the bytes of a row to its values: predictors, byte orders, and numbers of any width.

use super::page::{Kind, Page};

/// Makes the bytes of a row those of little-endian values, each for itself.
pub(super) fn straighten(row: &mut [u8], page: &Page, little_endian: bool) {
    let bytes = page.bits as usize / 8;
    let together = page.together() as usize;
    if page.predictor == 3 {
        gather(row, together, bytes);
    }
    // what was gathered has its highest byte first
    let is_big = !little_endian || page.predictor == 3;
    if is_big && is_in_bytes(page) {
        let part = match page.kind {
            Kind::ComplexInteger | Kind::ComplexFloat => bytes / 2,
            _ => bytes,
        };
        row.chunks_exact_mut(part).for_each(<[u8]>::reverse);
    }
    if page.predictor == 2 {
        match bytes {
            1 => add_up(row, together, |a: [u8; 1], b| [a[0].wrapping_add(b[0])]),
            2 => add_up(row, together, |a, b| {
                u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes()
            }),
            4 => add_up(row, together, |a, b| {
                u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes()
            }),
            _ => add_up(row, together, |a, b| {
                u64::from_le_bytes(a).wrapping_add(u64::from_le_bytes(b)).to_le_bytes()
            }),
        }
    }
}

/// Whether values are whole bytes in the file's order. Integers of other widths are packed from the
/// highest bit on, as GDAL writes them: of 24 bits, too.
fn is_in_bytes(page: &Page) -> bool {
    matches!(page.bits, 16 | 32 | 64 | 128) || page.kind == Kind::Float
}

/// Horizontal differencing (TIFF 6.0, section 14), undone.
fn add_up<const N: usize>(
    row: &mut [u8],
    together: usize,
    sum: impl Fn([u8; N], [u8; N]) -> [u8; N],
) {
    let (values, _) = row.as_chunks_mut::<N>();
    for place in together..values.len() {
        values[place] = sum(values[place], values[place - together]);
    }
}

/// The floating-point predictor (TIFF Technical Note 3), undone: differences of bytes, all highest
/// bytes first.
fn gather(row: &mut [u8], together: usize, bytes: usize) {
    for place in together..row.len() {
        row[place] = row[place].wrapping_add(row[place - together]);
    }
    let (apart, count) = (row.to_vec(), row.len() / bytes);
    for (place, value) in row.chunks_exact_mut(bytes).enumerate() {
        for (part, byte) in value.iter_mut().enumerate() {
            *byte = apart[part * count + place];
        }
    }
}

/// Puts every `step`-th value of a straightened row into `values`, from that of index `first` on.
/// What the row is too short for becomes 0.
pub(super) fn read<'a>(
    row: &[u8],
    page: &Page,
    (first, step): (usize, usize),
    values: impl Iterator<Item = &'a mut f64>,
) {
    let places = (first..).step_by(step).zip(values);
    match (page.kind, page.bits) {
        (Kind::Unsigned, 8) => put(row, places, |[it]: [u8; 1]| it.into()),
        (Kind::Unsigned, 16) => put(row, places, |it| u16::from_le_bytes(it).into()),
        (Kind::Unsigned, 32) => put(row, places, |it| u32::from_le_bytes(it).into()),
        (Kind::Unsigned, 64) => put(row, places, |it| u64::from_le_bytes(it) as f64),
        (Kind::Signed, 8) => put(row, places, |it| i8::from_le_bytes(it).into()),
        (Kind::Signed, 16) => put(row, places, |it| i16::from_le_bytes(it).into()),
        (Kind::Signed, 32) => put(row, places, |it| i32::from_le_bytes(it).into()),
        (Kind::Signed, 64) => put(row, places, |it| i64::from_le_bytes(it) as f64),
        (Kind::Float, 32) => put(row, places, |it| f32::from_le_bytes(it).into()),
        (Kind::Float, 64) => put(row, places, f64::from_le_bytes),
        (Kind::Float, bits) => places.for_each(|(place, value)| *value = float(row, bits, place)),
        (Kind::ComplexInteger, bits) => places.for_each(|(place, value)| {
            let part = |place| signed(bytes(row, bits / 2, place), bits / 2);
            *value = libm::hypot(part(2 * place), part(2 * place + 1));
        }),
        (Kind::ComplexFloat, bits) => places.for_each(|(place, value)| {
            let part = |place| float(row, bits / 2, place);
            *value = libm::hypot(part(2 * place), part(2 * place + 1));
        }),
        (Kind::Unsigned, bits) => {
            places.for_each(|(place, value)| *value = packed(row, bits, place) as f64);
        }
        (Kind::Signed, bits) => {
            places.for_each(|(place, value)| *value = signed(packed(row, bits, place), bits));
        }
    }
}

fn put<'a, const N: usize>(
    row: &[u8],
    places: impl Iterator<Item = (usize, &'a mut f64)>,
    value: impl Fn([u8; N]) -> f64,
) {
    let (all, _) = row.as_chunks::<N>();
    for (place, slot) in places {
        *slot = all.get(place).map_or(0.0, |it| value(*it));
    }
}

/// A value of whole bytes, up to eight.
fn bytes(row: &[u8], bits: u32, place: usize) -> u64 {
    let length = bits as usize / 8;
    let bytes = row.get(place * length..(place + 1) * length).unwrap_or_default();
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// A whole number of up to 64 bits, packed from the highest on.
fn packed(row: &[u8], bits: u32, place: usize) -> u64 {
    let start = place * bits as usize;
    let end = start + bits as usize;
    let bytes = start / 8..end.div_ceil(8);
    let behind = bytes.end * 8 - end;
    let byte = |at| u128::from(row.get(at).copied().unwrap_or(0));
    let sum = bytes.fold(0_u128, |sum, at| sum << 8 | byte(at));
    (sum >> behind) as u64 & (u64::MAX >> (64 - bits))
}

fn signed(value: u64, bits: u32) -> f64 {
    let beyond = 64 - bits;
    ((value << beyond) as i64 >> beyond) as f64
}

/// Floating point of 16, 24, 32 or 64 bits (IEEE 754; 24 bits have 7 of exponent, TIFF Technical
/// Note 3).
fn float(row: &[u8], bits: u32, place: usize) -> f64 {
    let value = bytes(row, bits, place);
    let (exponent_bits, fraction_bits) = match bits {
        16 => (5, 10),
        24 => (7, 16),
        32 => return f32::from_bits(value as u32).into(),
        _ => return f64::from_bits(value),
    };
    let fraction = (value & ((1 << fraction_bits) - 1)) as f64;
    let most = (1 << exponent_bits) - 1;
    let exponent = (value >> fraction_bits) as i32 & most;
    let size = match exponent {
        0 => libm::ldexp(fraction, 1 - most / 2 - fraction_bits),
        _ if exponent == most && fraction == 0.0 => f64::INFINITY,
        _ if exponent == most => f64::NAN,
        _ => libm::ldexp(
            fraction + f64::from(1 << fraction_bits),
            exponent - most / 2 - fraction_bits,
        ),
    };
    if value >> (bits - 1) & 1 == 1 { -size } else { size }
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
        assert_eq!([0, 1].map(|place| packed(&row, 12, place)), [0xabc, 0xdef]);
        assert_eq!([0, 1, 2].map(|place| packed(&row, 3, place)), [5, 2, 7]);
        assert_eq!((packed(&row, 24, 0), bytes(&row, 24, 0)), (0xab_cdef, 0xef_cdab));
        assert_eq!(packed(&[0xff; 16], 63, 1), u64::MAX >> 1);
        assert_eq!(signed(0xabc, 12), f64::from(0xabc - 0x1000));
    }
}
