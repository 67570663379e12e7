//! Limits of what is read, and the reasons for which a file is refused.

use std::io;

use crate::cancellation::Cancelled;
use crate::format::Format;
use crate::spec::bands::Band;

/// How much of a file's contents is decoded. It is checked before memory is allocated.
///
/// A picture that exceeds them is drawn from a lower resolution where it has one within them: an
/// overview of a TIFF, or an eighth of a JPEG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest side that is decoded, in pixels.
    pub max_side_px: u32,
    /// Width times height of what is decoded, in pixels: of the picture and of each of its frames.
    pub max_pixels: u64,
    /// Frames of an animation, pages of a TIFF, planes of a FITS cube.
    pub max_frames: u32,
    /// Memory that decoding may take, in bytes: see
    /// [`Header::decoded_bytes`](crate::Header::decoded_bytes).
    pub max_decoded_bytes: u64,
    /// CPU time that a process of its own may take to decode a file, in seconds: see
    /// [`isolation`](crate::isolation). A small picture gets less.
    pub max_decoder_cpu_s: u64,
}

impl Default for Limits {
    /// 65 535 pixels a side, 128 million pixels, 10 000 frames, 1 GiB, two minutes.
    fn default() -> Self {
        Self {
            max_side_px: 65_535,
            max_pixels: 128_000_000,
            max_frames: 10_000,
            max_decoded_bytes: 1 << 30,
            max_decoder_cpu_s: 120,
        }
    }
}

/// The longest side that any limits can allow, in pixels: sums over a row of it fit 64 bits.
const MAX_SIDE_PX: u32 = 1 << 22;

impl Limits {
    /// Checks one picture of a file: sides in pixels, and memory in bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`] for an empty picture, [`Error::OverLimit`].
    pub(crate) fn check(
        &self,
        format: Format,
        (width, height): (u32, u32),
        decoded_bytes: u64,
    ) -> Result<(), Error> {
        if width == 0 || height == 0 {
            return Err(Error::malformed(
                format,
                format_args!("it claims {width} × {height} pixels"),
            ));
        }
        Error::over(
            "pixels on its longest side",
            width.max(height).into(),
            self.max_side_px.min(MAX_SIDE_PX).into(),
        )?;
        Error::over("pixels", u64::from(width) * u64::from(height), self.max_pixels)?;
        Error::over("bytes when decoded", decoded_bytes, self.max_decoded_bytes)
    }
}

/// Why an image was not drawn. All but [`Error::Read`] and [`Error::Cancelled`] are about the file
/// and will not change.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first bytes are not those of a supported format.
    #[error("this is not an image in a format that we read; those are {readable}")]
    Unknown {
        /// The names of the supported formats, as a sentence lists them.
        readable: String,
    },
    /// The file is in a known format that is not read.
    #[error("this is {name}, which we do not read: {remedy}")]
    FormatNotRead {
        /// The name of the format, with its article.
        name: &'static str,
        /// What to do instead, as a clause.
        remedy: &'static str,
    },
    /// The file uses a part of its format that is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The file violates its format, or ends too early.
    #[error("{0}")]
    Malformed(String),
    /// The file claims more of something than [`Limits`] allow.
    #[error("the image has {is} {what}; at most {max} are allowed")]
    OverLimit {
        /// What exceeds the limit: a plural, with its unit.
        what: &'static str,
        /// The amount that the file claims.
        is: u64,
        /// The limit.
        max: u64,
    },
    /// A spec asks for a frame, for bands or for a region that the file does not have.
    #[error("{option} must be {accepts}")]
    Missing {
        /// The name of the option.
        option: &'static str,
        /// The values that are possible for this file.
        accepts: String,
    },
    /// The source failed, as a disk or a network does; the file may be fine.
    #[error("the image could not be read: {0}")]
    Read(#[source] io::Error),
    /// The caller of [`render_unless`](crate::render_unless) has cancelled.
    #[error("the render was cancelled")]
    Cancelled,
}

/// What [`Error::OverLimit`] counts while a file is decoded.
#[cfg(feature = "isolation")]
pub(crate) const COUNTED: [&str; 6] = [
    "pixels on its longest side",
    "pixels",
    "pixels in the frames up to that one",
    "frames",
    "bytes when decoded",
    "bytes when unpacked",
];

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl Error {
    /// `Err(OverLimit)` where `is` exceeds `max`.
    pub(crate) fn over(what: &'static str, is: u64, max: u64) -> Result<(), Self> {
        if is > max { Err(Self::OverLimit { what, is, max }) } else { Ok(()) }
    }

    /// [`Missing`](Self::Missing) for a frame; the file has `frames`.
    pub(crate) fn no_frame(frames: u32) -> Self {
        let accepts = match frames {
            1 => "0: the image has no other frame".to_owned(),
            _ => format!("a whole number below {frames}: the image has so many frames"),
        };
        Self::Missing { option: "frame", accepts }
    }

    /// [`Missing`](Self::Missing) for bands; the file has `bands`.
    pub(crate) fn no_band(bands: u32) -> Self {
        let accepts = match bands {
            1 => "1: the image has no other band".to_owned(),
            _ => format!("whole numbers from 1 to {bands}: the image has so many bands"),
        };
        Self::Missing { option: "bands", accepts }
    }

    /// [`Missing`](Self::Missing) for a region; the upright picture has those sides in pixels.
    pub(crate) fn no_region((width, height): (u32, u32)) -> Self {
        let accepts = format!("within the image, which has {width} × {height} pixels");
        Self::Missing { option: "region", accepts }
    }

    /// [`Missing`](Self::Missing) for a band called `name`; the file has `bands`, of which some have
    /// `names`.
    pub(crate) fn no_band_named(name: &str, bands: u32, names: &[Option<String>]) -> Self {
        let numbers = match bands {
            1 => "1".to_owned(),
            _ => format!("numbers from 1 to {bands}"),
        };
        let accepts = match (listed(names), bands) {
            (None, ..3) => format!("{numbers}: the image names no band"),
            (None, _) => format!("{numbers}, or red, green and blue: the image names no band"),
            (Some(listed), _) => {
                format!("{numbers}, or names; of those, the image has {listed}, not {name:?}")
            }
        };
        Self::Missing { option: "bands", accepts }
    }

    /// [`Missing`](Self::Missing) for a band of an expression; the file has `bands`, of which some have
    /// `names`.
    pub(crate) fn no_band_of_expression(band: &Band, bands: u32, names: &[Option<String>]) -> Self {
        let band = match band {
            Band::Number(number) => format!("b{number}"),
            Band::Name(name) => format!("{name:?}"),
        };
        let numbers = if bands == 1 { "b1".to_owned() } else { format!("b1 to b{bands}") };
        let names = listed(names).map_or_else(String::new, |names| format!(", called {names}"));
        let accepts = format!("of bands that the image has: {numbers}{names}, not {band}");
        Self::Missing { option: "expression", accepts }
    }

    /// [`Malformed`](Self::Malformed), with a clause that says why.
    pub(crate) fn malformed(format: Format, reason: impl std::fmt::Display) -> Self {
        Self::Malformed(format!("the {format} is damaged: {reason}"))
    }

    /// [`Malformed`](Self::Malformed) for a file that ends `before` something.
    pub(crate) fn cut_off(format: Format, before: &str) -> Self {
        Self::Malformed(format!("the {format} ends before {before}: it was cut off"))
    }

    /// [`Unsupported`](Self::Unsupported) for a picture whose decoder needs more than `bytes` of
    /// memory.
    #[cfg(feature = "isolation")]
    pub(crate) fn too_much_memory(format: Format, bytes: u64) -> Self {
        let mib = bytes >> 20;
        Self::Unsupported(format!(
            "this {format} takes more memory to decode than the {mib} MiB that a picture of its \
             size may take"
        ))
    }
}

/// The first names of bands, as a sentence lists them; `None` where there are none.
fn listed(names: &[Option<String>]) -> Option<String> {
    const LISTED: usize = 32;
    let mut listed: Vec<_> = names.iter().flatten().take(LISTED + 1).map(String::as_str).collect();
    if listed.len() > LISTED {
        listed[LISTED] = "…";
    }
    (!listed.is_empty()).then(|| listed.join(", "))
}
