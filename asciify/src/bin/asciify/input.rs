//! A file, or a stream, that is to be drawn.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use crate::interactive::remote::is_address;
use asciify::{Limits, Playback, probe, probe_header};

/// Bytes to read from a file at once.
const BUFFER_BYTES: usize = 1 << 16;
/// How much of a stream is read to identify its format.
const START_BYTES: u64 = 4096;
/// The longest stream, in bytes: streams are kept in memory.
const MAX_STREAM_BYTES: u64 = 1 << 30;

/// A file that is to be drawn.
pub(crate) enum Input {
    File(BufReader<File>),
    /// All bytes of a stream, or of a file that is played.
    Bytes(Arc<[u8]>),
}

impl Input {
    /// A file; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be read; a stream that is no image, or is too long.
    pub(crate) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        if path == "-" {
            return Ok(Self::Bytes(read_stream(io::stdin().lock())?.into()));
        }
        if let Some(address) = path.to_str().filter(|text| is_address(text)) {
            let message = format!(
                "an address is shown with --interactive; to draw the image once: curl '{address}'"
            );
            return Err(message.into());
        }
        let open = || {
            let file = File::open(path)?;
            let is_regular = file.metadata()?.is_file();
            Ok((file, is_regular))
        };
        Ok(match open().map_err(asciify::Error::Read)? {
            (file, true) => Self::File(BufReader::with_capacity(BUFFER_BYTES, file)),
            // a pipe or a device
            (file, false) => Self::Bytes(read_stream(file)?.into()),
        })
    }

    /// The animation that it holds; `None` if it does not move, or is damaged.
    pub(crate) fn playback(&mut self, limits: &Limits) -> Option<Playback> {
        if let Self::File(file) = self {
            // a file that does not move is not read as a whole
            let header = probe_header(&mut *file, limits);
            file.rewind().ok()?;
            if header.is_err() || header.is_ok_and(|header| header.frames < 2) {
                return None;
            }
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).ok()?;
            *self = Self::Bytes(bytes.into());
        }
        match self {
            Self::Bytes(bytes) => Playback::open(bytes.clone(), limits).ok().flatten(),
            Self::File(_) => None,
        }
    }
}

/// A whole stream, since decoders seek. If its start is no image, the rest is not read.
///
/// # Errors
/// It cannot be read, is no image, or is too long.
fn read_stream(mut stream: impl Read) -> Result<Vec<u8>, asciify::Error> {
    let mut bytes = Vec::new();
    stream.by_ref().take(START_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if let Err(refusal) = probe(Cursor::new(&bytes), &Limits::default())
        && matches!(refusal, asciify::Error::Unknown { .. } | asciify::Error::FormatNotRead { .. })
        && !bytes.is_empty()
    {
        return Err(refusal);
    }
    stream.take(MAX_STREAM_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if bytes.len() as u64 >= MAX_STREAM_BYTES {
        let message = "a stream of more than 1 GiB: save it as a file";
        return Err(asciify::Error::Read(io::Error::new(ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}
