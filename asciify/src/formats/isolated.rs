//! Decodes files in processes of their own: see [`isolation`](crate::isolation).

use std::io::{Seek, SeekFrom};
use std::ops::ControlFlow;

use crate::decoder_process::{self, Order};
use crate::error::Error;
use crate::formats::decoder::{Input, area};
use crate::formats::value_rows::{TakeValues, ValueQuery};
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
    let order = order(input, specs, None)?;
    decoder_process::sample(input.source, input.probed.format, &order)
}

/// Passes the values that a query asks for.
///
/// # Errors
/// As those of [`sample`].
pub(crate) fn read_values(
    input: &mut Input<'_, '_>,
    query: ValueQuery<'_>,
    take: &mut dyn TakeValues,
) -> Result<(), Error> {
    let geometry = input.geometry();
    let wanted = take.begin(&input.probed.values_of(query).source(&geometry, input.probed.bits));
    // what the other process sends: it knows the region, not what is wanted of it
    let sent = geometry.window(query.spec.region());
    let mut row = vec![0.0; sent.sides().0 as usize * query.bands.len()];
    let column = |x: u32| x.saturating_sub(sent.x.start) as usize * query.bands.len();
    let columns = column(wanted.x.start)..column(wanted.x.end).min(row.len());
    let order = order(input, &[query.spec], Some(query.bands.to_vec()))?;
    let mut y = sent.y.start;
    let rows = (sent.y.end.min(wanted.y.end) - y, row.as_mut_slice());
    decoder_process::values(input.source, input.probed.format, &order, rows, |row| {
        y += 1;
        match y > wanted.y.start {
            true => take.push(&row[columns.clone()]),
            false => ControlFlow::Continue(()),
        }
    })
}

/// What the other process is asked for.
///
/// # Errors
/// [`Error::Read`].
fn order(
    input: &mut Input<'_, '_>,
    specs: &[&Spec],
    values: Option<Vec<usize>>,
) -> Result<Order, Error> {
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
    Ok(Order {
        limits: (*limits).clone(),
        file_bytes,
        memory_bytes: decoded_bytes.saturating_add(working.sum()),
        cpu_s: cpu_s.min(limits.max_decoder_cpu_s),
        specs: specs.iter().map(|spec| (*spec).clone()).collect(),
        values,
    })
}
