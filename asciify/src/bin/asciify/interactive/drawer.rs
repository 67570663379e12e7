//! The thread that draws. Only the newest wish counts: it cancels what is being drawn.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use asciify::{Grid, Spec};

use crate::interactive::picture::{Failure, Picture, Values};

/// What the thread has done. Cancelled work is not reported.
#[derive(Debug)]
pub(crate) enum Done {
    /// A picture.
    Drawn(Box<Spec>, Result<Grid, String>),
    /// The values of a pixel.
    Values((u32, u32), Result<Values, String>),
    /// It panicked.
    Died,
}

/// Starts work, and cancels it.
pub(crate) struct Drawer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    wishes: Mutex<Wishes>,
    has_changed: Condvar,
}

#[derive(Default)]
struct Wishes {
    draw: Option<Spec>,
    values: Option<(Spec, (u32, u32))>,
    must_end: bool,
}

impl Shared {
    fn wishes(&self) -> MutexGuard<'_, Wishes> {
        // what they hold is valid at any time
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Wishes)) {
        change(&mut self.wishes());
        self.has_changed.notify_one();
    }
}

impl Drawer {
    /// Starts the thread. It reports what `report` makes of its work.
    pub(crate) fn start<T: Send + 'static>(
        mut picture: Box<dyn Picture>,
        reports: Sender<T>,
        report: fn(Done) -> T,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let thread = thread::spawn({
            let shared = shared.clone();
            move || {
                let death = ReportsDeath(|| drop(reports.send(report(Done::Died))));
                while let Some(done) = work(&shared, &mut *picture) {
                    if let Some(done) = done
                        && reports.send(report(done)).is_err()
                    {
                        break;
                    }
                }
                drop(death);
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Draws this instead of anything else. The values of a pixel follow it.
    pub(crate) fn draw(&self, spec: Spec) {
        self.shared.change(|wishes| wishes.draw = Some(spec));
    }

    /// Reads the values of a pixel instead of another's.
    pub(crate) fn read_values(&self, spec: Spec, pixel: (u32, u32)) {
        self.shared.change(|wishes| wishes.values = Some((spec, pixel)));
    }
}

/// Cancels what is being drawn, and waits for the end of the thread.
impl Drop for Drawer {
    fn drop(&mut self) {
        self.shared.change(|wishes| wishes.must_end = true);
        if let Some(thread) = self.thread.take() {
            // a panic was reported
            let _panicked = thread.join();
        }
    }
}

/// Does the next work. `None` when it must end, `Some(None)` for work that was cancelled.
fn work(shared: &Shared, picture: &mut dyn Picture) -> Option<Option<Done>> {
    let mut wishes = shared.wishes();
    loop {
        if wishes.must_end {
            return None;
        }
        if let Some(spec) = wishes.draw.take() {
            drop(wishes);
            let is_cancelled = || {
                let wishes = shared.wishes();
                wishes.must_end || wishes.draw.is_some()
            };
            let drawn = picture.draw(&spec, &is_cancelled);
            return Some(message(drawn).map(|drawn| Done::Drawn(Box::new(spec), drawn)));
        }
        if let Some((spec, pixel)) = wishes.values.take() {
            drop(wishes);
            let is_cancelled = || {
                let wishes = shared.wishes();
                wishes.must_end || wishes.draw.is_some() || wishes.values.is_some()
            };
            let values = picture.values(&spec, pixel, &is_cancelled);
            return Some(message(values).map(|values| Done::Values(pixel, values)));
        }
        wishes = shared.has_changed.wait(wishes).unwrap_or_else(PoisonError::into_inner);
    }
}

/// `None` for what was cancelled.
fn message<T>(outcome: Result<T, Failure>) -> Option<Result<T, String>> {
    match outcome {
        Ok(done) => Some(Ok(done)),
        Err(Failure::Message(message)) => Some(Err(message)),
        Err(Failure::Cancelled) => None,
    }
}

/// Calls a function if its thread panics.
struct ReportsDeath<F: FnMut()>(F);

impl<F: FnMut()> Drop for ReportsDeath<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asciify::{Header, Limits, probe_header};
    use std::io::Cursor;
    use std::sync::mpsc::{Receiver, channel};

    /// Draws a picture at once if it is one column wide, and none until it is cancelled if it is wider.
    struct Slow {
        header: Header,
        started: Sender<()>,
    }

    impl Picture for Slow {
        fn header(&self) -> &Header {
            &self.header
        }

        fn draw(&mut self, spec: &Spec, is_cancelled: &dyn Fn() -> bool) -> Result<Grid, Failure> {
            let _nothing_waits = self.started.send(());
            match spec.width() {
                Some(1) => return Ok("#".parse().expect("a grid of one cell")),
                Some(2) => return Err(Failure::Message("wrong".to_owned())),
                Some(3) => panic!("it panics"),
                _ => {}
            }
            while !is_cancelled() {
                thread::yield_now();
            }
            Err(Failure::Cancelled)
        }

        fn values(
            &mut self,
            _spec: &Spec,
            (x, _): (u32, u32),
            _is_cancelled: &dyn Fn() -> bool,
        ) -> Result<Values, Failure> {
            if x == 0 { Ok(Vec::new()) } else { Err(Failure::Message("none".to_owned())) }
        }
    }

    fn start() -> (Drawer, Receiver<Done>, Receiver<()>) {
        let header = probe_header(Cursor::new(b"P2 1 1 255 0"), &Limits::default());
        let ((started, starts), (reports, done)) = (channel(), channel());
        let picture = Slow { header: header.expect("a picture of one pixel"), started };
        (Drawer::start(Box::new(picture), reports, |done| done), done, starts)
    }

    fn width(columns: u32) -> Spec {
        format!("width={columns}").parse().expect("a width")
    }

    #[test]
    fn a_new_wish_cancels_what_is_being_drawn() {
        let (drawer, done, starts) = start();
        drawer.draw(width(80));
        starts.recv().expect("it draws");
        drawer.read_values(width(80), (1, 0));
        drawer.draw(width(1));
        let Ok(Done::Drawn(spec, Ok(grid))) = done.recv() else { panic!("a picture") };
        assert_eq!((spec.width(), grid.columns()), (Some(1), 1));
        // values come behind pictures
        let Ok(Done::Values((1, 0), Err(message))) = done.recv() else { panic!("no values") };
        assert_eq!(message, "none");
        drawer.draw(width(2));
        let Ok(Done::Drawn(_, Err(message))) = done.recv() else { panic!("no picture") };
        assert_eq!(message, "wrong");
    }

    #[test]
    fn the_end_cancels_what_is_being_drawn() {
        let (drawer, done, starts) = start();
        drawer.draw(width(80));
        starts.recv().expect("it draws");
        drop(drawer);
        assert!(done.recv().is_err(), "the thread has ended and reported nothing");
    }

    #[test]
    fn a_panic_is_reported() {
        let (drawer, done, _starts) = start();
        drawer.draw(width(3));
        assert!(matches!(done.recv(), Ok(Done::Died)));
    }
}
