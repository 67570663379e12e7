//! Cancelling a render: it ends soon, in every stage and with every combination of options.

use std::cell::{Cell, RefCell};
use std::io::Cursor;
use std::time::Duration;

use asciify::{Error, Limits, Spec, render_unless};
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, RgbImage};
use rustix::time::{ClockId, clock_gettime};

/// Processor time between two questions, and from the last one to the end. It is a few milliseconds
/// on a busy machine; a stage that does not ask takes longer with this many cells.
const MOST: Duration = Duration::from_millis(20);
const CELLS: &str = "width=160&height=160&fit=stretch";

const SYMBOLS: [&str; 9] =
    ["ascii", "blocks", "half", "quad", "sextant", "octant", "braille", "chars:#@", "ramp:.x"];
const LOOKS: [&str; 6] = [
    "sharpen=1",
    "color=full",
    "color=256&color_on=both",
    "color=full&color_on=both&sharpen=1&gamma=2",
    "match=ramp&dither=floyd-steinberg&color=16",
    "match=ramp&dither=blue-noise&background=light&tone=linear",
];

/// Processor time of this thread.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Renders, and cancels at a question; the first is number 1. Returns whether it was cancelled, the
/// number of questions, and the longest processor time between two of them or after the last.
fn cancelled_at(cancel_at: u64, file: &[u8], spec: &str) -> (bool, u64, Duration) {
    let spec: Spec = spec.parse().expect("a valid spec");
    let (asked, last, longest) = (Cell::new(0), Cell::new(cpu()), RefCell::new(Duration::ZERO));
    let lap = || {
        let now = cpu();
        let mut longest = longest.borrow_mut();
        *longest = longest.max(now - last.get());
        last.set(now);
    };
    let ask = || {
        lap();
        asked.set(asked.get() + 1);
        asked.get() >= cancel_at
    };
    let grids = render_unless(Cursor::new(file), &[spec], &Limits::default(), &ask);
    lap();
    let longest = *longest.borrow();
    (matches!(grids, Err(Error::Cancelled)), asked.get(), longest)
}

/// A picture with transparency, edges and texture.
fn picture() -> Vec<u8> {
    let picture = image::RgbaImage::from_fn(300, 200, |x, y| {
        let texture = (x * 7_919 + y * 104_729 + x * y * 31) % 90;
        image::Rgba([(x / 2 + texture) as u8, (y / 2 + texture) as u8, 40, (x % 256) as u8])
    });
    encoded(&picture.into(), ImageFormat::Png)
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("it is in memory");
    file.into_inner()
}

#[test]
fn a_cancelled_drawing_ends_soon_with_every_set_of_symbols_and_every_look() {
    let file = picture();
    for symbols in SYMBOLS {
        for look in LOOKS {
            let spec = format!("{CELLS}&symbols={symbols}&{look}");
            // tables of constants are computed once in a process
            let (_, questions, _) = cancelled_at(u64::MAX, &file, &spec);
            for part in [4, 7] {
                let cancel_at = questions * part / 8;
                let (is_cancelled, _, longest) = cancelled_at(cancel_at, &file, &spec);
                assert!(is_cancelled, "{spec}: question {cancel_at} of {questions}");
                assert!(longest < MOST, "{spec}: {longest:?} of processor time");
            }
        }
    }
}

#[test]
fn a_cancelled_resampling_ends_soon() {
    let pixel = encoded(&RgbImage::new(1, 1).into(), ImageFormat::Png);
    let mut turned = Vec::new();
    let mut encoder = PngEncoder::new(&mut turned);
    encoder.set_exif_metadata(testkit::pictures::exif(6)).expect("PNG has them");
    RgbImage::new(1, 1).write_with_encoder(encoder).expect("it is in memory");
    for file in [pixel, turned] {
        let spec = format!("{CELLS}&color=full");
        let (_, questions, _) = cancelled_at(u64::MAX, &file, &spec);
        for part in 1..8 {
            let (is_cancelled, _, longest) = cancelled_at(questions * part / 8, &file, &spec);
            assert!(is_cancelled && longest < MOST, "{longest:?} of processor time");
        }
    }
}
