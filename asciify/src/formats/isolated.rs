//! Decodes files in processes of their own: see [`isolation`](crate::isolation).

use std::io::{Seek, SeekFrom};

use crate::decoder_process::{self, Order};
use crate::error::Error;
use crate::formats::decoder::{Input, area};
use crate::sample::Sampled;
use crate::spec::Spec;
use crate::spec::region::Region;

/// CPU time that any file may take, in seconds; one more for so many pixels, for so many bytes, and
/// for so many cells. Pictures take a fifth of it on slow machines.
const FREE_CPU_S: u64 = 5;
const PIXELS_PER_CPU_S: u64 = 4_000_000;
const BYTES_PER_CPU_S: u64 = 1_000_000;
const CELLS_PER_CPU_S: u64 = 100_000;

/// Samples a file for each of `specs`, in their order.
///
/// # Errors
/// What is wrong with the file; [`Error::Cancelled`]; [`Error::Read`].
pub(crate) fn sample(input: &mut Input<'_, '_>, specs: &[&Spec]) -> Result<Vec<Sampled>, Error> {
    let Input { source, probed, limits, .. } = input;
    let file_bytes = source.seek(SeekFrom::End(0)).map_err(Error::Read)?;
    let (width, height) = probed.sides();
    // the header estimates the memory of the first frame only
    let decoded_bytes = match specs.iter().any(|spec| spec.frame() > 0) {
        true => limits.max_decoded_bytes,
        false if specs.iter().any(|spec| spec.region() != Region::Full) => {
            probed.region_bytes.unwrap_or(0).max(probed.decoded_bytes)
        }
        false => probed.decoded_bytes,
    };
    let working = specs.iter().map(|spec| spec.working_bytes(width, height));
    let cells = |spec: &&Spec| {
        let (columns, rows) = spec.size(width, height);
        area(columns, rows)
    };
    let cpu_s = FREE_CPU_S
        + area(width, height) / PIXELS_PER_CPU_S
        + file_bytes / BYTES_PER_CPU_S
        + specs.iter().map(cells).sum::<u64>() / CELLS_PER_CPU_S;
    let order = Order {
        limits: limits.clone(),
        file_bytes,
        memory_bytes: decoded_bytes.saturating_add(working.sum()),
        cpu_s: cpu_s.min(limits.max_decoder_cpu_s),
        specs: specs.iter().map(|spec| (*spec).clone()).collect(),
    };
    decoder_process::sample(source, probed.format, &order)
}
