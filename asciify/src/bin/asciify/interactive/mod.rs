//! Looks at one picture on the terminal: keys and the pointer move and enlarge it.
//!
//! ```text
//! keys, pointer, size ──▶ State ── spec ──▶ Drawer ── grid ──▶ Screen
//! ```
//!
//! `state` and `view` do no input or output. The main thread waits for messages of three others: input,
//! signals, and the drawer.

mod choices;
mod drawer;
mod frame;
pub(crate) mod one_shot;
mod panics;
pub(crate) mod picture;
pub(crate) mod remote;
mod screen;
mod signals;
mod state;
mod status;
mod view;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use asciify::{Header, Spec, write};
use crossterm::event::{self, Event};

use drawer::{Done, Drawer};
use frame::Frame;
use one_shot::Subject;
use panics::KeptPanics;
use picture::Picture;
use screen::Screen;
use state::{Outcome, State};
use status::{HELP, Status, fitted};

/// After this time, the status line says that something is being drawn.
const NOTICEABLE: Duration = Duration::from_millis(150);

/// What to look at, and how.
pub(crate) struct Show {
    pub(crate) picture: Box<dyn Picture>,
    /// The options, with the region that is shown first.
    pub(crate) spec: Spec,
    /// The name for the status line.
    pub(crate) name: String,
    /// What the command that shows the same is for.
    pub(crate) subject: Subject,
}

/// What the main thread waits for.
enum Message {
    Input(Event),
    /// There is no more input.
    Closed(io::Error),
    Signal(i32),
    Done(Done),
}

/// Why it ended.
enum End {
    Quit,
    Signal(i32),
    Panic,
}

/// Shows a picture until the reader quits, and prints the command that shows the same. The terminal is
/// left as it was.
///
/// # Errors
/// The terminal cannot be read or written.
pub(crate) fn run(show: Show) -> io::Result<ExitCode> {
    let panics = KeptPanics::begin();
    let mut screen = Screen::enter()?;
    let ended = watch(show, &mut screen);
    screen.leave()?;
    let (end, command) = ended?;
    match end {
        End::Quit => writeln!(io::stdout(), "{command}").map(|()| ExitCode::SUCCESS),
        End::Signal(signal) => signals::end_by(signal).map(|()| ExitCode::FAILURE),
        End::Panic => {
            panics.report();
            // that of a program whose main thread panics
            Ok(ExitCode::from(101))
        }
    }
}

/// Starts the threads, and shows the picture until the end. Returns why it ended, and the command that
/// shows the same.
fn watch(show: Show, screen: &mut Screen) -> io::Result<(End, String)> {
    let (sender, messages) = channel();
    signals::watch(sender.clone(), Message::Signal)?;
    read_input(sender.clone());
    let header = show.picture.header().clone();
    let size = Screen::size()?;
    let mut viewer = Viewer {
        screen,
        size,
        drawer: Drawer::start(show.picture, sender, Message::Done),
        state: State::new(&header, show.spec, size),
        status: Status { name: show.name, is_cut_off: !header.is_whole, ..Status::default() },
        header,
        asked: None,
        asked_values: None,
        frame: None,
        is_waiting: false,
        must_paint: true,
    };
    let end = viewer.run(&messages)?;
    let spec = viewer.state.spec();
    let is_animation = viewer.header.frames > 1;
    Ok((end, show.subject.command(&spec, is_animation)))
}

/// Reads input on a thread that ends with the program.
fn read_input(sender: Sender<Message>) {
    thread::spawn(move || {
        loop {
            // A terminal may report the coordinate 0, from which crossterm subtracts 1.
            let input = std::panic::catch_unwind(event::read);
            let input =
                input.unwrap_or_else(|_| Err(io::Error::other("odd input of the terminal")));
            let message = input.map_or_else(Message::Closed, Message::Input);
            let is_last = matches!(message, Message::Closed(_));
            if sender.send(message).is_err() || is_last {
                return;
            }
        }
    });
}

/// What is shown, and what is being done.
struct Viewer<'a> {
    screen: &'a mut Screen,
    /// Columns and rows of the screen.
    size: (u16, u16),
    drawer: Drawer,
    header: Header,
    state: State,
    status: Status,
    /// What the drawer was asked for last.
    asked: Option<Spec>,
    asked_values: Option<(String, (u32, u32))>,
    /// The last picture.
    frame: Option<Frame>,
    /// Whether what was asked for last is not drawn so far.
    is_waiting: bool,
    must_paint: bool,
}

impl Viewer<'_> {
    fn run(&mut self, messages: &Receiver<Message>) -> io::Result<End> {
        loop {
            self.ask();
            if std::mem::take(&mut self.must_paint) {
                self.paint()?;
            }
            self.paint_status()?;
            let is_marked = !self.is_waiting || self.status.is_drawing;
            let first = match is_marked {
                true => messages.recv().ok(),
                false => messages.recv_timeout(NOTICEABLE).ok(),
            };
            self.status.is_drawing = self.is_waiting && first.is_none();
            // what has come meanwhile is taken together
            for message in first.into_iter().chain(messages.try_iter()) {
                if let Some(end) = self.on(message)? {
                    return Ok(end);
                }
            }
        }
    }

    /// Asks for what is to be shown, unless it was asked for.
    fn ask(&mut self) {
        let spec = self.state.spec();
        if self.asked.as_ref() != Some(&spec) {
            self.drawer.draw(spec.clone());
            (self.is_waiting, self.must_paint) = (true, true);
            self.asked = Some(spec.clone());
        }
        let shown =
            self.state.expression().unwrap_or_else(|| self.state.bands().value().to_owned());
        let values = (shown, self.state.pixel());
        if self.asked_values.as_ref() != Some(&values) {
            self.drawer.read_values(spec, values.1);
            self.asked_values = Some(values);
        }
    }

    /// Takes a message. Returns why the program ends, if it does.
    fn on(&mut self, message: Message) -> io::Result<Option<End>> {
        match message {
            Message::Input(event) => {
                if let Event::Resize(columns, rows) = event {
                    self.size = (columns, rows);
                    self.must_paint = true;
                }
                let was_help_shown = self.state.is_help_shown();
                match self.state.on(&event) {
                    Outcome::Quit => return Ok(Some(End::Quit)),
                    Outcome::Control('l') => self.must_paint = true,
                    Outcome::Control(key) => signals::send_of_key(key)?,
                    Outcome::Show => {
                        self.must_paint |= was_help_shown != self.state.is_help_shown()
                    }
                }
            }
            Message::Closed(err) => return Err(err),
            Message::Signal(signals::SUSPENSION) => self.suspend()?,
            Message::Signal(signal) => return Ok(Some(End::Signal(signal))),
            Message::Done(Done::Died) => return Ok(Some(End::Panic)),
            Message::Done(Done::Values(pixel, values)) => {
                self.status.values = Some((pixel, values))
            }
            Message::Done(Done::Drawn(spec, drawn)) => {
                if self.asked.as_ref() == Some(&*spec) {
                    self.is_waiting = false;
                }
                self.must_paint = true;
                match drawn {
                    Ok(grid) => {
                        let picture = (self.header.width, self.header.height);
                        let region = spec.region().pixels(picture);
                        let cells = self.state.view().cells();
                        self.frame = region.map(|region| Frame::new(grid, region, cells));
                        self.status.error = None;
                    }
                    Err(message) => self.status.error = Some(message),
                }
            }
        }
        Ok(None)
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.screen.leave()?;
        signals::suspend()?;
        self.screen.enter_again()?;
        self.size = Screen::size()?;
        self.state.on(&Event::Resize(self.size.0, self.size.1));
        self.must_paint = true;
        Ok(())
    }

    /// Writes the picture, a preview of it from the last one, or the help.
    fn paint(&mut self) -> io::Result<()> {
        let columns = usize::from(self.size.0);
        let mut rows = vec![" ".repeat(columns); usize::from(self.size.1.saturating_sub(1))];
        if self.state.is_help_shown() {
            let text = HELP.iter().map(|line| fitted(&format!(" {line}"), "", columns));
            rows.iter_mut().zip(text).for_each(|(row, text)| *row = text);
        } else if let Some(frame) = &self.frame {
            let placement = self.state.placement();
            let (left, top) = (placement.corner.0 as usize, placement.corner.1 as usize);
            let cells = frame.moved_to(&placement);
            for (row, cells) in rows.iter_mut().skip(top).zip(cells) {
                let right = columns.saturating_sub(left + cells.len());
                *row = " ".repeat(left);
                write::ansi_row(&cells, row);
                row.pop(); // its newline
                row.push_str(&" ".repeat(right));
            }
        }
        self.screen.write(&rows, 0)
    }

    fn paint_status(&mut self) -> io::Result<()> {
        let columns = usize::from(self.size.0);
        let line = self.status.line(&self.state, self.header.geo.as_ref(), columns);
        self.screen.write(&[reversed(&line)], self.size.1.saturating_sub(1))
    }
}

/// With the colours of text and background exchanged (SGR 7, ECMA-48, 8.3.117).
fn reversed(line: &str) -> String {
    format!("\x1b[7m{line}\x1b[m")
}
