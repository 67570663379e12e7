//! Lossless floating-point numbers of LERC2, since version 6: a plane for each of their bytes.
//!
//! Each plane has differences of bytes and is compressed by itself. The numbers that the planes hold
//! may be differences, too: exponent and mantissa apart from each other.

use super::bits::Bytes;
use super::huffman::Huffman;
use super::value::Value;

/// How often differences of bytes may have been taken.
const MAX_ORDER: u8 = 5;

/// The numbers of pixels, valid or not, in rows of `columns` numbers; `count` is a multiple of it.
/// `None` where they are damaged.
pub(super) fn read<T: Value>(
    bytes: &mut Bytes<'_>,
    columns: usize,
    count: usize,
) -> Option<Vec<T>> {
    let prediction = bytes.byte()?;
    let mut numbers = vec![0_u64; count];
    for _ in 0..T::BYTES {
        let (byte_index, order) = (bytes.byte()?, bytes.byte()?);
        let length = bytes.array().map(u32::from_le_bytes)?;
        let compressed = bytes.take(usize::try_from(length).ok()?)?;
        if usize::from(byte_index) >= T::BYTES || order > MAX_ORDER {
            return None;
        }
        let mut plane = decompress(compressed, count)?;
        for start in (1..=usize::from(order)).rev() {
            for at in start..count {
                plane[at] = plane[at].wrapping_add(plane[at - 1]);
            }
        }
        let shift = 8 * byte_index;
        numbers.iter_mut().zip(plane).for_each(|(bits, byte)| *bits |= u64::from(byte) << shift);
    }
    let add = match T::BYTES {
        4 => |a, b| add_parts(a, b, 23),
        _ => |a, b| add_parts(a, b, 52),
    };
    let from_left = |numbers: &mut [u64]| {
        for row in numbers.chunks_exact_mut(columns) {
            (1..columns).for_each(|x| row[x] = add(row[x], row[x - 1]));
        }
    };
    match prediction {
        0 => {}
        1 => from_left(&mut numbers),
        2 => {
            (columns..count).for_each(|at| numbers[at] = add(numbers[at], numbers[at - columns]));
            from_left(&mut numbers);
        }
        _ => return None,
    }
    let number = |bits: u64| match T::BYTES {
        4 => T::from_le(&sign_first(bits as u32).to_le_bytes()),
        _ => T::from_le(&bits.to_le_bytes()),
    };
    Some(numbers.into_iter().map(number).collect())
}

/// Adds the mantissas, of so many bits, and what lies above them, each modulo its range.
fn add_parts(a: u64, b: u64, mantissa_bits: u32) -> u64 {
    let mantissa = (1 << mantissa_bits) - 1;
    ((a & !mantissa).wrapping_add(b & !mantissa)) | ((a & mantissa) + (b & mantissa) & mantissa)
}

/// A number whose sign stood between its exponent and its mantissa.
fn sign_first(bits: u32) -> u32 {
    const MANTISSA: u32 = (1 << 23) - 1;
    bits & MANTISSA | bits >> 24 << 23 | (bits >> 23 & 1) << 31
}

/// The `count` bytes of a plane.
fn decompress(compressed: &[u8], count: usize) -> Option<Vec<u8>> {
    const HUFFMAN: u8 = 0;
    const CONSTANT: u8 = 1;
    const UNCOMPRESSED: u8 = 2;
    const RUNS: u8 = 3;
    /// The order of bits in a table of codes is that of this version.
    const TABLE_VERSION: i32 = 5;
    let (method, data) = compressed.split_first()?;
    match *method {
        HUFFMAN => {
            let mut symbols = Huffman::new(&mut Bytes::new(data, TABLE_VERSION))?;
            (0..count).map(|_| symbols.next().map(|symbol| symbol as u8)).collect()
        }
        CONSTANT => Some(vec![*data.first()?; count]),
        UNCOMPRESSED => data.get(..count).map(<[u8]>::to_vec),
        RUNS => runs(data, count),
        _ => None,
    }
}

/// Runs of a head and bytes: up to 127, so many and one more bytes follow; above, the next byte is
/// repeated, 126 times less than the head says.
fn runs(data: &[u8], count: usize) -> Option<Vec<u8>> {
    let mut bytes = Bytes::new(data, 0);
    let mut plane = Vec::with_capacity(count);
    while plane.len() < count {
        match bytes.byte()? {
            head @ ..=127 => plane.extend(bytes.take(usize::from(head) + 1)?),
            head => plane.resize(plane.len() + usize::from(head) - 126, bytes.byte()?),
        }
    }
    (plane.len() == count).then_some(plane)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plane of that byte of four numbers.
    fn plane(index: u8, order: u8, data: &[u8]) -> Vec<u8> {
        [&[index, order][..], &(data.len() as u32).to_le_bytes(), data].concat()
    }

    #[test]
    fn the_differences_of_bytes_and_then_of_numbers_are_added_up() {
        // 1, 1.5, -1, -1.5: exponents, then signs and mantissas of two rows and two columns
        let file = [
            plane(2, 0, &[2, 0, 0x40, 0x80, 0x80 | 0x40]),
            plane(0, 0, &[1, 0]),
            plane(1, 1, &[3, 128, 0, 128, 0]),
            plane(3, 1, &[3, 0, 127, 129, 0]),
        ]
        .concat();
        let read = |prediction, columns| {
            let file = [&[prediction], &file[..]].concat();
            read::<f32>(&mut Bytes::new(&file, 6), columns, 4)
        };
        assert_eq!(read(0, 2), Some(vec![1.0, 1.5, -1.0, -1.5]));
        assert_eq!(read(3, 2), None);
        // the exponents of 1, 1 + 1 and so on, modulo 512 with the sign below them
        let sums = read(1, 2).map(|values| values.iter().map(|it| it.to_bits()).collect());
        let exponent = |exponent: u32, mantissa: u32| exponent << 23 | mantissa;
        assert_eq!(
            sums,
            Some(vec![
                exponent(127, 0),
                exponent(254, 1 << 22),
                exponent(256 | 127, 0),
                exponent(255, 1 << 22)
            ])
        );
    }

    #[test]
    fn runs_that_end_elsewhere_than_the_plane_are_damage() {
        assert_eq!(runs(&[1, 5, 6, 129, 7], 5), Some(vec![5, 6, 7, 7, 7]));
        assert_eq!(runs(&[1, 5, 6, 129, 7], 4), None);
        assert_eq!(runs(&[1, 5, 6], 5), None);
        assert_eq!(decompress(&[4, 0], 1), None);
    }
}
