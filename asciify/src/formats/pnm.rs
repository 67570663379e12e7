//! PNM (Netpbm): PBM, PGM and PPM, plain or raw, and PAM: a header of words and comments, then
//! samples as text or as bytes. Read row by row.

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Decoder, Driver, Input, Probed, area};
use crate::formats::reader::ByteReader;
use crate::light::Row;
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

const FORMAT: Format =
    Format::new("PNM", "image/x-portable-anymap", "pnm").also(&["pbm", "pgm", "ppm", "pam"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| matches!(start, [b'P', b'1'..=b'7', b' ' | b'\t' | b'\r' | b'\n' | b'#', ..]),
    probe,
};

const MAX_HEADER_BYTES: u32 = 1 << 16;
/// The highest value of a sample: it has 16 bits at most.
const MAX_VALUE: u32 = 65_535;

/// How samples are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    /// P1: a digit each; 1 is black.
    PlainBits,
    /// P4: a bit each, in rows of whole bytes; 1 is black.
    RawBits,
    /// P2 and P3: decimal numbers.
    Plain,
    /// P5 to P7: a byte each, or two, the high one first.
    Raw,
}

/// What a header says.
#[derive(Debug, Clone, Copy)]
struct Pnm {
    width: u32,
    height: u32,
    /// Samples of a pixel: grey or RGB, with or without alpha.
    channels: u32,
    /// The value of white.
    max_value: u32,
    coding: Coding,
    /// The offset in the file of the first sample.
    start: u64,
}

fn probe(mut reader: ByteReader<'_>, _limits: &Limits) -> Result<Probed, Error> {
    let pnm = Pnm::read(&mut reader)?;
    reader.awaited = "its last row";
    if reader.remaining() < pnm.row_bytes().saturating_mul(pnm.height.into()) {
        return Err(reader.cut_off());
    }
    Ok(Probed {
        bits: pnm.max_value.ilog2() + 1,
        white: Some(pnm.max_value),
        // some rows at a time
        decoded_bytes: area(pnm.width, 32 * pnm.channels).saturating_add(1 << 18),
        ..Probed::still(FORMAT, (pnm.width, pnm.height), pnm.channels, 0, pnm)
    })
}

impl Decoder for Pnm {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            let mut reader = ByteReader::new(input.source, FORMAT)?;
            reader.awaited = "its last row";
            reader.seek_to(self.start)?;
            let samples = self.width as usize * self.channels as usize;
            let mut wide: Vec<u16> = Vec::with_capacity(samples);
            let mut narrow: Vec<u8> = Vec::with_capacity(samples);
            for _ in 0..self.height {
                wide.clear();
                self.read_row(&mut reader, samples, &mut wide)?;
                let flow = if self.max_value < 256 {
                    narrow.clear();
                    narrow.extend(wide.iter().map(|it| self.scaled(*it, 255) as u8));
                    push.push(match self.channels {
                        1 => Row::Grey8(narrow.as_chunks().0),
                        2 => Row::GreyAlpha8(narrow.as_chunks().0),
                        3 => Row::Rgb8(narrow.as_chunks().0),
                        _ => Row::Rgba8(narrow.as_chunks().0),
                    })
                } else {
                    wide.iter_mut().for_each(|it| *it = self.scaled(*it, 65_535) as u16);
                    push.push(match self.channels {
                        1 => Row::Grey16(wide.as_chunks().0),
                        2 => Row::GreyAlpha16(wide.as_chunks().0),
                        3 => Row::Rgb16(wide.as_chunks().0),
                        _ => Row::Rgba16(wide.as_chunks().0),
                    })
                };
                if flow.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl Pnm {
    /// Reads the header.
    ///
    /// # Errors
    /// The file is cut off or damaged, or of an unsupported kind.
    fn read(reader: &mut ByteReader<'_>) -> Result<Self, Error> {
        let mut header = Words { reader, bytes_left: MAX_HEADER_BYTES };
        let magic = header.word()?;
        if magic == "P7" {
            return Self::read_pam(header);
        }
        let (width, height) = (header.number()?, header.number()?);
        let (coding, channels) = match magic.as_str() {
            "P1" => (Coding::PlainBits, 1),
            "P2" => (Coding::Plain, 1),
            "P3" => (Coding::Plain, 3),
            "P4" => (Coding::RawBits, 1),
            "P5" => (Coding::Raw, 1),
            _ => (Coding::Raw, 3),
        };
        let is_bitmap = matches!(coding, Coding::PlainBits | Coding::RawBits);
        let max_value = if is_bitmap { 1 } else { header.number()? };
        Self { width, height, channels, max_value, coding, start: 0 }.checked(header.reader)
    }

    /// Reads the rest of a PAM header, which consists of names and values, up to ENDHDR.
    fn read_pam(mut header: Words<'_, '_>) -> Result<Self, Error> {
        let [mut width, mut height, mut channels, mut max_value] = [0; 4];
        loop {
            match header.word()?.as_str() {
                "WIDTH" => width = header.number()?,
                "HEIGHT" => height = header.number()?,
                "DEPTH" => channels = header.number()?,
                "MAXVAL" => max_value = header.number()?,
                "ENDHDR" => break,
                _ => {}
            }
        }
        let coding = Coding::Raw;
        Self { width, height, channels, max_value, coding, start: 0 }.checked(header.reader)
    }

    /// The header that ends where the reader is.
    fn checked(self, reader: &ByteReader<'_>) -> Result<Self, Error> {
        if !(1..=MAX_VALUE).contains(&self.max_value) {
            return Err(reader.malformed("its maxval is not from 1 to 65535"));
        }
        if !(1..=4).contains(&self.channels) {
            return Err(reader.unsupported("a number of samples per pixel"));
        }
        Ok(Self { start: reader.position, ..self })
    }

    /// Bytes of a row; of a plain one, at least.
    fn row_bytes(self) -> u64 {
        let samples = area(self.width, self.channels);
        match self.coding {
            Coding::RawBits => samples.div_ceil(8),
            Coding::Raw if self.max_value > 255 => 2 * samples,
            _ => samples,
        }
    }

    /// Appends the samples of the next row: 0 to `max_value`.
    fn read_row(
        self,
        reader: &mut ByteReader<'_>,
        samples: usize,
        row: &mut Vec<u16>,
    ) -> Result<(), Error> {
        match self.coding {
            Coding::PlainBits => {
                for _ in 0..samples {
                    row.push(1 - u16::from(bit(reader)?));
                }
            }
            Coding::Plain => {
                for _ in 0..samples {
                    row.push(number(reader)?.min(self.max_value) as u16);
                }
            }
            Coding::RawBits | Coding::Raw => {
                let bytes = reader.bytes(self.row_bytes(), self.row_bytes())?;
                let is_wide = self.max_value > 255;
                match self.coding {
                    Coding::RawBits => row.extend(
                        (0..samples).map(|x| 1 - u16::from(bytes[x / 8] >> (7 - x % 8) & 1)),
                    ),
                    _ if is_wide => {
                        row.extend(bytes.as_chunks().0.iter().map(|it| u16::from_be_bytes(*it)));
                    }
                    _ => row.extend(bytes.iter().map(|it| u16::from(*it))),
                }
            }
        }
        Ok(())
    }

    /// A sample on a scale from 0 to `white`, rounded.
    fn scaled(self, sample: u16, white: u32) -> u32 {
        if self.max_value == white {
            return sample.into();
        }
        let sample = u32::from(sample).min(self.max_value);
        (sample * white + self.max_value / 2) / self.max_value
    }
}

/// The next digit of a plain bitmap.
fn bit(reader: &mut ByteReader<'_>) -> Result<bool, Error> {
    loop {
        match next_plain(reader)? {
            b'0' => return Ok(false),
            b'1' => return Ok(true),
            byte if byte.is_ascii_whitespace() => {}
            _ => return Err(reader.malformed("a sample is neither 0 nor 1")),
        }
    }
}

/// The next number of a plain raster; saturates.
fn number(reader: &mut ByteReader<'_>) -> Result<u32, Error> {
    let mut number: Option<u32> = None;
    loop {
        // the file may end with the last number
        if number.is_some() && reader.remaining() == 0 {
            break;
        }
        match next_plain(reader)? {
            digit @ b'0'..=b'9' => {
                let tens = number.unwrap_or(0).saturating_mul(10);
                number = Some(tens.saturating_add(u32::from(digit - b'0')));
            }
            byte if byte.is_ascii_whitespace() => {
                if number.is_some() {
                    break;
                }
            }
            _ => return Err(reader.malformed("a sample is no number")),
        }
    }
    Ok(number.unwrap_or(0))
}

/// The next byte that is in no comment. The end of a line ends a comment, and is not part of it.
fn next_plain(reader: &mut ByteReader<'_>) -> Result<u8, Error> {
    let mut byte = reader.byte()?;
    if byte == b'#' {
        while !matches!(byte, b'\n' | b'\r') {
            byte = reader.byte()?;
        }
    }
    Ok(byte)
}

/// Reads words of a header, which white space separates.
struct Words<'a, 'b> {
    reader: &'a mut ByteReader<'b>,
    /// How many more bytes the header may have.
    bytes_left: u32,
}

impl Words<'_, '_> {
    fn word(&mut self) -> Result<String, Error> {
        let mut word = String::new();
        loop {
            let byte = self.byte()?;
            if !byte.is_ascii_whitespace() {
                word.push(byte.into());
            } else if !word.is_empty() {
                return Ok(word);
            }
        }
    }

    fn number(&mut self) -> Result<u32, Error> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| self.reader.malformed("its header has a word where a number must be"))
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let before = self.reader.position;
        let byte = next_plain(self.reader)?;
        let read = u32::try_from(self.reader.position - before).unwrap_or(u32::MAX);
        self.bytes_left = match self.bytes_left.checked_sub(read) {
            Some(left) => left,
            None => return Err(self.reader.malformed("its header does not end")),
        };
        Ok(byte)
    }
}
