//! Animations: a frame is drawn as it is shown, over the frames before it; later frames do not
//! matter.

use std::io::Cursor;

use asciify::{Limits, probe};
use png::{BlendOp, DisposeOp};
use testkit::pictures::{apng, drawn, frames, gif, named, text, webp, webp_frame, webp_of};

use crate::playback::assert_plays_as_drawn;

const SPEC: &str = "width=4&height=2&fit=stretch&match=ramp&tone=natural&alpha=dark";

#[test]
fn frames_are_drawn_over_each_other() {
    // the GIF encoder disposes of each frame before the next
    let last = [
        (named("GIF"), gif(), "  @@\n  @@\n"),
        (named("PNG"), apng(), "@@@@\n@@@@\n"),
        (named("WebP"), webp(), "@@@@\n@@@@\n"),
    ];
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
fn a_frame_in_which_too_many_pixels_show_is_refused() {
    let few = Limits { max_pixels: 8 * 4, ..Limits::default() };
    let drawn = |file: &[u8]| {
        let spec = format!("{SPEC}&frame=8").parse().expect("a spec");
        asciify::render(Cursor::new(file), &[spec], &few).map(drop)
    };
    // each shows below the next one
    let err = drawn(&nine_frames(BlendOp::Over)).expect_err("nine canvases");
    assert!(err.to_string().contains("in the frames up to that one"), "{err}");
    // the last one hides the others
    assert!(drawn(&nine_frames(BlendOp::Source)).is_ok());
}

/// An APNG of nine equal frames of 8 × 4 px.
fn nine_frames(blend: BlendOp) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 8, 4);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(9, 0).expect("nine frames");
    encoder.set_blend_op(blend).expect("animated");
    let mut writer = encoder.write_header().expect("it is in memory");
    for _ in 0..9 {
        writer.write_image_data(&frames()[1]).expect("a small frame");
    }
    writer.finish().expect("it is in memory");
    file
}

#[test]
fn frames_below_one_that_hides_them_do_not_matter() {
    let mut file = webp();
    let anmf = |file: &[u8], nth: usize| {
        let starts = file.windows(4).enumerate().filter(|(_, it)| it == b"ANMF");
        starts.map(|(at, _)| at).nth(nth).expect("three frames")
    };
    let second = anmf(&file, 1);
    file[second + 8 + 15] = 2; // not blended
    assert_eq!(text(&file, &format!("{SPEC}&frame=1")), "@@  \n@@  \n");
    assert_eq!(text(&file, &format!("{SPEC}&frame=2")), "@@@@\n@@@@\n");
    // the data of the first frame, behind its signature and its size
    let first = anmf(&file, 0);
    let data = file[first..second].windows(4).position(|it| it == b"VP8L").expect("data") + first;
    file[data + 13..second].fill(0xff);
    assert!(drawn(&file, SPEC).is_err());
    assert_eq!(text(&file, &format!("{SPEC}&frame=2")), "@@@@\n@@@@\n");
}

/// Every way in which a frame can show in later ones, against frames that are drawn one by one as the
/// standard says.
#[test]
fn frames_are_drawn_as_the_frames_before_them_leave_the_canvas() {
    use DisposeOp::{Background, None, Previous};
    let disposals = [None, Background, Previous];
    for number in 0..81 {
        let disposal = |frame: u32| disposals[number / 3_usize.pow(frame) % 3];
        for blend in [BlendOp::Over, BlendOp::Source] {
            let first = disposal(0);
            let parts = [(0, 0, 4, 2), (1, 0, 2, 2), (0, 1, 3, 1), (2, 0, 2, 1)];
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, 4, 2);
            encoder.set_color(png::ColorType::Rgba);
            encoder.set_animated(4, 0).expect("four frames");
            encoder.set_blend_op(blend).expect("animated");
            encoder.set_dispose_op(first).expect("animated");
            let mut writer = encoder.write_header().expect("it is in memory");
            let (mut canvas, mut shown) = ([[0_u8; 4]; 8], Vec::new());
            for (frame, (left, top, width, height)) in (0..4).zip(parts) {
                if frame > 0 {
                    writer.set_frame_dimension(width, height).expect("inside");
                    writer.set_frame_position(left, top).expect("inside");
                    writer.set_dispose_op(disposal(frame)).expect("animated");
                }
                let light = 60 * frame as u8 + 70;
                // half of the columns are transparent
                let pixel =
                    |x: u32| [light, light, light, if x.is_multiple_of(2) { 255 } else { 0 }];
                let before = canvas;
                let mut pixels = Vec::new();
                for (y, x) in
                    (top..top + height).flat_map(|y| (left..left + width).map(move |x| (y, x)))
                {
                    pixels.extend(pixel(x));
                    let under = &mut canvas[(4 * y + x) as usize];
                    if blend == BlendOp::Source || x.is_multiple_of(2) {
                        *under = pixel(x);
                    }
                }
                writer.write_image_data(&pixels).expect("a small frame");
                shown.push(canvas);
                match disposal(frame) {
                    // nothing precedes the first frame
                    disposal if disposal == Background || (frame, disposal) == (0, Previous) => {
                        for y in top..top + height {
                            let start = (4 * y + left) as usize;
                            canvas[start..start + width as usize].fill([0; 4]);
                        }
                    }
                    Previous => canvas = before,
                    _ => {}
                }
            }
            writer.finish().expect("it is in memory");
            assert_plays_as_drawn(&file);
            for (frame, canvas) in (1..4).zip(&shown[1..]) {
                let still = image::RgbaImage::from_raw(4, 2, canvas.as_flattened().to_vec());
                let wanted = testkit::pictures::png(&still.expect("all pixels").into());
                let found = text(&file, &format!("{SPEC}&frame={frame}"));
                assert_eq!(found, text(&wanted, SPEC), "{number}, {blend:?}, frame {frame}");
            }
        }
    }
}

/// A canvas of 4 × 2 pixels, and the frames that are drawn over it: left, top, width and height.
type Canvas = [[u8; 4]; 8];
const PARTS: [(u32, u32, u32, u32); 4] = [(0, 0, 4, 2), (2, 0, 2, 2), (0, 0, 2, 1), (2, 0, 2, 1)];

/// A pixel of a frame: half of the columns are transparent.
fn pixel(frame: usize, x: u32) -> [u8; 4] {
    let light = 60 * frame as u8 + 70;
    if x.is_multiple_of(2) { [light, light, light, 255] } else { [0; 4] }
}

/// The indices in the canvas of a frame's pixels, and their columns.
fn area(frame: usize) -> impl Iterator<Item = (usize, u32)> {
    let (left, top, width, height) = PARTS[frame];
    (top..top + height)
        .flat_map(move |y| (left..left + width).map(move |x| ((4 * y + x) as usize, x)))
}

fn assert_shows(file: &[u8], frame: usize, canvas: &Canvas, what: &str) {
    let still = image::RgbaImage::from_raw(4, 2, canvas.as_flattened().to_vec());
    let wanted = testkit::pictures::png(&still.expect("all pixels").into());
    let found = text(file, &format!("{SPEC}&frame={frame}"));
    assert_eq!(found, text(&wanted, SPEC), "{what}, frame {frame}");
}

/// Every way in which a frame of a GIF can be disposed of (GIF89a, 23).
#[test]
fn frames_of_a_gif_are_disposed_of_as_they_say() {
    use ::gif::DisposalMethod::{Any, Background, Keep, Previous};
    let disposals = [Any, Keep, Background, Previous];
    for number in 0..64 {
        let disposal = |frame: usize| disposals[number / 4_usize.pow(frame as u32) % 4];
        let mut file = Vec::new();
        let mut encoder = ::gif::Encoder::new(&mut file, 4, 2, &[]).expect("it is in memory");
        let (mut canvas, mut shown): (Canvas, Vec<Canvas>) = ([[0; 4]; 8], Vec::new());
        for (frame, &(left, top, width, height)) in PARTS.iter().enumerate() {
            let mut pixels: Vec<u8> = area(frame).flat_map(|(_, x)| pixel(frame, x)).collect();
            let mut written =
                ::gif::Frame::from_rgba_speed(width as u16, height as u16, &mut pixels, 1);
            (written.left, written.top) = (left as u16, top as u16);
            written.dispose = disposal(frame.min(2));
            encoder.write_frame(&written).expect("a small frame");
            let before = canvas;
            for (at, x) in area(frame).filter(|(_, x)| x.is_multiple_of(2)) {
                canvas[at] = pixel(frame, x);
            }
            shown.push(canvas);
            match disposal(frame.min(2)) {
                Background => area(frame).for_each(|(at, _)| canvas[at] = [0; 4]),
                Previous => canvas = before,
                _ => {}
            }
        }
        drop(encoder);
        assert_plays_as_drawn(&file);
        for (frame, canvas) in shown.iter().enumerate() {
            assert_shows(&file, frame, canvas, &number.to_string());
        }
    }
}

/// Every way in which a frame of a WebP can be blended and disposed of (RFC 9649, 2.7.1.1).
#[test]
fn frames_of_a_webp_are_blended_and_disposed_of_as_they_say() {
    for number in 0..256 {
        let flags = |frame: usize| (number >> (2 * frame) & 3) as u8;
        let (mut frames, mut shown) = (Vec::new(), Vec::new());
        let mut canvas: Canvas = [[0; 4]; 8];
        for (frame, &(left, top, width, height)) in PARTS.iter().enumerate() {
            let pixels: Vec<u8> = area(frame).flat_map(|(_, x)| pixel(frame, x)).collect();
            let still = image::RgbaImage::from_raw(width, height, pixels).expect("all pixels");
            frames.push(webp_frame((left, top), flags(frame), still));
            let (is_not_blended, is_cleared) = (flags(frame) & 2 != 0, flags(frame) & 1 != 0);
            for (at, x) in area(frame).filter(|(_, x)| is_not_blended || x.is_multiple_of(2)) {
                canvas[at] = pixel(frame, x);
            }
            shown.push(canvas);
            if is_cleared {
                area(frame).for_each(|(at, _)| canvas[at] = [0; 4]);
            }
        }
        let file = webp_of((4, 2), &frames);
        assert_plays_as_drawn(&file);
        for (frame, canvas) in shown.iter().enumerate() {
            assert_shows(&file, frame, canvas, &format!("{number:08b}"));
        }
    }
}

#[test]
fn an_apng_of_an_impossible_number_of_frames_is_a_still_image() {
    let file = apng();
    let control = file.windows(4).position(|it| it == b"acTL").expect("an animation");
    for number in [0, 0x8000_0002_u32, u32::MAX] {
        let mut still = file.clone();
        still[control + 4..control + 8].copy_from_slice(&number.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&still[control..control + 12]);
        still[control + 12..control + 16].copy_from_slice(&crc.sum().to_be_bytes());
        let header = probe(Cursor::new(&still), &Limits::default()).expect("a valid file");
        assert_eq!(header.frames, 1, "{number}");
        assert_eq!(text(&still, SPEC), text(&file, SPEC), "{number}");
    }
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
