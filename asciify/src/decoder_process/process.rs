//! Starts a decoding process, sends it the file, and reads the samples.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::message::{Failure, read_samples, read_values};
use super::order::{Order, PANICKED};
use super::program::program;
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::format::Format;
use crate::sample::Sampled;
use crate::source::Source;

/// How long a pipe is waited for before the caller is asked again, in milliseconds.
const ASK_EVERY_MS: i64 = 10;
/// Bytes of messages that are read at once: what a pipe holds.
const BUFFER_BYTES: usize = 1 << 16;

/// Decodes a file of `format`, and samples it for the specs of the order, in their order.
///
/// # Errors
/// What is wrong with the file; [`Error::Cancelled`]; [`Error::Read`] if the source failed, the
/// process could not be started, or it was killed from outside.
pub(crate) fn sample(
    source: &mut Source<'_>,
    format: Format,
    order: &Order,
) -> Result<Vec<Sampled>, Error> {
    let process = start(order)?;
    ask(process, source, format, order, |messages| read_samples(&order.specs, messages))
}

/// Decodes a file of `format`, and passes rows of values, each as long as `row`, until `take` breaks or
/// `rows` were passed.
///
/// # Errors
/// As those of [`sample`].
pub(crate) fn values(
    source: &mut Source<'_>,
    format: Format,
    order: &Order,
    (rows, row): (u32, &mut [f64]),
    mut take: impl FnMut(&[f64]) -> ControlFlow<()>,
) -> Result<(), Error> {
    ask(start(order)?, source, format, order, |messages| {
        for _ in 0..rows {
            read_values(row, messages)?;
            if take(row).is_break() {
                break;
            }
        }
        Ok(())
    })
}

fn start(order: &Order) -> Result<Process, Error> {
    program().and_then(|program| Process::start(program, order)).map_err(Error::Read)
}

/// Sends the file, and reads messages.
fn ask<T>(
    mut process: Process,
    source: &mut Source<'_>,
    format: Format,
    order: &Order,
    read: impl FnOnce(&mut BufReader<Waiting<'_, ChildStdout>>) -> Result<T, Failure>,
) -> Result<T, Error> {
    process.send(source)?;
    let pipe = process.0.stdout.take().expect("it is piped");
    let cancellation = source.cancellation();
    let mut messages = BufReader::with_capacity(BUFFER_BYTES, Waiting { pipe, cancellation });
    read(&mut messages).map_err(|failure| match failure {
        Failure::File(err) => err,
        Failure::Read(_) if cancellation.is_cancelled() => Error::Cancelled,
        Failure::Read(err) => match err.kind() {
            ErrorKind::UnexpectedEof => process.failure(format, order.memory_bytes),
            ErrorKind::InvalidData => undecodable(format),
            _ => Error::Read(err),
        },
    })
}

fn undecodable(format: Format) -> Error {
    Error::malformed(format, "its picture cannot be decoded")
}

/// A running process. It is killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(program: &Path, order: &Order) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg0("asciify-decoder").args(order.arguments()).env_clear().current_dir("/");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        command.spawn().map(Self)
    }

    /// Sends the whole file. A process that no longer reads is no error here.
    ///
    /// # Errors
    /// The source failed, or the caller has cancelled.
    fn send(&mut self, source: &mut Source<'_>) -> Result<(), Error> {
        let mut stdin = self.0.stdin.take().expect("it is piped");
        source.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
        loop {
            // as few bytes at a time as a pipe that has room takes without blocking
            let bytes = source.fill_buf().map_err(Error::Read)?;
            if bytes.is_empty() {
                return Ok(());
            }
            let length = bytes.len();
            let written = match stdin.write(bytes) {
                Err(err) if err.kind() == ErrorKind::BrokenPipe => return Ok(()),
                written => written.map_err(Error::Read)?,
            };
            source.consume(written.min(length));
            let waited = wait(&stdin, PollFlags::OUT, source.cancellation());
            source.cancellation().check()?;
            waited.map_err(Error::Read)?;
        }
    }

    /// Why a process ended that did not say why.
    fn failure(&mut self, format: Format, memory_bytes: u64) -> Error {
        let status = match self.end() {
            Ok(status) => status,
            Err(err) => return Error::Read(err),
        };
        let is_signal = |one: Signal| status.signal() == Some(one.as_raw());
        if is_signal(Signal::ABORT) {
            // an allocation failed: a panic exits
            return Error::too_much_memory(format, memory_bytes);
        }
        if is_signal(Signal::XCPU) {
            return Error::malformed(format, "its picture takes too long to decode");
        }
        let crashes = [Signal::SEGV, Signal::BUS, Signal::ILL, Signal::TRAP, Signal::FPE];
        if status.code() == Some(PANICKED) || crashes.into_iter().any(is_signal) {
            return undecodable(format);
        }
        Error::Read(io::Error::other(format!("the process that decodes it has ended: {status}")))
    }

    /// Its exit status. It is killed if it still runs.
    fn end(&mut self) -> io::Result<ExitStatus> {
        // it fails if the process has ended
        let _ended = self.0.kill();
        self.0.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // an error means that it has ended and was waited for
        let _ended = self.end();
    }
}

/// Waits until a pipe can be read or written, or its other end is closed.
///
/// # Errors
/// The caller has cancelled.
fn wait(pipe: &impl AsFd, until: PollFlags, cancellation: &Cancellation<'_>) -> io::Result<()> {
    let timeout = Timespec { tv_sec: 0, tv_nsec: ASK_EVERY_MS * 1_000_000 };
    loop {
        cancellation.check().map_err(|_| io::Error::from(ErrorKind::TimedOut))?;
        match poll(&mut [PollFd::new(pipe, until)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(err) => return Err(err.into()),
        }
    }
}

/// A pipe that is read until the caller cancels.
struct Waiting<'a, T> {
    pipe: T,
    cancellation: &'a Cancellation<'a>,
}

impl<T: Read + AsFd> Read for Waiting<'_, T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        wait(&self.pipe, PollFlags::IN, self.cancellation)?;
        self.pipe.read(buf)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io::Cursor;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::error::Limits;

    const FORMAT: Format = Format::new("AVIF", "image/avif", "avif");

    /// What follows if the decoding process is a shell script.
    fn outcome(script: &str, is_cancelled: &dyn Fn() -> bool) -> Result<(), Error> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("decoder");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let specs = vec!["width=1&height=1".parse().unwrap()];
        let limits = Limits::default();
        let (memory_bytes, values) = (5 << 20, None);
        let order = Order { limits, file_bytes: 3, memory_bytes, cpu_s: 9, specs, values };
        let cancellation = Cancellation::new(is_cancelled);
        let process = Process::start(&program, &order).unwrap();
        let mut file = Cursor::new(vec![0; 1 << 20]);
        let source = &mut Source::new(&mut file, &cancellation);
        ask(process, source, FORMAT, &order, |from| read_samples(&order.specs, from)).map(drop)
    }

    #[test]
    fn however_a_process_ends_the_file_is_refused_or_the_service_has_failed() {
        for (script, reason) in [
            ("kill -ABRT $$", "takes more memory to decode than the 5 MiB"),
            ("kill -SEGV $$", "cannot be decoded"),
            ("kill -XCPU $$", "takes too long to decode"),
            ("exit 101", "cannot be decoded"),
            ("cat > /dev/null; echo hello", "cannot be decoded"),
            // two columns
            (r"printf '\0\2\0\0\0\1\0\0\0\0'; head -c 256 /dev/zero", "cannot be decoded"),
        ] {
            let err = outcome(script, &|| false).expect_err(script);
            assert!(matches!(err, Error::Malformed(_) | Error::Unsupported(_)), "{script}: {err}");
            assert!(err.to_string().contains(reason), "{script}: {err}");
        }
        for script in ["kill -KILL $$", "exit 2", "cat > /dev/null"] {
            let err = outcome(script, &|| false).expect_err(script);
            assert!(matches!(err, Error::Read(_)), "{script}: {err}");
        }
        let whole = r"printf '\0\1\0\0\0\1\0\0\0\0'; head -c 128 /dev/zero";
        outcome(whole, &|| false).expect("the samples of a cell");
    }

    #[test]
    fn a_cancelled_process_is_killed_whether_it_reads_or_decodes() {
        for script in ["exec sleep 1000", "cat > /dev/null; exec sleep 1000"] {
            let start = Instant::now();
            let cancelled = outcome(script, &|| start.elapsed() > Duration::from_millis(50));
            assert!(matches!(cancelled, Err(Error::Cancelled)), "{script}: {cancelled:?}");
        }
    }
}
