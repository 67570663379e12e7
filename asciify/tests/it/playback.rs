//! Playing animations: the frames are those that are drawn one by one, their timing is the file's, and
//! each costs what it adds.

use std::cell::Cell;
use std::time::Duration;

use asciify::{Error, Limits, Playback, Spec, Timing, write};
use testkit::pictures::{apng, gif, text, webp};

const SPEC: &str = "width=4&height=2&fit=stretch&match=ramp&tone=natural&alpha=dark";

fn open(file: &[u8]) -> Option<Playback> {
    Playback::open(file.to_vec(), &Limits::default()).expect("a valid file")
}

fn spec(frame: u32) -> Spec {
    format!("{SPEC}&frame={frame}").parse().expect("a spec")
}

fn played(playback: &mut Playback, frame: u32) -> String {
    write::txt(&playback.draw(&spec(frame), &|| false).expect("a valid frame"))
}

/// In their order, with gaps, and backwards.
pub(crate) fn assert_plays_as_drawn(file: &[u8]) {
    let mut playback = open(file).expect("an animation");
    let first = playback.timing().first_frame;
    let count = playback.timing().durations.len() as u32;
    let all: Vec<u32> = (first..first + count).collect();
    let drawn: Vec<String> =
        all.iter().map(|frame| text(file, &format!("{SPEC}&frame={frame}"))).collect();
    let gaps = all.iter().copied().filter(|frame| (frame - first) % 2 == 1);
    let back = all.iter().rev().copied();
    for frame in all.iter().copied().chain(gaps).chain(back) {
        assert_eq!(played(&mut playback, frame), drawn[(frame - first) as usize], "{frame}");
    }
}

#[test]
fn an_animation_has_the_timing_of_its_file() {
    let timing = |file: &[u8]| open(file).expect("an animation").timing().clone();
    let frames = |ms: [u64; 3], plays| Timing {
        first_frame: 0,
        durations: ms.map(Duration::from_millis).to_vec(),
        plays,
    };
    // those of a GIF of the encoder have no duration, which means a tenth of a second
    assert_eq!(timing(&gif()), frames([100; 3], Some(1)));
    assert_eq!(timing(&webp()), frames([100; 3], None));
    let mut file = Vec::new();
    let mut encoder = ::gif::Encoder::new(&mut file, 2, 2, &[0, 0, 0, 255, 255, 255]).expect("GIF");
    encoder.set_repeat(::gif::Repeat::Finite(2)).expect("it is in memory");
    for delay in [7, 0, 300] {
        let frame = ::gif::Frame::from_indexed_pixels(2, 2, vec![0, 1, 1, 0], None);
        encoder.write_frame(&::gif::Frame { delay, ..frame }).expect("a small frame");
    }
    drop(encoder);
    assert_eq!(timing(&file), frames([70, 100, 3000], Some(3)));
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 1, 1);
    encoder.set_animated(3, 4).expect("three frames");
    encoder.set_frame_delay(1, 4).expect("animated");
    let mut writer = encoder.write_header().expect("it is in memory");
    for (numerator, denominator) in [(1, 4), (3, 0), (2, 1)] {
        writer.set_frame_delay(numerator, denominator).expect("animated");
        writer.write_image_data(&[9]).expect("a small frame");
    }
    writer.finish().expect("it is in memory");
    assert_eq!(timing(&file), frames([250, 30, 2000], Some(4)));
    assert_eq!(timing(&apng()).plays, None);
}

#[test]
fn a_still_image_and_pages_do_not_move() {
    for still in
        [b"P1 1 1 1".to_vec(), testkit::pictures::png(&image::DynamicImage::new_luma8(2, 2))]
    {
        assert!(open(&still).is_none());
    }
    let mut pages = std::io::Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut pages).expect("it is in memory");
    for _ in 0..2 {
        encoder.write_image::<tiff::encoder::colortype::Gray8>(1, 1, &[9]).expect("a page");
    }
    assert!(open(pages.get_ref()).is_none());
}

/// A GIF of so many frames, each a single pixel over those before it.
fn pixels(frames: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let palette = [0, 0, 0, 255, 255, 255];
    let mut encoder = ::gif::Encoder::new(&mut file, 64, 64, &palette).expect("a GIF");
    for at in 0..frames {
        let mut frame = ::gif::Frame::from_indexed_pixels(1, 1, vec![1], None);
        (frame.left, frame.top) = (at % 64, at / 64);
        encoder.write_frame(&frame).expect("a small frame");
    }
    drop(encoder);
    file
}

#[test]
fn a_frame_costs_what_it_adds() {
    let file = pixels(300);
    let mut playback = open(&file).expect("an animation");
    let questions = |playback: &mut Playback, frame: u32| {
        let asked = Cell::new(0_u32);
        let ask = || {
            asked.set(asked.get() + 1);
            false
        };
        playback.draw(&spec(frame), &ask).expect("a valid frame");
        asked.get()
    };
    let costs: Vec<u32> = (1..300).map(|frame| questions(&mut playback, frame)).collect();
    // the first draw passes two frames
    assert!(costs[1..].iter().all(|cost| cost.abs_diff(costs[1]) < 16), "{costs:?}");
}

#[test]
fn a_cancelled_frame_is_drawn_right_when_it_is_asked_for_again() {
    let file = pixels(6);
    let mut playback = open(&file).expect("an animation");
    played(&mut playback, 2);
    let cancelled = playback.draw(&spec(4), &|| true);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    for frame in [4, 5] {
        assert_eq!(played(&mut playback, frame), text(&file, &format!("{SPEC}&frame={frame}")));
    }
}
