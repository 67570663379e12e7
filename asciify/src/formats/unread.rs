//! Formats that are recognised but not read: a file of one is refused by the format's name, with
//! what to do instead.

use memchr::memmem;

use crate::error::Error;
use crate::formats::isobmff::{self, Announced};

/// A format that is not read.
struct Unread {
    /// With its article, as a sentence names a file of it.
    name: &'static str,
    /// Whether a file that begins with these bytes is of this format.
    identify: fn(&[u8]) -> bool,
    /// What to do instead, as a clause.
    remedy: &'static str,
}

const SAVE_AS_PNG: &str = "open it in another program, and save it as PNG";
const CONVERT: &str = "convert it to JPEG or PNG";
const TAKE_A_FRAME: &str = "save a frame of it as JPEG or PNG";

const UNREAD: &[Unread] = &[
    Unread { name: "an SVG drawing", identify: is_svg, remedy: SAVE_AS_PNG },
    Unread {
        name: "a PDF document",
        identify: |start| start.starts_with(b"%PDF-"),
        remedy: "save the page as PNG",
    },
    Unread {
        name: "an OpenEXR image",
        identify: |start| start.starts_with(b"\x76\x2f\x31\x01"),
        remedy: "tone-map it, and save it as PNG or TIFF",
    },
    Unread {
        name: "a Radiance HDR image",
        identify: |start| start.starts_with(b"#?RADIANCE") || start.starts_with(b"#?RGBE"),
        remedy: "tone-map it, and save it as PNG or TIFF",
    },
    Unread {
        name: "a Photoshop document (PSD)",
        identify: |start| start.starts_with(b"8BPS"),
        remedy: "export it as PNG",
    },
    Unread {
        name: "an Apple icon (ICNS)",
        identify: |start| start.starts_with(b"icns"),
        remedy: "save its largest image as PNG",
    },
    Unread {
        name: "a DirectDraw texture (DDS)",
        identify: |start| start.starts_with(b"DDS "),
        remedy: SAVE_AS_PNG,
    },
    Unread {
        name: "a JPEG XR image",
        identify: |start| start.starts_with(b"II\xbc"),
        remedy: CONVERT,
    },
    #[cfg(not(feature = "jp2"))]
    Unread {
        name: "a JPEG 2000 image",
        identify: |start| {
            start.starts_with(b"\0\0\0\x0cjP  \r\n\x87\n") || start.starts_with(b"\xff\x4f\xff\x51")
        },
        remedy: "convert it to TIFF or PNG",
    },
    #[cfg(not(feature = "jxl"))]
    Unread {
        name: "a JPEG XL image",
        identify: crate::formats::isobmff::is_jpeg_xl,
        remedy: CONVERT,
    },
    Unread {
        name: "a file compressed with gzip",
        identify: |start| start.starts_with(b"\x1f\x8b\x08"),
        remedy: "decompress it (gunzip)",
    },
    #[cfg(not(feature = "heic"))]
    Unread {
        name: "a HEIC image",
        identify: |start| isobmff::announced(start) == Some(Announced::Heic),
        remedy: CONVERT,
    },
    #[cfg(not(feature = "avif"))]
    Unread {
        name: "an AVIF image",
        identify: |start| isobmff::announced(start) == Some(Announced::Avif),
        remedy: CONVERT,
    },
    Unread {
        name: "a Canon raw photo (CR3)",
        identify: |start| start.get(4..12) == Some(b"ftypcrx "),
        remedy: "develop it, and save it as JPEG",
    },
    Unread {
        name: "an MP4 or QuickTime video",
        identify: |start| {
            isobmff::announced(start) == Some(Announced::Other)
                || matches!(start.get(4..8), Some(b"moov" | b"mdat" | b"wide"))
        },
        remedy: TAKE_A_FRAME,
    },
    Unread {
        name: "a WebM or Matroska video",
        identify: |start| start.starts_with(b"\x1a\x45\xdf\xa3"),
        remedy: TAKE_A_FRAME,
    },
    Unread {
        name: "an AVI video",
        identify: |start| start.starts_with(b"RIFF") && start.get(8..12) == Some(b"AVI "),
        remedy: TAKE_A_FRAME,
    },
];

/// The error for a file that begins with these bytes, if its format is known and not read.
pub(super) fn refusal(start: &[u8]) -> Option<Error> {
    let unread = UNREAD.iter().find(|unread| (unread.identify)(start))?;
    Some(Error::FormatNotRead { name: unread.name, remedy: unread.remedy })
}

/// Whether a text begins with an `svg` element, after an XML declaration, comments and a DOCTYPE.
fn is_svg(start: &[u8]) -> bool {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let is_element =
        |at: usize| matches!(text.get(at + 4), Some(b' ' | b'>' | b'/' | b'\t'..=b'\r'));
    let root = if text.starts_with(b"<svg") { Some(0) } else { memmem::find(text, b"<svg") };
    let is_xml = [&b"<svg"[..], b"<?xml", b"<!--", b"<!DOCTYPE svg"];
    is_xml.iter().any(|first| text.starts_with(first)) && root.is_some_and(is_element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_formats_are_refused_by_name() {
        let box_of = |size: u32, brands: &str| {
            let mut start = [&size.to_be_bytes()[..], b"ftyp", brands.as_bytes()].concat();
            start.resize(size as usize, b' ');
            start
        };
        let files: [(Vec<u8>, &str); 16] = [
            (b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>".into(), "SVG"),
            (b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- made -->\n<svg\n>".into(), "SVG"),
            (b"%PDF-1.7\n".into(), "PDF"),
            (b"\x76\x2f\x31\x01\x02\0\0\0".into(), "OpenEXR"),
            (b"#?RADIANCE\n".into(), "Radiance"),
            (b"8BPS\0\x01".into(), "PSD"),
            (b"icns\0\0\x10\0".into(), "ICNS"),
            (b"DDS \x7c\0\0\0".into(), "DDS"),
            (b"II\xbc\x01\x08\0\0\0".into(), "JPEG XR"),
            (b"\x1f\x8b\x08\0".into(), "gzip"),
            (box_of(24, "crx \0\0\0\x01"), "CR3"),
            (box_of(20, "isom\0\0\x02\0mp41"), "MP4"),
            // an ICO begins like a box of 256 bytes
            (box_of(256, "qt  \0\0\x02\0"), "QuickTime"),
            (b"\0\0\0\x08wide\0\0\0\0mdat".into(), "QuickTime"),
            (b"\x1a\x45\xdf\xa3\x01".into(), "WebM"),
            (b"RIFF\0\0\0\0AVI LIST".into(), "AVI"),
        ];
        for (start, name) in files {
            let message = refusal(&start).map(|err| err.to_string()).unwrap_or_default();
            assert!(message.contains(name) && message.contains(": "), "{name}: {message}");
        }
        for text in
            [&b"<p>an <svg></p>"[..], b"<svgs>", b"II*\0", b"SIMPLE", b"<?xml version='1.0'?>"]
        {
            assert!(refusal(text).is_none(), "{text:?}");
        }
    }
}
