//! Decoders that run in a process of their own: see [`isolation`](crate::isolation).

use std::io::{Seek, SeekFrom};

use crate::error::Error;
use crate::formats::decoder::{Decoder, Input, RowDecoder, area};
use crate::isolation::{self, Order};
use crate::sample::Sampled;
use crate::sample::view::View;
use crate::spec::Spec;

/// CPU time that any file may take, in seconds; one more for so many pixels, and for so many bytes.
/// Pictures take a fifth of it on slow machines.
const FREE_CPU_S: u64 = 5;
const PIXELS_PER_CPU_S: u64 = 4_000_000;
const BYTES_PER_CPU_S: u64 = 1_000_000;

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
        let order = Order {
            limits: input.limits.clone(),
            file_bytes,
            memory_bytes: input.probed.decoded_bytes,
            cpu_s: FREE_CPU_S
                + area(width, height) / PIXELS_PER_CPU_S
                + file_bytes / BYTES_PER_CPU_S,
        };
        input.sample_rows(&input.geometry(), view, specs, |input, push| {
            isolation::decode(input.source, input.probed.format, (width, height), &order, push)
        })
    }

    fn isolated(&self) -> Option<&dyn RowDecoder> {
        Some(&self.0)
    }
}
