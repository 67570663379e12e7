//! The terminal while pictures are shown: another screen, without line editing. What it was before is
//! restored when it is left, or dropped.

use std::io::{self, Write};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode, size,
};

/// Ends colours.
const PLAIN: &str = "\x1b[m";

/// The terminal's other screen.
pub(crate) struct Screen {
    is_entered: bool,
}

impl Screen {
    /// # Errors
    /// The terminal does not accept it.
    pub(crate) fn enter() -> io::Result<Self> {
        let mut screen = Self { is_entered: false };
        screen.enter_again()?;
        Ok(screen)
    }

    /// After [`leave`](Self::leave).
    ///
    /// # Errors
    /// The terminal does not accept it.
    pub(crate) fn enter_again(&mut self) -> io::Result<()> {
        // what fails below is undone, too
        self.is_entered = true;
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, Hide)
    }

    /// Restores the terminal.
    ///
    /// # Errors
    /// The terminal does not accept it.
    pub(crate) fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.is_entered) {
            return Ok(());
        }
        let mut out = io::stdout();
        let written = out
            .write_all(PLAIN.as_bytes())
            .and_then(|()| execute!(out, DisableMouseCapture, Show, LeaveAlternateScreen));
        discard_input();
        disable_raw_mode().and(written)
    }

    /// Columns and rows.
    ///
    /// # Errors
    /// The terminal does not tell.
    pub(crate) fn size() -> io::Result<(u16, u16)> {
        size()
    }

    /// Writes rows from a row on, at once: each as wide as the screen, with its control sequences.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn write(&mut self, rows: &[String], first_row: u16) -> io::Result<()> {
        let mut text = Vec::new();
        execute!(text, BeginSynchronizedUpdate)?;
        for (row, content) in (first_row..).zip(rows) {
            execute!(text, MoveTo(0, row))?;
            text.extend_from_slice(content.as_bytes());
        }
        execute!(text, EndSynchronizedUpdate)?;
        let mut out = io::stdout().lock();
        out.write_all(&text)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // the terminal may be gone
        let _ignored = self.leave();
    }
}

/// Reports of the pointer that are on their way are no input of a shell.
#[cfg(unix)]
fn discard_input() {
    use rustix::termios::{QueueSelector, tcflush};
    // then the shell shows them
    let _ignored = tcflush(io::stdin(), QueueSelector::IFlush);
}

#[cfg(not(unix))]
fn discard_input() {}
