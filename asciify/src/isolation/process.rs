//! Starts a decoding process, sends it the file, and reads its rows.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::message::{Message, Reader};
use super::order::Order;
use super::program::program;
use super::serve::PANICKED;
use crate::cancellation::Cancellation;
use crate::error::Error;
use crate::format::Format;
use crate::light::Row;
use crate::source::Source;

/// How long a pipe is waited for before the caller is asked again, in milliseconds.
const ASK_EVERY_MS: i64 = 10;
/// Bytes of messages that are read at once: what a pipe holds.
const BUFFER_BYTES: usize = 1 << 16;

/// Decodes a file of `format` whose picture has `sides` (width and height in pixels), and pushes its
/// rows from the top.
///
/// # Errors
/// What is wrong with the file; [`Error::Cancelled`]; [`Error::Read`] if the process could not be
/// started, or was killed from outside.
pub(crate) fn decode(
    source: &mut Source<'_>,
    format: Format,
    (width, height): (u32, u32),
    order: &Order,
    push: &mut dyn FnMut(Row<'_>),
) -> Result<(), Error> {
    let cancellation = source.cancellation();
    let mut process = Process::start(order).map_err(Error::Read)?;
    process.send(source)?;
    let stdout = process.0.stdout.take().expect("it is piped");
    let mut stdout = BufReader::with_capacity(BUFFER_BYTES, Waiting { pipe: stdout, cancellation });
    let (mut reader, mut rows) = (Reader::default(), 0);
    loop {
        match reader.read(width, &mut stdout) {
            Ok(Message::Row(row)) if rows < height => {
                push(row);
                rows += 1;
            }
            Ok(Message::End(Ok(()))) if rows == height => return Ok(()),
            Ok(Message::End(Err(err))) => return Err(err),
            Ok(Message::Row(_) | Message::End(Ok(()))) => return Err(undecodable(format)),
            Err(err) => {
                cancellation.check()?;
                return Err(match err.kind() {
                    ErrorKind::UnexpectedEof => process.failure(format, order),
                    ErrorKind::InvalidData => undecodable(format),
                    _ => Error::Read(err),
                });
            }
        }
    }
}

fn undecodable(format: Format) -> Error {
    Error::malformed(format, "its picture cannot be decoded")
}

/// A running process. It is killed when it is dropped.
struct Process(Child);

impl Process {
    fn start(order: &Order) -> io::Result<Self> {
        let mut command = Command::new(program()?);
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
            wait(&stdin, PollFlags::OUT, source.cancellation()).map_err(Error::Read)?;
        }
    }

    /// Why a process ended that did not say why.
    fn failure(&mut self, format: Format, order: &Order) -> Error {
        let status = match self.end() {
            Ok(status) => status,
            Err(err) => return Error::Read(err),
        };
        let is_signal = |one: Signal| status.signal() == Some(one.as_raw());
        if is_signal(Signal::ABORT) {
            // an allocation failed: a panic exits
            return Error::too_much_memory(format, order.memory_bytes);
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
