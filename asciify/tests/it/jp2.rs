//! JPEG 2000: codestreams of a foreign encoder are drawn as their samples are, at every resolution;
//! false claims are refused before anything is decoded.

use std::cell::Cell;
use std::io::Cursor;
use std::slice::from_ref;

use asciify::{Error, Limits, Spec, format_of_media_type, probe, render_unless};
use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use testkit::attacks::draw;
use testkit::jp2s::{Claim, channels, color_space, jp2, palette, profile};
use testkit::mutator::with_mutations;
use testkit::pictures::{drawn, encoded, lopsided, named, png, sample, text};
use testkit::samples::foreign;

/// Red, green and blue of each pixel, row by row.
fn pixels(file: &[u8], options: &str) -> Vec<[u8; 3]> {
    let header = probe(Cursor::new(file), &Limits::default()).expect("a valid file");
    let (width, height) = (header.width, header.height);
    cells(file, &format!("width={width}&height={height}{options}"))
}

/// The colour of each cell.
fn cells(file: &[u8], options: &str) -> Vec<[u8; 3]> {
    let spec = format!("{options}&fit=stretch&symbols=chars:%23&color=full&tone=natural");
    let grid = drawn(file, &spec).expect("a valid file");
    grid.lines().flatten().map(|cell| cell.foreground.map_or([0; 3], |it| it.rgb())).collect()
}

/// The picture of the files `16-bits`, `offset` and `signed` (scripts/make-samples.py), as a PNG.
fn waves() -> Vec<u8> {
    let picture = ImageBuffer::from_fn(200, 120, |x, y| Luma([wave(x, y) as u16]));
    png(&DynamicImage::ImageLuma16(picture))
}

fn wave(x: u32, y: u32) -> f64 {
    let (x, y) = (f64::from(x), f64::from(y));
    (32_768.0 + 20_000.0 * (x / 20.0).sin() + 8_000.0 * (y / 11.0).sin()).floor()
}

/// The most that any channel differs.
fn difference(one: &[[u8; 3]], other: &[[u8; 3]]) -> u8 {
    assert_eq!(one.len(), other.len());
    let pairs = one.as_flattened().iter().zip(other.as_flattened());
    pairs.map(|(one, other)| one.abs_diff(*other)).max().unwrap_or(0)
}

#[test]
fn lossless_samples_are_exact_in_every_progression_and_mode() {
    let expected = pixels(&png(&sample()), "");
    for name in ["openjpeg-lossless.jp2", "openjpeg-layers.j2k"] {
        assert_eq!(pixels(&foreign(name), ""), expected, "{name}");
    }
    let lossy = pixels(&foreign("openjpeg-lossy.jp2"), "");
    let off = difference(&lossy, &expected);
    assert!((1..20).contains(&off), "{off}");
}

#[test]
fn sixteen_bits_in_tiles_are_exact_signed_or_not_wherever_the_picture_lies() {
    let expected = pixels(&waves(), "");
    for name in ["16-bits", "offset"] {
        let file = foreign(&format!("openjpeg-{name}.j2k"));
        assert_eq!(pixels(&file, "&stretch=none"), expected, "{name}");
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        assert_eq!((header.width, header.height, header.bit_depth), (200, 120, 16), "{name}");
    }
    let signed = foreign("openjpeg-signed.j2k");
    assert_eq!(pixels(&signed, "&stretch=none"), expected, "signed");
    assert_eq!(pixels(&signed, "&stretch=-32768:32767"), expected, "signed, in its own units");
}

#[test]
fn values_of_more_than_eight_bits_are_stretched_as_those_of_tiff_are() {
    let file = foreign("openjpeg-16-bits.j2k");
    let shown = pixels(&file, "");
    let extremes = shown.iter().map(|[grey, _, _]| *grey);
    assert_eq!((extremes.clone().min(), extremes.max()), (Some(0), Some(255)));
    // exactly the values below the 2nd and above the 98th percentile
    let mut values: Vec<f64> = (0..120 * 200).map(|at| wave(at % 200, at / 200)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let (low, high) = (values[480], values[23_520]);
    assert_eq!(shown, pixels(&file, &format!("&stretch={low}:{high}")));
}

#[test]
fn a_reduced_picture_lies_where_the_whole_one_does() {
    for name in ["16-bits", "offset"] {
        let file = foreign(&format!("openjpeg-{name}.j2k"));
        // at half of the size, a quarter and an eighth
        for (columns, rows) in [(25, 7), (12, 3), (6, 1)] {
            let options = format!("width={columns}&height={rows}&stretch=none");
            let off = difference(&cells(&file, &options), &cells(&waves(), &options));
            assert!(off <= 3, "{name}, {columns} × {rows}: off by {off}");
        }
    }
}

#[test]
fn boxes_say_what_the_samples_mean() {
    let grey = foreign("openjpeg-grey.j2k");
    let plain = pixels(&grey, "");
    let colors: Vec<[u8; 3]> = (0..=255).map(|it| [it, 255 - it, it / 2]).collect();
    let [table, mapping] = palette(&colors);
    let picture = lopsided().to_rgb8();
    let picture =
        RgbImage::from_fn(48, 32, |x, y| Rgb(colors[usize::from(picture.get_pixel(x, y).0[1])]));
    let expected = png(&picture.into());
    let indexed = jp2(&[color_space(16), table, mapping], &grey);
    assert_eq!(pixels(&indexed, ""), pixels(&expected, ""));
    // indices have no mean: they are never read at reduced resolution
    let few = "width=6&height=2";
    assert_eq!(cells(&indexed, few), cells(&expected, few));

    // a profile of grey changes nothing that is not a colour
    assert_eq!(pixels(&jp2(&[profile(&[b'G'; 128])], &grey), ""), plain);

    let reversed = channels(&[(0, 3), (0, 2), (0, 1)]);
    let reversed = jp2(&[color_space(16), reversed], &foreign("openjpeg-layers.j2k"));
    let mut picture = sample().to_rgb8();
    picture.pixels_mut().for_each(|Rgb(pixel)| pixel.reverse());
    assert_eq!(pixels(&reversed, ""), pixels(&png(&picture.into()), ""));
}

#[test]
fn chroma_may_have_fewer_samples() {
    // y = 5 x, cb = 8 x, cr = 12 y, chroma at half the resolution
    let picture = RgbImage::from_fn(48, 32, |x, y| {
        let [luma, blue, red] = [x * 5, x / 2 * 8, y / 2 * 12].map(f64::from);
        let (blue, red) = (blue - 128.0, red - 128.0);
        let (red, green, blue) =
            (luma + 1.402 * red, luma - 0.344_136 * blue - 0.714_136 * red, luma + 1.772 * blue);
        Rgb([red, green, blue].map(|it| libm::round(it.clamp(0.0, 255.0)) as u8))
    });
    let expected = pixels(&png(&picture.into()), "");
    let codestream = foreign("openjpeg-420.j2k");
    for file in [jp2(&[color_space(18)], &codestream), codestream] {
        assert!(difference(&pixels(&file, ""), &expected) <= 1);
    }
}

#[test]
fn alpha_is_what_the_channel_definitions_say() {
    let alpha = |kind| {
        let definitions = channels(&[(0, 1), (0, 2), (0, 3), (kind, 0)]);
        jp2(&[color_space(16), definitions], &foreign("openjpeg-alpha.j2k"))
    };
    let expected = text(&png(&testkit::pictures::alpha()), "width=16&alpha=light");
    assert_eq!(text(&alpha(1), "width=16&alpha=light"), expected);
    // colours that are multiplied already are not darkened again
    assert_ne!(text(&alpha(2), "width=16&alpha=light"), expected);
    // without definitions, the fourth is a band
    let bands = jp2(&[color_space(16)], &foreign("openjpeg-alpha.j2k"));
    let grey = testkit::pictures::alpha().to_rgba8();
    let grey = GrayImage::from_fn(16, 32, |x, y| Luma([grey.get_pixel(x, y).0[3]]));
    assert_eq!(pixels(&bands, "&bands=4"), pixels(&png(&grey.into()), ""));
    assert_eq!(probe(Cursor::new(&bands), &Limits::default()).expect("a valid file").bands, 4);
}

#[test]
fn bands_are_selected_by_number() {
    let file = foreign("openjpeg-bands.j2k");
    let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
    assert_eq!(header.bands, 5);
    assert_eq!(pixels(&file, ""), pixels(&png(&lopsided()), ""));
    let mut chosen = lopsided().to_rgb8();
    chosen.pixels_mut().for_each(|Rgb(pixel)| *pixel = [pixel[1] / 2, pixel[0] / 2, pixel[0]]);
    assert_eq!(pixels(&file, "&bands=5,4,1"), pixels(&png(&chosen.into()), ""));
    let err = drawn(&file, "width=8&bands=6").expect_err("five bands");
    assert!(err.to_string().contains("from 1 to 5"), "{err}");
}

#[test]
fn kinds_of_files_have_their_media_types() {
    let codestream = foreign("openjpeg-grey.j2k");
    let file = jp2(&[color_space(17)], &codestream);
    let mut extended = file.clone();
    extended[20..24].copy_from_slice(b"jpx ");
    for (file, media_type, extension) in [
        (file, "image/jp2", "jp2"),
        (extended, "image/jpx", "jpx"),
        (codestream, "image/j2c", "j2k"),
    ] {
        let format = probe(Cursor::new(&file), &Limits::default()).expect("a valid file").format;
        assert_eq!((format.media_type(), format.extension()), (media_type, extension));
        assert_eq!(format_of_media_type(media_type), Some(format));
        assert_eq!(format.name(), "JPEG 2000");
    }
    let extensions: Vec<&str> = named("JPEG 2000").extensions().collect();
    assert_eq!(extensions, ["jp2", "jpx", "j2k", "jpf", "j2c", "jpc"]);
}

#[test]
fn a_codestream_that_ends_early_is_cut_off() {
    for file in [foreign("openjpeg-layers.j2k"), encoded(&lopsided(), named("JPEG 2000"))] {
        for length in 60..file.len() {
            let err = drawn(&file[..length], "width=8").expect_err("a part");
            assert!(matches!(err, Error::Malformed(_)), "{length}: {err}");
        }
        let err = drawn(&file[..file.len() - 1], "width=8").expect_err("a part");
        assert!(err.to_string().ends_with("it was cut off"), "{err}");
    }
}

#[test]
fn the_lowest_resolution_that_suffices_is_decoded() {
    // tiles without data are of middle grey, and claim what their header says
    let tiles = |levels| {
        let claim = Claim {
            sides: (8_000, 8_000),
            tile_sides: (1_000, 1_000),
            levels,
            data: vec![0; 40],
            ..Claim::default()
        };
        claim.codestream()
    };
    let needed = |file: &[u8]| {
        probe(Cursor::new(file), &Limits::default()).map(|header| header.decoded_bytes)
    };
    assert!(drawn(&tiles(5), "width=20").is_ok());
    // without levels, such a picture takes more time than its length is worth
    let err = needed(&tiles(0)).expect_err("too many samples for its length");
    assert!(err.to_string().contains("more pixels than its length can hold"), "{err}");
    // limits are those of the resolution that is decoded
    let huge = Claim {
        sides: (30_000, 30_000),
        tile_sides: (1_024, 1_024),
        data: vec![0; 40],
        ..Claim::default()
    };
    let huge = huge.codestream();
    let header = probe(Cursor::new(&huge), &Limits::default()).expect("a lower resolution");
    assert_eq!((header.width, header.height), (30_000, 30_000));
    assert!(drawn(&huge, "width=80").is_ok());
    // where memory does not suffice for the highest resolution, a lower one is drawn
    let most = needed(&tiles(5)).expect("a header");
    let less = Limits { max_decoded_bytes: most - 1, ..Limits::default() };
    let header = probe(Cursor::new(tiles(5)), &less).expect("a lower resolution");
    assert!(header.decoded_bytes < most, "{} of {most}", header.decoded_bytes);
}

#[test]
fn what_claims_too_much_is_refused_by_its_headers() {
    let message = |claim: Claim| {
        let file = claim.codestream();
        probe(Cursor::new(&file), &Limits::default()).expect_err("too much").to_string()
    };
    for (claim, part) in [
        (Claim { components: 17, ..Claim::default() }, "17 components; at most 16"),
        (Claim { precinct: 1, ..Claim::default() }, "code-blocks, precincts and sub-bands"),
        (Claim { code_block: 2, ..Claim::default() }, "code-blocks, precincts and sub-bands"),
        (Claim { layers: 33, ..Claim::default() }, "more than 32 quality layers"),
        (Claim { tile_sides: (30, 30), ..Claim::default() }, "more than 65,536 tiles"),
        (Claim { levels: 0, ..Claim::default() }, "more pixels than its length can hold"),
    ] {
        let message = message(claim);
        assert!(message.contains(part), "{message}");
    }
    // of part 15
    let mut file = Claim::default().codestream();
    let coding = file.windows(2).position(|it| it == [0xff, 0x52]).expect("COD");
    file[coding + 12] |= 0x40;
    let err = probe(Cursor::new(&file), &Limits::default()).expect_err("high throughput");
    assert!(err.to_string().contains("HTJ2K"), "{err}");
}

#[test]
fn a_cancelled_picture_ends_with_its_tile() {
    let tile_sides = (1_000, 1_000);
    let file = Claim { tile_sides, data: vec![0; 40], ..Claim::default() }.codestream();
    let spec: Spec = "width=80".parse().expect("a spec");
    let asked = Cell::new(0);
    let ask = |most| {
        asked.set(asked.get() + 1);
        asked.get() > most
    };
    let all =
        render_unless(Cursor::new(&file), from_ref(&spec), &Limits::default(), &|| ask(u64::MAX));
    let questions = asked.replace(0);
    assert!(all.is_ok() && questions > 100, "once a tile: {questions}");
    let half = || ask(questions / 2);
    let cancelled = render_unless(Cursor::new(&file), &[spec], &Limits::default(), &half);
    assert!(matches!(cancelled, Err(Error::Cancelled)));
    assert!(asked.get() < questions / 2 + 5, "{} of {questions}", asked.get());
}

#[test]
fn damaged_files_are_drawn_or_refused() {
    let seeds: Vec<_> =
        draw::seeds().into_iter().filter(|(name, _)| name.starts_with("JPEG 2000")).collect();
    assert!(seeds.len() >= 30, "{}", seeds.len());
    let (mut drawn, mut refused) = (0, 0);
    with_mutations(seeds, 60, |file| match draw::attack(file) {
        Ok(()) => drawn += 1,
        Err(_) => refused += 1,
    });
    assert!(drawn > 100 && refused > 100, "{drawn} drawn, {refused} refused");
}
