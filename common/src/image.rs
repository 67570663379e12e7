//! An image: what was uploaded, as everybody in the house sees it.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// A point in time: milliseconds since 1970 (UTC) on the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

/// The name of an image for ever; sorts by time of upload (UUID version 7, RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub Uuid);

impl ImageId {
    /// A new id, greater than all that this process made before.
    pub fn fresh() -> Self {
        ImageId(Uuid::now_v7())
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ImageId {
    type Err = uuid::Error;

    /// Only the canonical form: an image has one address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text)?;
        match id.to_string() == text {
            true => Ok(ImageId(id)),
            // the error of a text that is no uuid at all
            false => Uuid::try_parse("").map(ImageId),
        }
    }
}

/// What an upload turned out to be, known once its header was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The file's name as the client gave it: shown, never used as a path.
    pub name: Option<String>,
    /// By content, such as `image/png`.
    pub media_type: String,
    /// Length of the file.
    pub bytes: u64,
    /// Pixels, upright.
    pub width: u32,
    /// Pixels, upright.
    pub height: u32,
    /// Frames of an animation or pages of a file; 1 for a still picture.
    pub frames: u32,
    /// How pixels are stored; `None` for images that were stored before it was noted.
    pub layout: Option<Layout>,
    /// Of the file's bytes, in lower-case hex.
    pub sha256: String,
}

/// How an image's pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Values of a pixel, alpha counted: see [`asciify::Header::bands`].
    pub bands: u32,
    /// Bits of each value.
    pub bit_depth: u32,
    /// How it is turned upright: EXIF's number, 1 to 8.
    pub orientation: u8,
}

/// A stored image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// The upload attempt that stored it; part of the original's key in the store.
    pub attempt: i32,
    /// What it is.
    pub facts: Facts,
    /// When its upload began.
    pub created_at: Millis,
    /// When it was stored.
    pub stored_at: Millis,
}

/// How far an image's renders are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Its job is not done yet.
    Pending,
    /// Every preset is stored.
    Ready,
    /// Its job is dead, and why.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_one_address() {
        let id = ImageId::fresh();
        assert_eq!(id.to_string().parse::<ImageId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<ImageId>().is_err());
        assert!(id.0.simple().to_string().parse::<ImageId>().is_err());
        assert!("../../etc/passwd".parse::<ImageId>().is_err());
    }
}
