//! The settings of accounts that the API and `planet-admin` share.

use std::time::Duration;

use crate::account::user::User;
use crate::env::Env;

/// What every user may do, unless their row has a limit of its own.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `QUOTA_BYTES`: most bytes of all originals of a user; `None`: no limit.
    pub quota_bytes: Option<u64>,
    /// `QUOTA_IMAGES`: most images of a user; `None`: no limit.
    pub quota_images: Option<u64>,
    /// `UPLOADS_PER_MINUTE`: uploads that a user may begin in a minute; `None`: no limit.
    pub uploads_per_minute: Option<u32>,
    /// `PUBLIC_IMAGES`: whether people who are not signed in may see public images.
    pub public_images: bool,
    /// `RIGHTS_KEPT_S`: how long a process may rely on what it read of users, tokens and owners.
    pub rights_kept: Duration,
    /// `MAX_TOKENS`: tokens of one user.
    pub max_tokens: u64,
    /// `MAX_SHARES`: links to one image.
    pub max_shares: u64,
}

/// What one user may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Most bytes of all originals; `None`: no limit.
    pub bytes: Option<u64>,
    /// Most images; `None`: no limit.
    pub images: Option<u64>,
}

/// Why an upload is more than a user may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    /// One image too many.
    #[error("you have {used} images, and may have {max}")]
    Images {
        /// Images that the user has.
        used: u64,
        /// Most images of the user.
        max: u64,
    },
    /// Too many bytes.
    #[error(
        "the upload has {bytes} bytes, and {} of the {max} bytes that you may have are left",
        max.saturating_sub(*used)
    )]
    Bytes {
        /// Length of the upload, at least.
        bytes: u64,
        /// Length of the user's originals.
        used: u64,
        /// Most bytes of the user's originals.
        max: u64,
    },
}

impl Quota {
    /// Why an image of `bytes` is more than `user` may store; `None` if it is not.
    pub fn excess(&self, user: &User, bytes: u64) -> Option<Excess> {
        let (images, length) = (user.images_used, user.bytes_used);
        let too_many = self.images.filter(|max| images >= *max);
        let too_long = self.bytes.filter(|max| length.saturating_add(bytes) > *max);
        too_many
            .map(|max| Excess::Images { used: images, max })
            .or_else(|| too_long.map(|max| Excess::Bytes { bytes, used: length, max }))
    }
}

impl Settings {
    /// What `user` may store: the limits of their own, otherwise those of everyone.
    pub fn quota_of(&self, user: &User) -> Quota {
        Quota {
            bytes: user.max_bytes.or(self.quota_bytes),
            images: user.max_images.or(self.quota_images),
        }
    }

    /// Reads the settings.
    pub fn read(env: &mut Env) -> Self {
        let some = |number: u64| (number > 0).then_some(number);
        Settings {
            quota_bytes: some(env.number(
                "QUOTA_BYTES",
                0,
                0..=i64::MAX as u64,
                "most bytes that the originals of one user have together; 0 is no limit",
            )),
            quota_images: some(env.number(
                "QUOTA_IMAGES",
                0,
                0..=i64::MAX as u64,
                "most images of one user; 0 is no limit",
            )),
            uploads_per_minute: some(env.number(
                "UPLOADS_PER_MINUTE",
                0,
                0..=60_000,
                "uploads that one user may begin in a minute, at all API processes together; 0 is \
                 no limit",
            ))
            .map(|number| number as u32),
            public_images: env.parsed(
                "PUBLIC_IMAGES",
                "yes",
                "yes or no",
                "whether people who are not signed in see public images: yes or no",
                |text| ["yes", "no"].contains(&text).then(|| text == "yes"),
            ),
            rights_kept: env.seconds(
                "RIGHTS_KEPT_S",
                "1",
                "how long a process may rely on what it has read of a session, a token or the \
                 owner of an image, in seconds; a change by another process acts after that",
            ),
            max_tokens: env.number("MAX_TOKENS", 50, 1..=10_000, "tokens of one user"),
            max_shares: env.number("MAX_SHARES", 50, 1..=10_000, "links to one image"),
        }
    }
}
