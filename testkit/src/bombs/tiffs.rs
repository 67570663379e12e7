//! TIFFs: of every kind of samples, compression and predictor.

use super::{Bomb, REPEATED_ROWS, REPEATS, SIDES, deflated};
use crate::tiffs::{by_hand, lerc, zstd};

/// Widths and heights of pages, in pixels.
struct Sizes {
    /// How many times [`REPEATED_ROWS`] are repeated.
    repeats: u32,
    /// Rows of a page.
    rows: u32,
}

/// See [`all`](super::all).
pub(super) fn all(reduction: u32) -> Vec<Bomb> {
    let repeats = REPEATS / reduction;
    let sizes = Sizes { repeats, rows: REPEATED_ROWS * repeats };
    sizes.named().into_iter().chain(sizes.combinations()).collect()
}

/// Kinds of pixels: their name, the value of PhotometricInterpretation, and the bits, the number and
/// the SampleFormat of samples.
const KINDS: [(&str, u32, u32, u32, u32); 14] = [
    ("bilevel", 1, 1, 1, 1),
    ("u8", 1, 8, 1, 1),
    ("u8 × 3", 2, 8, 3, 1),
    ("u16", 1, 16, 1, 1),
    ("u16 × 3", 2, 16, 3, 1),
    ("i16", 1, 16, 1, 2),
    ("u32", 1, 32, 1, 1),
    ("f32", 1, 32, 1, 3),
    ("f64", 1, 64, 1, 3),
    ("12 bits", 1, 12, 1, 1),
    ("complex integers", 1, 32, 1, 5),
    ("CMYK", 5, 8, 4, 1),
    ("YCbCr", 6, 8, 3, 1),
    ("L*a*b*", 8, 8, 3, 1),
];

impl Sizes {
    /// Two rows in turn, and ramps that a predictor makes, of every kind of pixels.
    fn combinations(&self) -> Vec<Bomb> {
        let mut all = Vec::new();
        for (kind, photometric, bits, samples, format) in KINDS {
            let row_bytes = (SIDES.0 * bits * samples / 8) as usize;
            let row = |y: u32| vec![0x11 + y as u8 % 2; row_bytes];
            let predictor = match (format, bits) {
                (3, _) => Some(3),
                (_, 8 | 16 | 32) => Some(2),
                _ => None,
            };
            let mut add = |name: &str, predictor: u32| {
                let tags: &[(u16, &[u32])] =
                    &[(259, &[8]), (262, &[photometric]), (317, &[predictor]), (530, &[1, 1])];
                let file = self.tiff(bits, samples, format, tags, &self.rows(row));
                all.push(Bomb::new(&format!("TIFF, {name}, {kind}"), file));
            };
            add("two rows in turn", 1);
            if let Some(predictor) = predictor {
                add("ramps of a predictor", predictor);
            }
        }
        all
    }

    /// Pages that differ from those in more than their pixels.
    fn named(&self) -> Vec<Bomb> {
        let (bomb, honest) = (Bomb::new, Bomb::honest);
        vec![
            honest(
                "TIFF, all strips sparse",
                self.tiff(8, 3, 1, &[(262, &[2]), (273, &[0]), (279, &[0])], b""),
            ),
            honest("TIFF, sparse, f64", self.tiff(64, 1, 3, &[(273, &[0]), (279, &[0])], b"")),
            honest(
                "TIFF, sparse, L*a*b*",
                self.tiff(8, 3, 1, &[(262, &[8]), (273, &[0]), (279, &[0])], b""),
            ),
            honest("TIFF, fax group 4, white", {
                self.tiff(
                    1,
                    1,
                    1,
                    &[(259, &[4]), (262, &[0])],
                    &[[0xff; 1_000].as_slice(), &[0, 16, 1]].concat(),
                )
            }),
            honest(
                "TIFF of one value, u16",
                self.tiff(16, 1, 1, DEFLATE, &self.rows(|_| vec![7; 32_000])),
            ),
            honest(
                "TIFF of one value, f64",
                self.tiff(64, 1, 3, DEFLATE, &self.rows(|_| vec![7; 128_000])),
            ),
            bomb("TIFF of two rows, u8 with nodata", {
                let tags: &[(u16, &[u32])] = &[(259, &[8]), (262, &[3]), (320, &[500; 768])];
                self.tiff(8, 1, 1, tags, &self.rows(|y| vec![7 + y as u8 % 2; 16_000]))
            }),
            honest("TIFF of one value, u16, Zstandard", {
                let blocks = vec![(128_000, 7); self.rows as usize / 4];
                self.tiff(16, 1, 1, &[(259, &[50_000])], &zstd(0x38, &blocks))
            }),
            bomb("TIFF of two rows, f64, Zstandard", {
                let blocks: Vec<(u32, u8)> =
                    (0..self.rows).map(|y| (128_000, y as u8 % 2)).collect();
                self.tiff(64, 1, 3, &[(259, &[50_000])], &zstd(0x38, &blocks))
            }),
            honest("TIFF of one value, LERC", {
                self.tiff(8, 1, 1, &[(259, &[34_887])], &lerc((SIDES.0, self.rows), 7))
            }),
            bomb("TIFF, shared strips", self.shared_strips()),
            honest("TIFF, shared small tiles", self.shared_tiles()),
        ]
    }

    /// Deflated rows of a TIFF, by index, of which [`REPEATED_ROWS`] are repeated.
    fn rows(&self, row: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
        let repeated: Vec<Vec<u8>> = (0..REPEATED_ROWS).map(row).collect();
        deflated(&repeated.concat(), self.repeats)
    }

    /// A page of one strip; `others` take precedence over its tags.
    fn tiff(
        &self,
        bits: u32,
        samples: u32,
        format: u32,
        others: &[(u16, &[u32])],
        data: &[u8],
    ) -> Vec<u8> {
        let (bits, formats) = (vec![bits; samples as usize], vec![format; samples as usize]);
        let (width, height, samples) = ([SIDES.0], [self.rows], [samples]);
        let tags: Vec<(u16, &[u32])> = vec![
            (256, &width),
            (257, &height),
            (258, &bits),
            (262, &[1]),
            (277, &samples),
            (278, &height),
            (339, &formats),
        ];
        let kept = tags.into_iter().filter(|(tag, _)| others.iter().all(|(other, _)| other != tag));
        let tags: Vec<(u16, &[u32])> = others.iter().copied().chain(kept).collect();
        by_hand(&[(&tags, data)])
    }

    /// Sixteen strips of f64 at the same place.
    fn shared_strips(&self) -> Vec<u8> {
        let rows_per_strip = self.rows / 16;
        let row: Vec<u8> = (0..128_000).map(|at| (at % 5) as u8).collect();
        let data = deflated(&row.repeat(4), rows_per_strip / 4);
        // the data begins after the header
        let tags: &[(u16, &[u32])] = &[
            (259, &[8]),
            (273, &[8; 16]),
            (278, &[rows_per_strip]),
            (279, &[data.len() as u32; 16]),
            (317, &[3]),
        ];
        self.tiff(64, 1, 3, tags, &data)
    }

    /// Tiles of 16 × 16 px at the same place.
    fn shared_tiles(&self) -> Vec<u8> {
        let data = deflated(&[9; 256], 1);
        let count = (SIDES.0 / 16 * (self.rows / 16)) as usize;
        let (offsets, lengths) = (vec![8; count], vec![data.len() as u32; count]);
        self.tiff(
            8,
            1,
            1,
            &[(259, &[8]), (322, &[16]), (323, &[16]), (324, &offsets), (325, &lengths)],
            &data,
        )
    }
}

const DEFLATE: &[(u16, &[u32])] = &[(259, &[8])];
