//! Messages of a decoding process: a colour profile if there is one, rows of pixels from the top,
//! then the end or an error.
//!
//! A message has a kind (one byte), the length of its content in bytes (four, little-endian), and
//! the content: samples in the machine's byte order, a profile, or a sentence. What is read is not
//! trusted.

use std::io::{self, ErrorKind, Read, Write};

use crate::color_profile::{MAX_ICC_BYTES, ProfileSource};
use crate::error::Error;
use crate::light::Row;

const DONE: u8 = 8;
const MALFORMED: u8 = 9;
const UNSUPPORTED: u8 = 10;
const ICC: u8 = 11;
const CICP: u8 = 12;

/// The longest sentence, in bytes.
const MAX_TEXT_BYTES: usize = 1000;

/// Writes a row.
///
/// # Errors
/// The process that reads has ended.
pub(crate) fn write_row(row: Row<'_>, to: &mut impl Write) -> io::Result<()> {
    match row {
        Row::Grey8(row) => write(0, row.as_flattened(), to),
        Row::GreyAlpha8(row) => write(1, row.as_flattened(), to),
        Row::Rgb8(row) => write(2, row.as_flattened(), to),
        Row::Rgba8(row) => write(3, row.as_flattened(), to),
        Row::Grey16(row) => write_words(4, row.as_flattened(), to),
        Row::GreyAlpha16(row) => write_words(5, row.as_flattened(), to),
        Row::Rgb16(row) => write_words(6, row.as_flattened(), to),
        Row::Rgba16(row) => write_words(7, row.as_flattened(), to),
    }
}

/// Writes a profile.
///
/// # Errors
/// The process that reads has ended.
pub(crate) fn write_profile(profile: &ProfileSource, to: &mut impl Write) -> io::Result<()> {
    match profile {
        ProfileSource::Icc(profile) => write(ICC, profile, to),
        ProfileSource::Cicp(primaries, transfer) => {
            write(CICP, [*primaries, *transfer].map(u16::to_le_bytes).as_flattened(), to)
        }
    }
}

/// Writes how decoding ended.
///
/// # Errors
/// The process that reads has ended.
pub(crate) fn write_end(outcome: Result<(), Error>, to: &mut impl Write) -> io::Result<()> {
    match outcome {
        Ok(()) => write(DONE, &[], to),
        Err(Error::Malformed(text)) => write(MALFORMED, text.as_bytes(), to),
        Err(err) => write(UNSUPPORTED, err.to_string().as_bytes(), to),
    }?;
    to.flush()
}

fn write(kind: u8, content: &[u8], to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[kind])?;
    to.write_all(&(content.len() as u32).to_le_bytes())?;
    to.write_all(content)
}

fn write_words(kind: u8, samples: &[u16], to: &mut impl Write) -> io::Result<()> {
    // few at a time, so that they stay in the cache
    const STEP: usize = 2048;
    to.write_all(&[kind])?;
    to.write_all(&(2 * samples.len() as u32).to_le_bytes())?;
    let mut bytes = [[0; 2]; STEP];
    for samples in samples.chunks(STEP) {
        let bytes = &mut bytes[..samples.len()];
        bytes.iter_mut().zip(samples).for_each(|(bytes, sample)| *bytes = sample.to_ne_bytes());
        to.write_all(bytes.as_flattened())?;
    }
    Ok(())
}

/// Whether messages of that kind are profiles.
pub(super) fn is_profile(kind: u8) -> bool {
    matches!(kind, ICC | CICP)
}

/// Reads messages. Holds the content of the last one.
#[derive(Default)]
pub(super) struct Reader {
    /// The kind of the first row, which all rows of a picture have.
    row_kind: Option<u8>,
    bytes: Vec<u8>,
    words: Vec<u16>,
}

/// A message that was read.
pub(super) enum Message<'a> {
    Profile(ProfileSource),
    Row(Row<'a>),
    End(Result<(), Error>),
}

impl Reader {
    /// The next message. Rows must have `width` pixels, and be of one variant.
    ///
    /// # Errors
    /// `from` fails, or ends before the message does; [`ErrorKind::InvalidData`] for what is no
    /// message.
    pub(super) fn read(&mut self, width: u32, from: &mut impl Read) -> io::Result<Message<'_>> {
        let mut header = [0; 5];
        from.read_exact(&mut header)?;
        let [kind, length @ ..] = header;
        let length = u32::from_le_bytes(length) as usize;
        // bytes of a pixel
        let size = [1, 2, 3, 4, 2, 4, 6, 8].get(usize::from(kind)).copied();
        let is_valid = match size {
            Some(size) => {
                length as u64 == u64::from(width) * size
                    && *self.row_kind.get_or_insert(kind) == kind
            }
            None if kind == ICC => length as u64 <= MAX_ICC_BYTES,
            None => length <= MAX_TEXT_BYTES,
        };
        if !is_valid {
            return Err(ErrorKind::InvalidData.into());
        }
        self.bytes.resize(length, 0);
        from.read_exact(&mut self.bytes)?;
        if (4..8).contains(&kind) {
            self.words.clear();
            let (pairs, _) = self.bytes.as_chunks();
            self.words.extend(pairs.iter().map(|pair| u16::from_ne_bytes(*pair)));
        }
        let Self { bytes, words, .. } = self;
        let text = || String::from_utf8_lossy(bytes).replace(char::is_control, "?");
        Ok(match kind {
            0 => Message::Row(Row::Grey8(bytes.as_chunks().0)),
            1 => Message::Row(Row::GreyAlpha8(bytes.as_chunks().0)),
            2 => Message::Row(Row::Rgb8(bytes.as_chunks().0)),
            3 => Message::Row(Row::Rgba8(bytes.as_chunks().0)),
            4 => Message::Row(Row::Grey16(words.as_chunks().0)),
            5 => Message::Row(Row::GreyAlpha16(words.as_chunks().0)),
            6 => Message::Row(Row::Rgb16(words.as_chunks().0)),
            7 => Message::Row(Row::Rgba16(words.as_chunks().0)),
            ICC => Message::Profile(ProfileSource::Icc(std::mem::take(bytes))),
            CICP => match bytes.as_chunks().0 {
                [primaries, transfer] => {
                    let [primaries, transfer] = [*primaries, *transfer].map(u16::from_le_bytes);
                    Message::Profile(ProfileSource::Cicp(primaries, transfer))
                }
                _ => return Err(ErrorKind::InvalidData.into()),
            },
            DONE => Message::End(Ok(())),
            MALFORMED => Message::End(Err(Error::Malformed(text()))),
            UNSUPPORTED => Message::End(Err(Error::Unsupported(text()))),
            _ => return Err(ErrorKind::InvalidData.into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], width: u32) -> io::Result<String> {
        let mut reader = Reader::default();
        let message = reader.read(width, &mut &*bytes)?;
        Ok(match message {
            Message::Profile(profile) => format!("{profile:?}"),
            Message::Row(row) => format!("{row:?}"),
            Message::End(end) => format!("{end:?}"),
        })
    }

    #[test]
    fn messages_are_read_back() {
        let rows = [
            Row::Grey8(&[[1], [2]]),
            Row::GreyAlpha8(&[[1, 2], [3, 4]]),
            Row::Rgb8(&[[1, 2, 3], [4, 5, 6]]),
            Row::Rgba8(&[[1, 2, 3, 4]; 2]),
            Row::Grey16(&[[1], [2000]]),
            Row::GreyAlpha16(&[[1, 2000], [3, 4]]),
            Row::Rgb16(&[[1, 2000, 3], [4, 5, 6000]]),
            Row::Rgba16(&[[1, 2, 3, 65_535]; 2]),
        ];
        for row in rows {
            let mut bytes = Vec::new();
            write_row(row, &mut bytes).unwrap();
            assert_eq!(read(&bytes, 2).unwrap(), format!("{row:?}"));
            assert!(read(&bytes, 3).is_err(), "of another width");
            assert!(read(&bytes[..bytes.len() - 1], 2).is_err(), "cut off");
        }
        for profile in [ProfileSource::Icc(vec![1, 2, 3]), ProfileSource::Cicp(9, 16)] {
            let mut bytes = Vec::new();
            write_profile(&profile, &mut bytes).unwrap();
            assert_eq!(read(&bytes, 2).unwrap(), format!("{profile:?}"));
        }
        for end in [Ok(()), Err(Error::Malformed("a".into())), Err(Error::Unsupported("b".into()))]
        {
            let (expected, mut bytes) = (format!("{end:?}"), Vec::new());
            write_end(end, &mut bytes).unwrap();
            assert_eq!(read(&bytes, 2).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let large = [&[MALFORMED][..], &u32::MAX.to_le_bytes()].concat();
        for bytes in [&b""[..], &[13, 0, 0, 0, 0], &[CICP, 2, 0, 0, 0, 1, 1], &large] {
            assert!(read(bytes, 2).is_err(), "{bytes:?}");
        }
    }
}
