//! The name, media type and file extension of an image format.

use std::fmt;

/// An image format that is read: one of [`formats`](crate::formats()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Format {
    name: &'static str,
    media_type: &'static str,
    extension: &'static str,
    other_extensions: &'static [&'static str],
    /// Media types and usual extensions of its other kinds of files.
    kinds: &'static [(&'static str, &'static str)],
    is_read_in_parts: bool,
}

impl Format {
    pub(crate) const fn new(
        name: &'static str,
        media_type: &'static str,
        extension: &'static str,
    ) -> Self {
        Self {
            name,
            media_type,
            extension,
            other_extensions: &[],
            kinds: &[],
            is_read_in_parts: false,
        }
    }

    /// The same format, of which a picture may need few parts of a file.
    pub(crate) const fn read_in_parts(self) -> Self {
        Self { is_read_in_parts: true, ..self }
    }

    /// The same format with more file name extensions that are in use.
    pub(crate) const fn also(self, other_extensions: &'static [&'static str]) -> Self {
        Self { other_extensions, ..self }
    }

    /// The same format with more kinds of files: their media types and usual extensions.
    #[cfg(feature = "jp2")]
    pub(crate) const fn with_kinds(self, kinds: &'static [(&'static str, &'static str)]) -> Self {
        Self { kinds, ..self }
    }

    /// The format, with the media type and the usual extension of its files of that media type.
    /// `None` if it has none.
    pub(crate) fn of_kind(self, media_type: &str) -> Option<Self> {
        if self.media_type == media_type {
            return Some(self);
        }
        let (media_type, extension) = self.kinds.iter().copied().find(|it| it.0 == media_type)?;
        Some(Self { media_type, extension, ..self })
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

    /// Whether a picture may need few parts of a file, anywhere in it. Files of other formats are read
    /// from their beginning.
    pub const fn is_read_in_parts(self) -> bool {
        self.is_read_in_parts
    }

    /// All file name extensions that are in use, the usual one first, without dots.
    pub fn extensions(self) -> impl Iterator<Item = &'static str> {
        let of_kinds = self.kinds.iter().map(|(_, extension)| *extension);
        std::iter::once(self.extension).chain(of_kinds).chain(self.other_extensions.iter().copied())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
