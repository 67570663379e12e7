//! Tells an image's format by its first bytes. Names and media types are not asked: they lie.

use std::fmt;

/// A format that we read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// JPEG (ISO/IEC 10918-1).
    Jpeg,
    /// PNG and APNG (W3C PNG, third edition).
    Png,
    /// GIF87a and GIF89a.
    Gif,
    /// WebP (RFC 9649).
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF 6.0 and BigTIFF.
    Tiff,
    /// Windows icon: the best of its pictures.
    Ico,
    /// Netpbm: PBM, PGM, PPM, PAM.
    Pnm,
    /// Quite OK Image.
    Qoi,
}

impl Format {
    /// Every format, the usual ones first.
    pub const ALL: [Self; 9] = [
        Self::Jpeg,
        Self::Png,
        Self::Gif,
        Self::WebP,
        Self::Bmp,
        Self::Tiff,
        Self::Ico,
        Self::Pnm,
        Self::Qoi,
    ];

    /// [`Format::ALL`] as a sentence has it.
    pub(crate) const LIST: &'static str = "JPEG, PNG, GIF, WebP, BMP, TIFF, ICO, PNM and QOI";

    /// The media type as IANA has it registered; the name in use where it has none (PNM, QOI).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Tiff => "image/tiff",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Pnm => "image/x-portable-anymap",
            Self::Qoi => "image/qoi",
        }
    }

    /// The usual file name extension, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tif",
            Self::Ico => "ico",
            Self::Pnm => "pnm",
            Self::Qoi => "qoi",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Ico => "ICO",
            Self::Pnm => "PNM",
            Self::Qoi => "QOI",
        })
    }
}

/// How many of the first bytes [`sniff`] looks at.
pub(crate) const SNIFFED: usize = 18;

/// `None` when no format begins so. Fewer than [`SNIFFED`] bytes are fine.
pub(crate) fn sniff(start: &[u8]) -> Option<Format> {
    match start {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Format::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Format::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Format::Tiff),
        [0, 0, 1, 0, low, high, ..] if (*low, *high) != (0, 0) => Some(Format::Ico),
        [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..] => Some(Format::Pnm),
        [b'q', b'o', b'i', b'f', ..] => Some(Format::Qoi),
        // Two letters prove little: the size of the header that follows must be one that exists.
        [b'B', b'M', rest @ ..] => match rest.get(12..16) {
            Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]) => Some(Format::Bmp),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_format() {
        for format in Format::ALL {
            assert!(Format::LIST.contains(&format.to_string()), "{format}");
        }
    }

    #[test]
    fn text_that_begins_like_an_image_is_none() {
        for text in [
            "",
            "BMW makes cars, and motorcycles too",
            "Panama",
            "P3rl",
            "II",
            "GIF8",
            "RIFFabcdWAVE",
        ] {
            assert_eq!(sniff(text.as_bytes()), None, "{text}");
        }
    }
}
