//! Signals that end or suspend the program.

use std::io;
use std::sync::mpsc::Sender;

#[cfg(unix)]
mod unix {
    use super::*;
    use std::thread;

    use rustix::process::{Signal, getpid, getsid, kill_current_process_group};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    /// The signal that suspends.
    pub(crate) const SUSPENSION: i32 = SIGTSTP;

    /// Sends the numbers of signals, from a thread that ends with the program.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn watch<T: Send + 'static>(
        messages: Sender<T>,
        message: fn(i32) -> T,
    ) -> io::Result<()> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP])?;
        thread::spawn(move || {
            for signal in signals.forever() {
                if messages.send(message(signal)).is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    /// Sends the signal of a control character to every process of the job, as the terminal does in its
    /// usual mode.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn send_of_key(key: char) -> io::Result<()> {
        let signal = match key {
            'c' => Signal::INT,
            'z' => Signal::TSTP,
            // that of a backslash, as crossterm reads it
            '\\' | '4' => Signal::QUIT,
            _ => return Ok(()),
        };
        Ok(kill_current_process_group(signal)?)
    }

    /// Stops the process until it is continued; not without a shell, which would do that.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn suspend() -> io::Result<()> {
        if getsid(None)? == getpid() {
            return Ok(());
        }
        emulate_default_handler(SIGTSTP)
    }

    /// Ends the process as the signal does, so that a shell knows it.
    ///
    /// # Errors
    /// The system does not allow it.
    pub(crate) fn end_by(signal: i32) -> io::Result<()> {
        emulate_default_handler(signal)
    }
}

/// Elsewhere, signals end the program at once.
#[cfg(not(unix))]
mod other {
    use super::*;

    pub(crate) const SUSPENSION: i32 = 0;

    pub(crate) fn watch<T>(_messages: Sender<T>, _message: fn(i32) -> T) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn send_of_key(key: char) -> io::Result<()> {
        match key {
            'c' => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn suspend() -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn end_by(_signal: i32) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(not(unix))]
pub(crate) use other::*;
#[cfg(unix)]
pub(crate) use unix::*;
