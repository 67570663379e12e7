//! What a decoding process writes: the samples for each spec, rows of values, or an error.
//!
//! A message begins with its kind (one byte). Samples follow as columns and rows of the grid (four
//! bytes each, little-endian), whether there is opacity (one byte), and the samples of each
//! buffer, in the machine's byte order; a row of values, as these numbers (eight bytes each); an
//! error, as its length in bytes (four, little-endian) and its fields, each on a line. What is
//! read is not trusted.

use std::io::{self, ErrorKind, Read, Write};

use crate::error::{COUNTED, Error};
use crate::glyphs::mask::{ACROSS, DOWN};
use crate::light::WHITE;
use crate::sample::Sampled;
use crate::spec::Spec;
use crate::spec::options::{MAX_CELLS, OPTIONS};
use crate::spec::values::Palette;

const SAMPLES: u8 = 0;
const MALFORMED: u8 = 1;
const UNSUPPORTED: u8 = 2;
const OVER_LIMIT: u8 = 3;
const MISSING: u8 = 4;
const VALUES: u8 = 5;

/// The longest error, in bytes.
const MAX_ERROR_BYTES: u32 = 1000;
/// Samples that are converted at once: few, so that they stay in the cache.
const STEP: usize = 4096;

/// Writes the samples for each spec, and frees each buffer that is written.
///
/// # Errors
/// The process that reads has ended.
pub(crate) fn write_samples(sampled: Vec<Sampled>, to: &mut impl Write) -> io::Result<()> {
    for Sampled { columns, luminance, opacity, channels } in sampled {
        let rows = luminance.len() / (columns * ACROSS * DOWN).max(1);
        to.write_all(&[SAMPLES])?;
        to.write_all([columns, rows].map(|it| (it as u32).to_le_bytes()).as_flattened())?;
        to.write_all(&[opacity.is_some().into()])?;
        for buffer in [luminance].into_iter().chain(opacity).chain(channels.into_iter().flatten()) {
            let mut bytes = [[0; 4]; STEP];
            for samples in buffer.chunks(STEP) {
                let bytes = &mut bytes[..samples.len()];
                bytes.iter_mut().zip(samples).for_each(|(bytes, it)| *bytes = it.to_ne_bytes());
                to.write_all(bytes.as_flattened())?;
            }
        }
    }
    to.flush()
}

/// Writes a row of values.
///
/// # Errors
/// The process that reads has ended, or wants no further row.
pub(crate) fn write_values(row: &[f64], to: &mut impl Write) -> io::Result<()> {
    to.write_all(&[VALUES])?;
    row.iter().try_for_each(|value| to.write_all(&value.to_ne_bytes()))
}

/// Writes why there are no samples.
///
/// # Errors
/// The process that reads has ended.
pub(crate) fn write_error(err: &Error, to: &mut impl Write) -> io::Result<()> {
    let (kind, fields) = match err {
        Error::Malformed(text) => (MALFORMED, text.clone()),
        Error::OverLimit { what, is, max } if COUNTED.contains(what) => {
            (OVER_LIMIT, format!("{what}\n{is}\n{max}"))
        }
        Error::Missing { option, accepts } => (MISSING, format!("{option}\n{accepts}")),
        err => (UNSUPPORTED, err.to_string()),
    };
    to.write_all(&[kind])?;
    to.write_all(&(fields.len() as u32).to_le_bytes())?;
    to.write_all(fields.as_bytes())?;
    to.flush()
}

/// Why no samples were read.
pub(super) enum Failure {
    /// What is wrong with the file.
    File(Error),
    /// `from` fails, or ends too early; [`ErrorKind::InvalidData`] for what is no message.
    Read(io::Error),
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        Self::Read(err)
    }
}

/// Reads the samples for each of `specs`, in their order.
///
/// # Errors
/// See [`Failure`].
pub(super) fn read_samples(specs: &[Spec], from: &mut impl Read) -> Result<Vec<Sampled>, Failure> {
    specs.iter().map(|spec| read_one(spec, from)).collect()
}

fn read_one(spec: &Spec, from: &mut impl Read) -> Result<Sampled, Failure> {
    let [kind] = array(from)?;
    if kind != SAMPLES {
        return Err(Failure::File(read_error(kind, from)?));
    }
    let [columns, rows] = [array(from)?, array(from)?].map(u32::from_le_bytes);
    let is_valid = |count: u32, max: Option<u32>| (1..=max.unwrap_or(MAX_CELLS)).contains(&count);
    let [has_opacity] = array(from)?;
    if !is_valid(columns, spec.width()) || !is_valid(rows, spec.height()) || has_opacity > 1 {
        return Err(invalid().into());
    }
    let columns = columns as usize;
    let count = columns * ACROSS * rows as usize * DOWN;
    Ok(Sampled {
        columns,
        luminance: read_buffer(count, from)?,
        opacity: (has_opacity == 1).then(|| read_buffer(count, from)).transpose()?,
        channels: match spec.color() {
            Palette::None => None,
            _ => {
                let mut next = || read_buffer(count, from);
                Some([next()?, next()?, next()?])
            }
        },
    })
}

/// Reads a row of as many values as `row` has.
///
/// # Errors
/// See [`Failure`].
pub(super) fn read_values(row: &mut [f64], from: &mut impl Read) -> Result<(), Failure> {
    let [kind] = array(from)?;
    if kind != VALUES {
        return Err(Failure::File(read_error(kind, from)?));
    }
    for value in row {
        *value = f64::from_ne_bytes(array(from)?);
    }
    Ok(())
}

fn read_buffer(count: usize, from: &mut impl Read) -> io::Result<Vec<u32>> {
    let mut samples = Vec::with_capacity(count);
    let mut bytes = [[0; 4]; STEP];
    while samples.len() < count {
        let bytes = &mut bytes[..(count - samples.len()).min(STEP)];
        from.read_exact(bytes.as_flattened_mut())?;
        samples.extend(bytes.iter().map(|bytes| u32::from_ne_bytes(*bytes)));
    }
    match samples.iter().all(|sample| *sample <= WHITE) {
        true => Ok(samples),
        false => Err(invalid()),
    }
}

fn read_error(kind: u8, from: &mut impl Read) -> io::Result<Error> {
    let length = u32::from_le_bytes(array(from)?);
    if length > MAX_ERROR_BYTES {
        return Err(invalid());
    }
    let mut fields = vec![0; length as usize];
    from.read_exact(&mut fields)?;
    let fields = String::from_utf8_lossy(&fields);
    let fields: Vec<String> =
        fields.split('\n').map(|field| field.replace(char::is_control, "?")).collect();
    let number = |text: &String| text.parse().map_err(|_| invalid());
    match (kind, fields.as_slice()) {
        (MALFORMED, [text]) => Ok(Error::Malformed(text.clone())),
        (UNSUPPORTED, [text]) => Ok(Error::Unsupported(text.clone())),
        (OVER_LIMIT, [what, is, max]) => {
            let what = COUNTED.into_iter().find(|it| it == what).ok_or_else(invalid)?;
            Ok(Error::OverLimit { what, is: number(is)?, max: number(max)? })
        }
        (MISSING, [option, accepts]) => {
            let option = OPTIONS.iter().map(|it| it.name).find(|name| name == option);
            let option = option.ok_or_else(invalid)?;
            Ok(Error::Missing { option, accepts: accepts.clone() })
        }
        _ => Err(invalid()),
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map(|()| bytes)
}

fn invalid() -> io::Error {
    ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One cell of each sample.
    fn cell(sample: u32) -> Vec<u32> {
        vec![sample; ACROSS * DOWN]
    }

    fn spec(text: &str) -> Spec {
        text.parse().unwrap()
    }

    /// What is read for a spec, in words.
    fn read(spec: &Spec, bytes: &[u8]) -> Result<String, String> {
        match read_samples(std::slice::from_ref(spec), &mut &*bytes) {
            Ok(sampled) => {
                let Sampled { columns, luminance, opacity, channels } = &sampled[0];
                Ok(format!("{columns} {luminance:?} {opacity:?} {channels:?}"))
            }
            Err(Failure::File(err)) => Err(format!("{err:?}")),
            Err(Failure::Read(err)) => Err(err.kind().to_string()),
        }
    }

    #[test]
    fn samples_are_read_back() {
        for (spec, opacity, channels) in [
            (spec("width=1&height=2"), None, None),
            (spec("width=1&height=2&color=full"), Some(3), Some([4, 5, WHITE])),
        ] {
            let buffer = |sample| [cell(sample), cell(sample)].concat();
            let sampled = || Sampled {
                columns: 1,
                luminance: buffer(2),
                opacity: opacity.map(buffer),
                channels: channels.map(|channels| channels.map(buffer)),
            };
            let mut bytes = Vec::new();
            write_samples(vec![sampled()], &mut bytes).unwrap();
            let Sampled { columns, luminance, opacity, channels } = sampled();
            let expected = format!("{columns} {luminance:?} {opacity:?} {channels:?}");
            assert_eq!(read(&spec, &bytes), Ok(expected));
            let cut_off = read(&spec, &bytes[..bytes.len() - 1]);
            assert_eq!(cut_off, Err(ErrorKind::UnexpectedEof.to_string()));
        }
    }

    #[test]
    fn errors_are_read_back() {
        for err in [
            Error::Malformed("a".into()),
            Error::Unsupported("b".into()),
            Error::OverLimit { what: "frames", is: 3, max: 2 },
            Error::no_frame(4),
        ] {
            let mut bytes = Vec::new();
            write_error(&err, &mut bytes).unwrap();
            assert_eq!(read(&Spec::default(), &bytes), Err(format!("{err:?}")));
        }
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let samples = |columns: u32, rows: u32, sample: u32| {
            let sides = [columns, rows].map(u32::to_le_bytes).concat();
            [
                &[SAMPLES],
                &sides[..],
                &[0],
                &cell(sample).into_iter().flat_map(u32::to_ne_bytes).collect::<Vec<_>>(),
            ]
            .concat()
        };
        let spec = spec("width=1&height=1");
        read(&spec, &samples(1, 1, WHITE)).unwrap();
        for bytes in [
            samples(1, 1, WHITE + 1),
            samples(2, 1, 0),
            samples(1, 0, 0),
            samples(1, u32::MAX, 0),
            vec![5, 0, 0, 0, 0],
            [&[MALFORMED][..], &u32::MAX.to_le_bytes()].concat(),
            [&[MISSING, 3, 0, 0, 0][..], b"x\ny"].concat(),
        ] {
            assert_eq!(read(&spec, &bytes), Err(ErrorKind::InvalidData.to_string()), "{bytes:?}");
        }
    }
}
