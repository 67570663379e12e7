//! Animations: a frame is drawn as it is shown, over the frames before it; later frames do not
//! matter.

use std::io::Cursor;

use asciify::{Limits, probe};
use image::Frame;
use image::codecs::gif::GifEncoder;

use testkit::pictures::{apng, drawn, frames, gif, named, text};

const SPEC: &str = "width=4&height=2&fit=stretch&match=ramp&tone=natural&alpha=dark";

#[test]
fn frames_are_drawn_over_each_other() {
    // the GIF encoder disposes of each frame before the next
    let last = [(named("GIF"), gif(), "  @@\n  @@\n"), (named("PNG"), apng(), "@@@@\n@@@@\n")];
    for (format, file, last) in last {
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        assert_eq!((header.format, header.frames), (format, 3));
        let frame = |index: u32| text(&file, &format!("{SPEC}&frame={index}"));
        assert_eq!(frame(0), "    \n    \n", "{format}");
        assert_eq!(frame(1), "@@  \n@@  \n", "{format}");
        assert_eq!(frame(2), last, "{format}");
        let err = drawn(&file, &format!("{SPEC}&frame=3")).expect_err("there are three");
        assert!(err.to_string().contains("below 3"), "{err}");
    }
}

#[test]
fn a_frame_after_too_many_pixels_is_refused() {
    let few = Limits { max_pixels: 8 * 4, ..Limits::default() };
    let many = gif();
    let drawn = |limits: &Limits| {
        let spec = format!("{SPEC}&frame=2").parse().expect("a spec");
        asciify::render(Cursor::new(&many), &[spec], limits).map(drop)
    };
    assert!(drawn(&few).is_ok());
    // the pixels of the frames before it count
    let long: Vec<u8> = {
        let mut file = Vec::new();
        let mut encoder = GifEncoder::new(&mut file);
        for _ in 0..9 {
            encoder.encode_frame(Frame::new(frames()[0].clone())).expect("a small frame");
        }
        drop(encoder);
        file
    };
    let spec = format!("{SPEC}&frame=8").parse().expect("a spec");
    let err = asciify::render(Cursor::new(&long), &[spec], &few).expect_err("nine canvases");
    assert!(err.to_string().contains("in the frames up to that one"), "{err}");
}

#[test]
fn what_follows_a_frame_may_be_damaged() {
    let mut file = gif();
    let whole = text(&file, &format!("{SPEC}&frame=1"));
    // the last frame's codes, after its header
    let end = file.len() - 4;
    file[end - 4..end].fill(0xff);
    assert_eq!(text(&file, &format!("{SPEC}&frame=1")), whole);
    assert!(drawn(&file, &format!("{SPEC}&frame=2")).is_err());
}
