//! Work for a file: small files take little CPU time and memory, whatever they claim, and their
//! decoding can be stopped. In a program of its own, since the allocator measures other tests as well.

use std::cell::Cell;
use std::io::Cursor;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use asciify::{Error, Grid, Limits, Spec, probe, render, render_unless};
use peak_alloc::PeakAlloc;
use testkit::bombs::{self, Bomb};
use testkit::cpu;
use testkit::samples::{decode_in_processes, foreign};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tests run without some of the optimisation of a release, and on busy machines.
const MAX_AIMS: u32 = 8;
/// Memory that drawing takes besides decoding, in bytes.
const DRAWING_BYTES: u64 = 8 << 20;
/// CPU time between two questions whether to stop. A process that decodes is killed at a question.
const MAX_UNASKED: Duration = Duration::from_millis(100);
/// TIFFs have so many times fewer pixels than are allowed.
const TIFF_REDUCTION: u32 = 4;
/// The same where TIFFs are not drawn.
const SMALL_TIFFS: u32 = 16;

/// Held by a test, since both measure the whole program.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    // a poisoned lock protects no data
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_decodes_is_killed_when_its_render_is_cancelled() {
    let _alone = alone();
    decode_in_processes();
    let bombs = bombs::all(SMALL_TIFFS);
    let bomb = |name: &str| {
        let bomb = bombs.iter().find(|it| it.name == name).expect("a bomb");
        (name.to_owned(), bomb.file.clone())
    };
    let files =
        [bomb("WebP, lossless, predicted"), ("HEIC".to_owned(), foreign("libheif-large.heic"))];
    let spec: Spec = "width=1000&height=10&fit=stretch&match=ramp".parse().expect("a spec");
    for (name, file) in files {
        let draw = |ask: &dyn Fn() -> bool| {
            cpu::of(|| {
                render_unless(
                    Cursor::new(&file),
                    std::slice::from_ref(&spec),
                    &Limits::default(),
                    &ask,
                )
            })
        };
        let (drawn, whole) = draw(&|| false);
        assert!(drawn.is_ok(), "{name}: {:?}", drawn.err());
        let (drawn, cancelled) = draw(&|| cpu::of_running_children() >= whole / 4);
        assert!(matches!(drawn, Err(Error::Cancelled)), "{name}: {:?}", drawn.err());
        assert!(cancelled < whole * 3 / 4, "{name}: {cancelled:?} of {whole:?}");
    }
}

#[test]
fn no_small_file_takes_long_or_more_memory_than_its_header_says() {
    let _alone = alone();
    decode_in_processes();
    // tables that are made once
    let _tables = render(Cursor::new(b"P2 1 1 65535 7 "), &[Spec::default()], &Limits::default());
    let bombs = bombs::all(TIFF_REDUCTION);
    let failed: Vec<String> = bombs.iter().filter_map(|bomb| check(bomb).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn check(bomb: &Bomb) -> Result<(), String> {
    let Bomb { name, file, is_honest, .. } = bomb;
    let spec = bomb.spec();
    let ((header, work, peak), time) = cpu::of(|| {
        let header = probe(Cursor::new(file), &Limits::default());
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let work = Work::of(file, &spec, u64::MAX);
        (header, work, (MEMORY.peak_usage() - before) as u64)
    });
    let Work { drawn, questions, unasked } = work;
    let aim = cpu::aim(file.len());
    let promised = header.map_or(0, |header| header.decoded_bytes) + DRAWING_BYTES;
    println!(
        "{name}: {} bytes, {time:?}, {} KiB, {unasked:?} unasked, {:?}",
        file.len(),
        peak >> 10,
        drawn.as_ref().err()
    );
    match drawn {
        _ if time > aim * MAX_AIMS => Err(format!("{name}: {time:?}, the aim is {aim:?}")),
        _ if peak > promised => Err(format!("{name}: {peak} bytes, {promised} promised")),
        _ if unasked > MAX_UNASKED => Err(format!("{name}: {unasked:?} without a question")),
        Err(err) if *is_honest => Err(format!("{name}: {err}")),
        Err(_) => Ok(()),
        Ok(_) => {
            let cancel_at = (questions / 3).max(1);
            let Work { drawn, questions, .. } = Work::of(file, &spec, cancel_at);
            // while a process decodes, questions follow the clock: there may be fewer than before
            match drawn {
                Ok(_) if questions < cancel_at => Ok(()),
                Err(Error::Cancelled) => Ok(()),
                drawn => Err(format!("{name}: not cancelled: {:?}", drawn.err())),
            }
        }
    }
}

/// A render and the questions whether to stop it.
struct Work {
    drawn: Result<Vec<Grid>, Error>,
    questions: u64,
    /// The longest CPU time of this thread between two questions, before the first, or after the last.
    unasked: Duration,
}

impl Work {
    /// Renders, and cancels at a question; the first is number 1.
    fn of(file: &[u8], spec: &Spec, cancel_at: u64) -> Self {
        let (questions, last) = (Cell::new(0), Cell::new(cpu::of_thread()));
        let unasked = Cell::new(Duration::ZERO);
        let lap = || {
            let now = cpu::of_thread();
            unasked.set(unasked.get().max(now - last.replace(now)));
        };
        let ask = || {
            lap();
            questions.set(questions.get() + 1);
            questions.get() >= cancel_at
        };
        let specs = std::slice::from_ref(spec);
        let drawn = render_unless(Cursor::new(file), specs, &Limits::default(), &ask);
        lap();
        Self { drawn, questions: questions.get(), unasked: unasked.get() }
    }
}
