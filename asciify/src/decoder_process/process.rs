//! Starts a decoding process, sends it the file, and reads its rows.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use super::message::{Message, Reader, is_profile};
use super::order::Order;
use super::order::PANICKED;
use super::program::program;
use crate::cancellation::Cancellation;
use crate::color_profile::ProfileSource;
use crate::error::Error;
use crate::format::Format;
use crate::light::Row;
use crate::source::Source;

/// How long a pipe is waited for before the caller is asked again, in milliseconds.
const ASK_EVERY_MS: i64 = 10;
/// Bytes of messages that are read at once: what a pipe holds.
const BUFFER_BYTES: usize = 1 << 16;

/// A picture that a process decodes.
pub(crate) struct Decoding<'a> {
    process: Process,
    messages: BufReader<Waiting<'a, ChildStdout>>,
    reader: Reader,
    format: Format,
    /// Width and height in pixels.
    sides: (u32, u32),
    memory_bytes: u64,
}

/// Starts to decode a file of `format` whose picture has `sides` (width and height in pixels).
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::Read`] if the source failed, or the process could not be started.
pub(crate) fn start<'a>(
    source: &mut Source<'a>,
    format: Format,
    sides: (u32, u32),
    order: &Order,
) -> Result<Decoding<'a>, Error> {
    let start = || Process::start(program()?, order);
    let mut process = start().map_err(Error::Read)?;
    process.send(source)?;
    let pipe = process.0.stdout.take().expect("it is piped");
    let messages = Waiting { pipe, cancellation: source.cancellation() };
    Ok(Decoding {
        process,
        messages: BufReader::with_capacity(BUFFER_BYTES, messages),
        reader: Reader::default(),
        format,
        sides,
        memory_bytes: order.memory_bytes,
    })
}

impl Decoding<'_> {
    /// The profile that precedes the rows, if there is one.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub(crate) fn profile(&mut self) -> Result<Option<ProfileSource>, Error> {
        // the kind of the first message, without reading it
        match self.messages.fill_buf() {
            Ok([kind, ..]) if !is_profile(*kind) => return Ok(None),
            Ok(_) => {}
            Err(err) => return Err(self.failure(err)),
        }
        match self.reader.read(self.sides.0, &mut self.messages) {
            Ok(Message::Profile(profile)) => Ok(Some(profile)),
            Ok(_) => Err(undecodable(self.format)),
            Err(err) => Err(self.failure(err)),
        }
    }

    /// Pushes the rows of the picture from the top, until `push` breaks.
    ///
    /// # Errors
    /// What is wrong with the file; [`Error::Cancelled`]; [`Error::Read`] if the process was killed
    /// from outside.
    pub(crate) fn rows(
        mut self,
        push: &mut dyn FnMut(Row<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let (width, height) = self.sides;
        let mut rows = 0;
        loop {
            match self.reader.read(width, &mut self.messages) {
                Ok(Message::Row(row)) if rows < height => {
                    rows += 1;
                    // the last row is followed by a verdict
                    if push(row).is_break() && rows < height {
                        return Ok(());
                    }
                }
                Ok(Message::End(Ok(()))) if rows == height => return Ok(()),
                Ok(Message::End(Err(err))) => return Err(err),
                Ok(_) => return Err(undecodable(self.format)),
                Err(err) => return Err(self.failure(err)),
            }
        }
    }

    /// Why messages ended too early.
    fn failure(&mut self, err: io::Error) -> Error {
        if self.messages.get_ref().cancellation.is_cancelled() {
            return Error::Cancelled;
        }
        match err.kind() {
            ErrorKind::UnexpectedEof => self.process.failure(self.format, self.memory_bytes),
            ErrorKind::InvalidData => undecodable(self.format),
            _ => Error::Read(err),
        }
    }
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
        let order =
            Order { limits: Limits::default(), file_bytes: 3, memory_bytes: 5 << 20, cpu_s: 9 };
        let cancellation = Cancellation::new(is_cancelled);
        let mut process = Process::start(&program, &order).unwrap();
        process.send(&mut Source::new(&mut Cursor::new(vec![0; 1 << 20]), &cancellation))?;
        let pipe = process.0.stdout.take().unwrap();
        let messages = Waiting { pipe, cancellation: &cancellation };
        let decoding = Decoding {
            process,
            messages: BufReader::new(messages),
            reader: Reader::default(),
            format: FORMAT,
            sides: (1, 2),
            memory_bytes: order.memory_bytes,
        };
        decoding.rows(&mut |_| ControlFlow::Continue(()))
    }

    #[test]
    fn however_a_process_ends_the_file_is_refused_or_the_service_has_failed() {
        for (script, reason) in [
            ("kill -ABRT $$", "takes more memory to decode than the 5 MiB"),
            ("kill -SEGV $$", "cannot be decoded"),
            ("kill -XCPU $$", "takes too long to decode"),
            ("exit 101", "cannot be decoded"),
            ("cat > /dev/null; echo hello", "cannot be decoded"),
            // fewer rows than it has
            (r"printf '\0\1\0\0\0x\10\0\0\0\0'", "cannot be decoded"),
            // more
            (r"printf '\0\1\0\0\0x\0\1\0\0\0x\0\1\0\0\0x'", "cannot be decoded"),
            // rows of two kinds
            (r"printf '\0\1\0\0\0x\2\3\0\0\0xxx'", "cannot be decoded"),
        ] {
            let err = outcome(script, &|| false).expect_err(script);
            assert!(matches!(err, Error::Malformed(_) | Error::Unsupported(_)), "{script}: {err}");
            assert!(err.to_string().contains(reason), "{script}: {err}");
        }
        for script in ["kill -KILL $$", "exit 2", "cat > /dev/null"] {
            let err = outcome(script, &|| false).expect_err(script);
            assert!(matches!(err, Error::Read(_)), "{script}: {err}");
        }
        let whole = r"printf '\0\1\0\0\0x\0\1\0\0\0x\10\0\0\0\0'";
        outcome(whole, &|| false).expect("two rows of a pixel");
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
