//! An image: an upload that was stored.

use std::{fmt, str::FromStr, sync::Mutex, time::Duration};

use uuid::{ContextV7, Timestamp, Uuid};

use crate::{user_id::UserId, visibility::Visibility};

/// A point in time: milliseconds since 1970 (UTC), on the database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub i64);

impl Millis {
    /// The point in time that is earlier by `period`.
    pub fn before(self, period: Duration) -> Self {
        Millis(self.0.saturating_sub(i64::try_from(period.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// The id of an image. Sorts by time of upload (UUID version 7, RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub Uuid);

impl ImageId {
    /// A new id of the time `now`, greater than all that this process generated before, even of a
    /// later time. All processes take `now` from the database, so that their images have one order.
    pub fn generate(now: Millis) -> Self {
        static SEQUENCE: Mutex<ContextV7> = Mutex::new(ContextV7::new());
        let millis = u64::try_from(now.0).unwrap_or(0);
        let nanos = (millis % 1000) as u32 * 1_000_000;
        ImageId(Uuid::new_v7(Timestamp::from_unix(&SEQUENCE, millis / 1000, nanos)))
    }

    /// The least id of that time.
    pub fn first_of(time: Millis) -> Self {
        ImageId(Uuid::from_u128(u128::try_from(time.0).unwrap_or(0) << 80))
    }

    /// The time in the id, in whole milliseconds.
    pub fn time(&self) -> Millis {
        // its first 48 bits (RFC 9562, section 5.7)
        Millis((self.0.as_u128() >> 80) as i64)
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for ImageId {
    type Err = uuid::Error;

    /// Accepts the canonical form only (lower-case, with hyphens), so that an image has one URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = Uuid::try_parse(text)?;
        match id.to_string() == text {
            true => Ok(ImageId(id)),
            // the error of a text that is not a UUID at all
            false => Uuid::try_parse("").map(ImageId),
        }
    }
}

/// The metadata of an upload, known once its header was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The file's name as the client sent it. It is displayed, and never used as a path.
    pub name: Option<String>,
    /// Detected from the content, such as `image/png`.
    pub media_type: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// Pixels, after the orientation was applied.
    pub width: u32,
    /// Pixels, after the orientation was applied.
    pub height: u32,
    /// Frames of an animation or pages of a file; 1 for a still picture.
    pub frames: u32,
    /// How pixels are stored; `None` for images that were stored before it was recorded.
    pub layout: Option<Layout>,
    /// The name of each band, where the file has one; empty for a file that names none.
    pub band_names: Vec<Option<String>>,
    /// Where the image lies on the Earth; `None` also for images that were stored before it was
    /// recorded.
    pub geo: Option<Box<asciify::Geo>>,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

impl Metadata {
    /// Whether it may be an animation: it has several frames, and its format is not one of pages.
    pub fn may_move(&self) -> bool {
        let formats = ["image/gif", "image/png", "image/webp"];
        self.frames > 1 && formats.contains(&self.media_type.as_str())
    }
}

/// How an image's pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Values per pixel, including alpha: see [`asciify::Header::bands`].
    pub bands: u32,
    /// Bits per value.
    pub bit_depth: u32,
    /// The Exif orientation, 1 to 8.
    pub orientation: u8,
}

/// A stored image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// The attempt of the upload that stored it; part of the original's key in the store.
    pub attempt: i32,
    /// Its metadata.
    pub metadata: Metadata,
    /// When its upload began.
    pub created_at: Millis,
    /// When it was stored.
    pub stored_at: Millis,
    /// Whose it is; `None` for an image that was uploaded without accounts.
    pub owner: Option<UserId>,
    /// Who else may see it. Without accounts, everyone sees every image.
    pub visibility: Visibility,
}

/// The status of an image's renders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Its job is not done yet.
    Pending,
    /// Every preset is stored.
    Ready,
    /// Its job is dead, with the reason for readers.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_even_if_the_clock_is_set_back() {
        let day = 86_400_000;
        let ids = [7, 7, 7 + day, 7 + day, 8, 7 + day + 1].map(|at| ImageId::generate(Millis(at)));
        assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        assert_eq!(ids[5].time(), Millis(7 + day + 1));
    }

    #[test]
    fn an_image_has_one_url() {
        let id = ImageId::generate(Millis(1));
        assert_eq!(id.to_string().parse::<ImageId>(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<ImageId>().is_err());
        assert!(id.0.simple().to_string().parse::<ImageId>().is_err());
        assert!("../../etc/passwd".parse::<ImageId>().is_err());
    }
}
