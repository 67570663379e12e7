//! Marker codes (ITU-T T.81, table B.1), without the byte FF that precedes each.

/// Temporary private use in arithmetic coding; it has no segment.
pub(super) const TEM: u8 = 0x01;
/// Start of frame: baseline DCT.
pub(super) const SOF0: u8 = 0xc0;
/// Start of frame: extended sequential DCT, Huffman coding.
pub(super) const SOF1: u8 = 0xc1;
/// Start of frame: progressive DCT, Huffman coding.
pub(super) const SOF2: u8 = 0xc2;
/// Start of frame: lossless, Huffman coding.
pub(super) const SOF3: u8 = 0xc3;
/// Define Huffman tables.
pub(super) const DHT: u8 = 0xc4;
/// Reserved for extensions.
pub(super) const JPG: u8 = 0xc8;
/// Start of frame: sequential DCT, arithmetic coding.
pub(super) const SOF9: u8 = 0xc9;
/// Start of frame: progressive DCT, arithmetic coding.
pub(super) const SOF10: u8 = 0xca;
/// Start of frame: lossless, arithmetic coding.
pub(super) const SOF11: u8 = 0xcb;
/// Define arithmetic coding conditioning.
pub(super) const DAC: u8 = 0xcc;
/// Start of frame: differential lossless, arithmetic coding; the last of the frame markers.
pub(super) const SOF15: u8 = 0xcf;
/// The first and the last of the eight restart markers, which have no segment.
pub(super) const RST0: u8 = 0xd0;
pub(super) const RST7: u8 = 0xd7;
/// Start of image; it has no segment.
pub(super) const SOI: u8 = 0xd8;
/// End of image; it has no segment.
pub(super) const EOI: u8 = 0xd9;
/// Start of scan.
pub(super) const SOS: u8 = 0xda;
/// Define quantization tables.
pub(super) const DQT: u8 = 0xdb;
/// Define restart interval.
pub(super) const DRI: u8 = 0xdd;
/// Application segment: JFIF.
pub(super) const APP0: u8 = 0xe0;
/// Application segment: Exif.
pub(super) const APP1: u8 = 0xe1;
/// Application segment: a part of an ICC profile.
pub(super) const APP2: u8 = 0xe2;
/// Application segment: Adobe's color transform.
pub(super) const APP14: u8 = 0xee;
/// The last of the application segments.
pub(super) const APP15: u8 = 0xef;
/// Comment.
pub(super) const COM: u8 = 0xfe;

/// The bytes that a file begins with.
pub(super) const SOI_BYTES: [u8; 2] = [0xff, SOI];
