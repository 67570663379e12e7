//! The name, media type and file extension of an image format.

use std::fmt;

/// An image format that is read: one of [`formats`](crate::formats()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    name: &'static str,
    media_type: &'static str,
    extension: &'static str,
    other_extensions: &'static [&'static str],
}

impl Format {
    pub(crate) const fn new(
        name: &'static str,
        media_type: &'static str,
        extension: &'static str,
    ) -> Self {
        Self { name, media_type, extension, other_extensions: &[] }
    }

    /// The same format with more file name extensions that are in use.
    pub(crate) const fn also(self, other_extensions: &'static [&'static str]) -> Self {
        Self { other_extensions, ..self }
    }

    /// The name by which it is usually called: `JPEG`, `WebP`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The media type as registered with IANA, or the one in use where none is registered.
    pub const fn media_type(self) -> &'static str {
        self.media_type
    }

    /// The usual file name extension, without the dot.
    pub const fn extension(self) -> &'static str {
        self.extension
    }

    /// All file name extensions that are in use, the usual one first, without dots.
    pub fn extensions(self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.extension).chain(self.other_extensions.iter().copied())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
