//! Decoding in a process of its own: for formats whose decoders may abort, or take memory that no
//! header announces, and for large pictures that a library decodes at one go, which could not be
//! stopped otherwise.
//!
//! [`init`] is called first thing in `main`. To decode a file, the library starts the same program
//! again, whose [`init`] then limits its own memory and CPU time, reads the file from standard
//! input, writes samples to standard output, and exits. Whatever it does, the process that started it
//! only sees that samples are missing, and refuses the file.
//!
//! Without [`init`], AVIF and JPEG XL are refused, and everything else is decoded in the process of
//! the caller.
//!
//! ```text
//! process ── start: order as arguments ──▶ process of the same program: init
//!    │ ──── standard input: the file ────────▶ limits, probe, decode, sample
//!    │ ◀─── standard output: a message ─────── samples, or an error
//!    └ kills it when the caller cancels
//! ```

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::panic;
use std::process::exit;

use crate::analysis::sample;
use crate::cancellation::{Cancellation, Place};
use crate::decoder_process::{
    Order, PANICKED, limit_this_process, use_running_program, write_error, write_samples,
    write_values,
};
use crate::error::Error;
use crate::formats;
use crate::formats::decoder::Input;
use crate::formats::value_rows::{TakeValues, ValueQuery, ValueSource};
use crate::source::Source;
use crate::spec::Spec;
use crate::spec::region::PixelRect;

pub use crate::decoder_process::use_program;

/// The exit code if the other process has ended, or sent something else.
const DISCONNECTED: i32 = 102;
/// Bytes of messages that are written at once: what a pipe holds.
const BUFFER_BYTES: usize = 1 << 16;

/// Lets this program decode files in processes of their own.
///
/// Call it first thing in `main`. In a process that was started to decode a file, it does so and
/// does not return.
pub fn init() {
    match Order::parse(env::args_os().skip(1)) {
        Some(order) => exit(serve(&order).map_or(DISCONNECTED, |()| 0)),
        None => use_running_program(),
    }
}

/// # Errors
/// The other process has ended, or the system refuses a limit.
fn serve(order: &Order) -> io::Result<()> {
    // a panic may be in a function that cannot unwind, which would abort
    panic::set_hook(Box::new(|_| exit(PANICKED)));
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let mut output = BufWriter::with_capacity(BUFFER_BYTES, output);
    limit_this_process(order)?;
    let mut file = Vec::new();
    file.reserve_exact(usize::try_from(order.file_bytes).unwrap_or(usize::MAX));
    io::stdin().lock().take(order.file_bytes).read_to_end(&mut file)?;
    if file.len() as u64 != order.file_bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let written = match (&order.values, order.specs.as_slice()) {
        (Some(bands), [spec]) => {
            let query = ValueQuery { spec, bands };
            let mut written = WrittenValues { query, output: &mut output };
            decode(file, order, |input| read_values(input, query, &mut written))
                .map(|()| written.output.flush())
        }
        _ => {
            let specs: Vec<&Spec> = order.specs.iter().collect();
            decode(file, order, |input| sample(input, &specs))
                .map(|sampled| write_samples(sampled, &mut output))
        }
    };
    written.unwrap_or_else(|err| write_error(&err, &mut output))
}

/// Writes the values of the region of a query.
struct WrittenValues<'a, W> {
    query: ValueQuery<'a>,
    output: &'a mut W,
}

impl<W: Write> TakeValues for WrittenValues<'_, W> {
    fn begin(&mut self, source: &ValueSource) -> PixelRect {
        source.geometry.window(self.query.spec.region())
    }

    fn push(&mut self, row: &[f64]) -> ControlFlow<()> {
        match write_values(row, self.output) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

fn read_values(
    input: &mut Input<'_, '_>,
    query: ValueQuery<'_>,
    take: &mut dyn TakeValues,
) -> Result<(), Error> {
    input.probed.decoder.read_values(input, query, take)
}

/// What `work` makes of a file.
///
/// # Errors
/// What is wrong with the file.
fn decode<T>(
    file: Vec<u8>,
    order: &Order,
    work: impl FnOnce(&mut Input<'_, '_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let never = Cancellation::never().at(Place::OwnProcess);
    let mut file = Cursor::new(file);
    let mut source = Source::new(&mut file, &never);
    let probed = formats::probe(&mut source, &order.limits)?;
    let limits = &order.limits;
    work(&mut Input { source: &mut source, probed: &probed, limits, values: None })
}
