//! GIFs that are cut off, or whose screen has no size.

use std::io::Cursor;

use asciify::{Error, Limits, probe};

use testkit::pictures::{drawn, gif, text};

const SPEC: &str = "width=8&height=4&fit=stretch&match=ramp&tone=natural&alpha=dark";

/// The offsets of the image descriptors of [`gif`].
fn descriptors(file: &[u8]) -> Vec<usize> {
    let starts = file.windows(5).enumerate().filter(|(_, it)| *it == b"\x2c\0\0\0\0");
    starts.map(|(at, _)| at).collect()
}

#[test]
fn the_complete_frames_of_a_gif_that_is_cut_off_are_drawn() {
    let file = gif();
    let starts = descriptors(&file);
    assert_eq!(starts.len(), 3);
    for (frames, range) in [(1, starts[1]..starts[2] - 9), (2, starts[2]..file.len() - 2)] {
        for length in range.start + 1..range.end {
            let cut = &file[..length];
            let header = probe(Cursor::new(cut), &Limits::default()).expect("a header");
            assert_eq!((header.frames, header.is_whole), (frames, true), "{length}");
            for frame in 0..frames {
                let spec = format!("{SPEC}&frame={frame}");
                assert_eq!(text(cut, &spec), text(&file, &spec), "{length}");
            }
        }
    }
    // not one frame is complete
    for length in [starts[0] + 3, starts[0] + 15] {
        let err = drawn(&file[..length], SPEC).expect_err("no frame");
        assert!(matches!(err, Error::Malformed(_)), "{err:?}");
    }
}

#[test]
fn a_screen_without_pixels_has_the_size_of_its_first_frame() {
    let file = gif();
    let mut empty = file.clone();
    empty[6..10].fill(0);
    // and wherever the frame lies
    let mut moved = empty.clone();
    let first = descriptors(&file)[0];
    moved[first + 1..first + 5].copy_from_slice(&[9, 0, 5, 0]);
    for changed in [&empty, &moved] {
        let header = probe(Cursor::new(changed), &Limits::default()).expect("a header");
        assert_eq!((header.width, header.height), (8, 4));
        assert_eq!(text(changed, SPEC), text(&file, SPEC));
    }
    let later = format!("{SPEC}&frame=1");
    assert_eq!(text(&empty, &later), text(&file, &later));
}
