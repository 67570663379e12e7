//! Panics are kept until the terminal is restored: their messages would be lost on its other screen.
//! Those of decoders are caught and count as damage of a file.

use std::io::{self, Write};
use std::panic;
use std::sync::{Mutex, PoisonError};
use std::thread;

use asciify::escape_controls;

static LAST: Mutex<Option<String>> = Mutex::new(None);

/// While it lives, messages are kept.
pub(crate) struct KeptPanics;

impl KeptPanics {
    pub(crate) fn begin() -> Self {
        panic::set_hook(Box::new(|panic| {
            *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(panic.to_string());
        }));
        Self
    }

    /// Writes the last message to standard error.
    pub(crate) fn report(&self) {
        let message = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
        for line in message.unwrap_or_default().lines() {
            // standard error may be closed
            let _ignored = writeln!(io::stderr(), "asciify: {}", escape_controls(line));
        }
    }
}

impl Drop for KeptPanics {
    fn drop(&mut self) {
        match thread::panicking() {
            true => self.report(),
            false => drop(panic::take_hook()),
        }
    }
}
