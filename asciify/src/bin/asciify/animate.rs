//! Plays animations on the terminal, and records them.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use asciify::{Error, Palette, Playback, Spec, write};
#[cfg(unix)]
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP},
    flag,
    low_level::emulate_default_handler,
};

/// How long the program sleeps at most before it looks for a signal.
const NAP: Duration = Duration::from_millis(20);
/// Texts of frames up to this size are kept for the next loop, in bytes.
const MAX_KEPT_BYTES: usize = 64 << 20;
const HIDE_CURSOR: &str = "\x1b[?25l";
/// Ends colours, and shows the cursor.
const RESTORE: &str = "\x1b[0m\x1b[?25h";

/// What is played, and how.
pub(crate) struct Show {
    pub(crate) playback: Playback,
    pub(crate) spec: Spec,
    /// How often all frames are shown, 0 without end; `None`: as the file says.
    pub(crate) loops: Option<u32>,
    /// How many times faster than the file says.
    pub(crate) speed: f64,
    texts: Vec<Option<String>>,
    kept_bytes: usize,
}

impl Show {
    pub(crate) fn new(playback: Playback, spec: Spec, loops: Option<u32>, speed: f64) -> Self {
        let texts = playback.timing().durations.iter().map(|_| None).collect();
        Self { playback, spec, loops, speed, texts, kept_bytes: 0 }
    }

    fn duration(&self, index: usize) -> Duration {
        self.playback.timing().durations[index].div_f64(self.speed)
    }

    /// The text of a frame, counted from the first one that is played.
    fn text(&mut self, index: usize, is_cancelled: &dyn Fn() -> bool) -> Result<String, Error> {
        if let Some(text) = &self.texts[index] {
            return Ok(text.clone());
        }
        let mut spec = self.spec.clone();
        let frame = (self.playback.timing().first_frame as usize + index).to_string();
        spec.set("frame", &frame).expect("frames are fewer than the option accepts");
        let grid = self.playback.draw(&spec, is_cancelled)?;
        let text = match spec.color() {
            Palette::None => write::txt(&grid),
            _ => write::ansi(&grid),
        };
        self.kept_bytes += text.len();
        if self.kept_bytes <= MAX_KEPT_BYTES {
            self.texts[index] = Some(text.clone());
        }
        Ok(text)
    }

    /// Writes each frame at its time, in place of the one before, until the loops end or a signal
    /// arrives. The terminal is left as it was.
    ///
    /// # Errors
    /// The output cannot be written, or a frame cannot be drawn.
    pub(crate) fn play(
        &mut self,
        out: &mut dyn Write,
        is_terminal: bool,
    ) -> Result<ExitCode, PlayError> {
        let signals = Signals::watch()?;
        if is_terminal {
            out.write_all(HIDE_CURSOR.as_bytes())?;
        }
        let played = self.write_frames(out, is_terminal, &signals);
        if is_terminal {
            out.write_all(RESTORE.as_bytes())?;
            out.flush()?;
        }
        signals.end_if_asked()?;
        played.map(|()| ExitCode::SUCCESS)
    }

    fn write_frames(
        &mut self,
        out: &mut dyn Write,
        is_terminal: bool,
        signals: &Signals,
    ) -> Result<(), PlayError> {
        let count = self.playback.timing().durations.len();
        let loops = self.loops.or(self.playback.timing().plays).unwrap_or(0);
        let total = if loops == 0 { usize::MAX } else { count.saturating_mul(loops as usize) };
        let mut due = Instant::now();
        let mut is_first = true;
        for shown in 0..total {
            let text = self.text(shown % count, &|| signals.must_end())?;
            while let Some(left) = due.checked_duration_since(Instant::now())
                && !signals.must_end()
                && !left.is_zero()
            {
                thread::sleep(left.min(NAP));
                if is_terminal && signals.take_suspension() {
                    out.write_all(RESTORE.as_bytes())?;
                    out.flush()?;
                    Signals::suspend()?;
                    out.write_all(HIDE_CURSOR.as_bytes())?;
                    is_first = true;
                }
            }
            if signals.must_end() {
                return Ok(());
            }
            out.write_all(write::next_frame(&text, is_first).as_bytes())?;
            out.flush()?;
            is_first = false;
            // frames that could not be shown in time are not made up for
            let duration = self.duration(shown % count);
            let now = Instant::now();
            due = if now > due + duration { now } else { due } + duration;
        }
        Ok(())
    }

    /// A recording of all frames: asciicast v2.
    ///
    /// # Errors
    /// A frame cannot be drawn.
    pub(crate) fn record(&mut self, title: &str) -> Result<String, Error> {
        let header = self.playback.header();
        let (columns, rows) = self.spec.size(header.width, header.height);
        let mut recording = write::cast_header(columns, rows, title);
        let mut at = Duration::ZERO;
        // players of recordings repeat them
        let loops = self.loops.or(self.playback.timing().plays).unwrap_or(1).max(1);
        for _ in 0..loops {
            for index in 0..self.texts.len() {
                recording += &write::cast_frame(at, &self.text(index, &|| false)?);
                at += self.duration(index);
            }
        }
        recording += &write::cast_end(at);
        Ok(recording)
    }
}

/// Why an animation was not played to its end.
pub(crate) enum PlayError {
    Output(io::Error),
    Frame(Error),
}

impl From<io::Error> for PlayError {
    fn from(err: io::Error) -> Self {
        Self::Output(err)
    }
}

impl From<Error> for PlayError {
    fn from(err: Error) -> Self {
        Self::Frame(err)
    }
}

/// Signals that end or suspend the program, which restores the terminal before.
struct Signals {
    /// The signal that asks to end; 0 is none.
    end: Arc<AtomicUsize>,
    /// Not 0 after Ctrl-Z.
    suspension: Arc<AtomicUsize>,
}

#[cfg(unix)]
impl Signals {
    fn watch() -> io::Result<Self> {
        let signals = Self { end: Arc::default(), suspension: Arc::default() };
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] {
            flag::register_usize(signal, signals.end.clone(), signal as usize)?;
        }
        flag::register_usize(SIGTSTP, signals.suspension.clone(), SIGTSTP as usize)?;
        Ok(signals)
    }

    /// Stops the process until it is continued.
    fn suspend() -> io::Result<()> {
        emulate_default_handler(SIGTSTP)
    }

    /// Ends the process as the signal would have, so that a shell knows it.
    fn end_if_asked(&self) -> io::Result<()> {
        match self.end.load(Ordering::Relaxed) {
            0 => Ok(()),
            signal => emulate_default_handler(signal as i32),
        }
    }
}

/// Elsewhere, signals end the program at once.
#[cfg(not(unix))]
impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Self { end: Arc::default(), suspension: Arc::default() })
    }

    fn suspend() -> io::Result<()> {
        Ok(())
    }

    fn end_if_asked(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Signals {
    fn must_end(&self) -> bool {
        self.end.load(Ordering::Relaxed) != 0
    }

    fn take_suspension(&self) -> bool {
        self.suspension.swap(0, Ordering::Relaxed) != 0
    }
}
