//! Truncated and malformed files, files that are no images, and sources that fail. Nothing panics.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, ErrorKind, Read, Seek, SeekFrom};

use asciify::{Error, Format, Limits, ReadSeek, Spec, formats, probe, render};

use testkit::pictures::{alpha, drawn, encoded, lopsided, named, png};

fn limits() -> Limits {
    Limits {
        max_side_px: 2_000,
        max_pixels: 100_000,
        max_frames: 50,
        max_decoded_bytes: 32 << 20,
        ..Limits::default()
    }
}

#[test]
fn every_format_is_known_by_its_content() {
    for format in formats() {
        let file = encoded(&lopsided(), format);
        let header = probe(Cursor::new(&file), &limits()).expect("a valid file");
        assert_eq!(
            (header.format, header.width, header.height, header.frames),
            (format, 48, 32, 1)
        );
        assert!(header.decoded_bytes > 0, "{header:?}");
    }
}

#[test]
fn text_and_nothing_are_unknown() {
    for bytes in [
        &b""[..],
        b"hello, planet",
        b"BMP files begin with these letters",
        b"\0\0\0\0",
        &[0xff; 100],
    ] {
        assert!(
            matches!(probe(Cursor::new(bytes), &limits()), Err(Error::Unknown { .. })),
            "{bytes:?}"
        );
        let err = drawn(bytes, "width=8").expect_err("no image");
        assert!(formats().all(|format| err.to_string().contains(&format.to_string())), "{err}");
    }
}

#[test]
fn a_known_format_that_is_not_read_is_refused_by_name() {
    for (bytes, name) in [
        (&b"<svg/>"[..], "an SVG drawing"),
        (b"%PDF-1.7", "a PDF document"),
        (b"\0\0\x01\0ftypqt  \0\0\0\0qt  ", "an MP4 or QuickTime video"),
    ] {
        let err = probe(Cursor::new(bytes), &limits()).expect_err("no image");
        assert!(matches!(err, Error::FormatNotRead { .. }), "{err:?}");
        let expected = format!("this is {name}, which we do not read: ");
        assert!(err.to_string().starts_with(&expected), "{err}");
    }
}

/// Whether the available part of a truncated file of that format is drawn.
fn is_drawn_in_part(format: Format) -> bool {
    matches!(format.name(), "JPEG" | "PNG" | "FITS" | "VICAR" | "PDS3")
}

#[test]
fn a_file_cut_in_half_is_malformed_or_drawn_in_part() {
    for format in formats() {
        let file = encoded(&lopsided(), format);
        let half = &file[..file.len() / 2];
        if is_drawn_in_part(format) {
            // the header is complete
            let part = &file[..file.len() - if format.name() == "FITS" { 2000 } else { 30 }];
            let header = probe(Cursor::new(part), &limits()).expect("a header");
            assert!(!header.is_whole && header.check_whole().is_err(), "{format}");
            assert!(drawn(part, "width=8").is_ok(), "{format}");
            continue;
        }
        let err = drawn(half, "width=8").expect_err("half a file");
        assert!(matches!(err, Error::Malformed(_)), "{format}: {err:?}");
    }
}

#[test]
fn probe_detects_that_the_last_byte_is_missing() {
    let formats =
        ["WebP", "HEIC", "AVIF", "BMP", "TIFF", "camera raw", "JPEG 2000", "VICAR", "PDS3", "PNM"];
    for format in formats.map(named) {
        let file = encoded(&lopsided(), format);
        let header = probe(Cursor::new(&file[..file.len() - 1]), &limits());
        let err = header.and_then(|it| it.check_whole()).expect_err("not whole");
        assert!(
            matches!(&err, Error::Malformed(_)) && err.to_string().contains("cut off"),
            "{format}: {err:?}"
        );
    }
}

#[test]
fn no_truncated_file_is_taken_for_a_whole_one() {
    for format in formats() {
        let file = encoded(&lopsided(), format);
        for length in 0..file.len().min(400) {
            match probe(Cursor::new(&file[..length]), &limits()) {
                Err(Error::Unknown { .. } | Error::Malformed(_)) => {}
                Ok(header) if is_drawn_in_part(format) && !header.is_whole => {}
                // the end mark alone is missing
                Ok(_) if drawn(&file[..length], "width=8").ok() == drawn(&file, "width=8").ok() => {
                }
                // the headers of these do not say how long they are
                Ok(_) if matches!(format.name(), "QOI" | "ICO" | "GIF" | "JPEG XL") => {}
                other => panic!("{format} cut to {length}: {other:?}"),
            }
        }
    }
}

#[test]
fn junk_after_the_end_is_ignored() {
    for format in formats() {
        let mut file = encoded(&lopsided(), format);
        let before = drawn(&file, "width=8").expect("a valid file");
        file.extend([0xff; 100]);
        assert_eq!(drawn(&file, "width=8").expect("still valid"), before, "{format}");
    }
}

#[test]
fn a_gif_without_its_trailer_is_whole() {
    let mut file = encoded(&lopsided(), named("GIF"));
    assert_eq!(file.pop(), Some(0x3b));
    assert!(drawn(&file, "width=8").is_ok());
}

#[test]
fn claims_beyond_the_limits_are_refused_from_the_header() {
    let mut file = png(&lopsided());
    file[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    file[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    for outcome in
        [probe(Cursor::new(&file), &Limits::default()).map(drop), drawn(&file, "width=8").map(drop)]
    {
        assert!(
            matches!(
                outcome,
                Err(Error::OverLimit { what: "pixels", is: 3_600_000_000, max: 128_000_000 })
            ),
            "{outcome:?}"
        );
    }

    let file = png(&lopsided());
    let small = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        match probe(Cursor::new(&file), &limits) {
            Err(Error::OverLimit { is, max, .. }) => (is, max),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(small(|limits| limits.max_side_px = 47), (48, 47));
    assert_eq!(small(|limits| limits.max_pixels = 1535), (1536, 1535));
    assert_eq!(small(|limits| limits.max_frames = 0), (1, 0));
    assert_eq!(small(|limits| limits.max_decoded_bytes = 4607).1, 4607);
    assert!(
        probe(
            Cursor::new(&file),
            &Limits { max_side_px: 48, max_pixels: 1536, max_frames: 1, ..limits() }
        )
        .is_ok()
    );
}

#[test]
fn a_picture_larger_than_its_container_says_is_refused() {
    // A GIF whose frame exceeds the screen, and the limits.
    let mut gif = encoded(&lopsided(), named("GIF"));
    let frame = gif
        .windows(10)
        .position(|it| it == b"\x2c\0\0\0\0\x30\0\x20\0\x80" || it[..5] == *b"\x2c\0\0\0\0")
        .expect("a frame");
    gif[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(matches!(probe(Cursor::new(&gif), &limits()), Err(Error::OverLimit { .. })));

    // A WebP whose canvas is not its picture's size.
    let plain = encoded(&lopsided(), named("WebP"));
    let mut webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x09\0\0".to_vec();
    webp.extend(&plain[12..]);
    let length = u32::try_from(webp.len() - 8).expect("small");
    webp[4..8].copy_from_slice(&length.to_le_bytes());
    assert!(matches!(probe(Cursor::new(&webp), &limits()), Err(Error::Malformed(_))));
    webp[24..30].copy_from_slice(&[47, 0, 0, 31, 0, 0]);
    assert!(probe(Cursor::new(&webp), &limits()).is_ok());

    // An ICO whose picture is larger than 256 px.
    let mut ico = encoded(&lopsided(), named("ICO"));
    let picture = ico.windows(4).position(|it| it == b"IHDR").expect("a PNG inside");
    ico[picture + 4..picture + 8].copy_from_slice(&60_000_u32.to_be_bytes());
    assert!(matches!(
        probe(Cursor::new(&ico), &limits()),
        Err(Error::OverLimit { is: 60_000, .. })
    ));
}

#[test]
fn frames_are_counted() {
    let mut file = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut file);
        for _ in 0..3 {
            encoder.encode_frame(image::Frame::new(alpha().to_rgba8())).expect("a small frame");
        }
    }
    assert_eq!(probe(Cursor::new(&file), &limits()).expect("a valid file").frames, 3);
    let few = Limits { max_frames: 2, ..limits() };
    assert!(matches!(
        probe(Cursor::new(&file), &few),
        Err(Error::OverLimit { what: "frames", is: 3, max: 2 })
    ));
}

#[test]
fn a_tiff_whose_ifds_form_a_cycle_is_malformed() {
    let mut file = encoded(&lopsided(), named("TIFF"));
    let directory = u32::from_le_bytes(file[4..8].try_into().expect("four bytes"));
    let at = directory as usize;
    let entries = usize::from(u16::from_le_bytes([file[at], file[at + 1]]));
    let next = at + 2 + 12 * entries;
    file[next..next + 4].copy_from_slice(&directory.to_le_bytes());
    let err = probe(Cursor::new(&file), &limits()).expect_err("a cycle");
    assert!(err.to_string().contains("cycle"), "{err}");
}

/// Fails after `left` bytes, as the reader of a cancelled job does.
struct Failing<'a> {
    inner: Cursor<&'a [u8]>,
    left: u64,
    failed: &'a Cell<bool>,
}

impl Read for Failing<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.failed.set(true);
            return Err(io::Error::new(ErrorKind::TimedOut, "cancelled"));
        }
        let most = buf.len().min(usize::try_from(self.left).unwrap_or(usize::MAX)).min(64);
        let read = self.inner.read(&mut buf[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Seek for Failing<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

#[test]
fn a_failing_source_is_never_taken_for_a_damaged_file() {
    let spec = "width=8".parse::<Spec>().expect("a valid spec");
    for format in formats() {
        let file = encoded(&lopsided(), format);
        let mut failures = 0;
        for left in 0..2 * file.len() as u64 {
            let failed = Cell::new(false);
            let source = BufReader::with_capacity(
                64,
                Failing { inner: Cursor::new(&file), left, failed: &failed },
            );
            let outcome = render(source, std::slice::from_ref(&spec), &limits());
            if failed.get() {
                failures += 1;
                match outcome {
                    Err(Error::Read(err)) => assert_eq!(
                        (err.kind(), err.to_string().as_str()),
                        (ErrorKind::TimedOut, "cancelled")
                    ),
                    other => panic!("{format} after {left} bytes: {other:?}"),
                }
            } else {
                assert!(outcome.is_ok(), "{format} after {left} bytes: {outcome:?}");
            }
        }
        assert!(failures > 0, "{format}");
    }
}

#[test]
fn a_reader_with_a_buffer_of_one_byte_is_enough() {
    fn takes_any<R: ReadSeek>(source: R) -> bool {
        probe(source, &Limits::default()).is_ok()
    }
    assert!(takes_any(BufReader::with_capacity(1, Cursor::new(png(&lopsided())))));
}

#[test]
fn an_io_error_from_a_decoder_is_no_failing_source() {
    // the decoder of LZW in a TIFF reports invalid codes as an I/O error
    let mut tiff = b"II\x2a\0\x08\0\0\0\x08\0".to_vec();
    for (tag, value) in
        [(256_u16, 64_u32), (257, 8), (258, 1), (259, 5), (262, 0), (273, 110), (278, 8), (279, 4)]
    {
        tiff.extend(tag.to_le_bytes());
        tiff.extend([4, 0, 1, 0, 0, 0]);
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    tiff.extend([0xff, 0xff, 0xff, 0xff]);
    let err = drawn(&tiff, "width=8").expect_err("invalid codes");
    assert!(matches!(err, Error::Malformed(_)), "{err:?}");
}
