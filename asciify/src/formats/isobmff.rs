//! ISO base media files (ISO/IEC 14496-12): HEIF images and videos, told apart by the brands of
//! their first box, `ftyp`; and containers of JPEG XL, which begin with a box of their own.

/// The most bytes that a `ftyp` box may have to be read.
pub(super) const MAX_FTYP_BYTES: u64 = 4096;

/// Brands of HEIF files (ISO/IEC 23008-12, annex B, and AVIF 1.1, section 6): images of HEVC or of
/// AV1, and structural brands, which do not tell the codec.
const HEVC_BRANDS: [&[u8; 4]; 8] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"];
const AV1_BRANDS: [&[u8; 4]; 2] = [b"avif", b"avis"];
const STRUCTURAL_BRANDS: [&[u8; 4]; 3] = [b"mif1", b"mif2", b"msf1"];

/// What the `ftyp` box at the start of a file announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Announced {
    Avif,
    Heic,
    /// A video, or something else that is no HEIF image.
    Other,
}

/// What the file announces that begins with these bytes. `None` if it does not begin with `ftyp`.
pub(super) fn announced(start: &[u8]) -> Option<Announced> {
    let (size, rest) = start.split_first_chunk()?;
    let content = rest.strip_prefix(b"ftyp")?;
    let length = (u32::from_be_bytes(*size) as usize).saturating_sub(8).min(content.len());
    // the major brand, the minor version, then the compatible brands
    let (brands, _) = content[..length].as_chunks::<4>();
    brands.first()?;
    let has = |known: &[&[u8; 4]]| {
        let brands = brands.iter().enumerate().filter(|(at, _)| *at != 1);
        brands.into_iter().any(|(_, brand)| known.contains(&brand))
    };
    Some(match () {
        () if has(&AV1_BRANDS) => Announced::Avif,
        () if has(&HEVC_BRANDS) || has(&STRUCTURAL_BRANDS) => Announced::Heic,
        () => Announced::Other,
    })
}

/// The first box of a JPEG XL container (ISO/IEC 18181-2).
const JXL_SIGNATURE_BOX: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";

/// Whether a codestream of JPEG XL, or a container of one, begins so.
pub(super) fn is_jpeg_xl(start: &[u8]) -> bool {
    start.starts_with(b"\xff\x0a") || start.starts_with(JXL_SIGNATURE_BOX)
}
