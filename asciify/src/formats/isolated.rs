//! Decoders that run in a process of their own: see [`isolation`](crate::isolation).

use std::io::{Seek, SeekFrom};

use crate::color_profile::{ColorModel, ColorProfile, ProfileSource};
use crate::decoder_process::{self, Decoding, Order};
use crate::error::Error;
use crate::formats::decoder::{Decoder, Input, RowDecoder, area};
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

/// CPU time that any file may take, in seconds; one more for so many pixels, and for so many bytes.
/// Pictures take a fifth of it on slow machines.
const FREE_CPU_S: u64 = 5;
const PIXELS_PER_CPU_S: u64 = 4_000_000;
const BYTES_PER_CPU_S: u64 = 1_000_000;

/// Memory of the process besides the picture and the file, in bytes: the program's own data, buffers,
/// and small tables.
const PROGRAM_BYTES: u64 = 16 << 20;

/// Memory of a process besides the picture, in bytes, for a file of so many bytes.
pub(super) fn process_bytes(file_bytes: u64) -> u64 {
    file_bytes.saturating_add(PROGRAM_BYTES)
}

/// Starts to decode a file, and reads the profile that precedes its rows, if there is one.
fn start<'s>(
    input: &mut Input<'_, 's>,
    order: &Order,
) -> Result<(Option<ProfileSource>, Decoding<'s>), Error> {
    let (format, sides) = (input.probed.format, input.probed.sides());
    let mut decoding = decoder_process::start(input.source, format, sides, order)?;
    let profile = decoding.profile()?;
    Ok((profile, decoding))
}

/// A decoder whose work is done in a process of its own.
pub(super) struct Isolated<D>(pub(super) D);

impl<D: RowDecoder> Decoder for Isolated<D> {
    fn sample(
        &self,
        input: &mut Input<'_, '_>,
        view: View,
        specs: &[&Spec],
    ) -> Result<Vec<Sampled>, Error> {
        let file_bytes = input.source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
        let (width, height) = input.probed.sides();
        let cpu_s =
            FREE_CPU_S + area(width, height) / PIXELS_PER_CPU_S + file_bytes / BYTES_PER_CPU_S;
        let order = Order {
            limits: input.limits.clone(),
            file_bytes,
            memory_bytes: input.probed.decoded_bytes,
            cpu_s: cpu_s.min(input.limits.max_decoder_cpu_s),
        };
        let (profile, decoding) = start(input, &order)?;
        let model = if input.probed.bands < 3 { ColorModel::Grey } else { ColorModel::Rgb };
        let profile = match profile {
            None => input.probed.profile.clone(),
            Some(source) => ColorProfile::from_source(&source, model).unwrap_or_default(),
        };
        let mut first = Some(decoding);
        input.sample_rows_of(profile, &input.geometry(), view, specs, |input, push| {
            match first.take() {
                Some(decoding) => decoding.rows(push),
                None => start(input, &order)?.1.rows(push),
            }
        })
    }

    fn isolated(&self) -> Option<&dyn RowDecoder> {
        Some(&self.0)
    }
}
