//! Small pictures, and files of every format that contain them.

use std::io::Cursor;

use asciify::{Error, Format, Grid, Limits, Spec};
use image::codecs::gif::GifEncoder;
use image::{
    DynamicImage, Frame, GrayImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, RgbaImage,
};

use crate::instruments::{self, JPEG_STRIP, RawIfd, SENSOR_DATA, raw};
use crate::jp2s::{channels, color_space, jp2};
use crate::samples::foreign;

/// A PNM of noise, 3000 × 2200 pixels: 20 MB, which a resumable upload takes in three parts.
pub fn noisy_pnm() -> Vec<u8> {
    let mut state = 1_u32;
    let mut file = b"P6 3000 2200 255\n".to_vec();
    let end = file.len() + 3_000 * 2_200 * 3;
    file.resize_with(end, || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    file
}

/// Black at the left, white at the right.
pub fn gradient() -> DynamicImage {
    GrayImage::from_fn(64, 16, |x, _| Luma([(x * 255 / 63) as u8])).into()
}

/// A white disc on black, touching the edges.
pub fn disc() -> DynamicImage {
    GrayImage::from_fn(48, 48, |x, y| {
        let (dx, dy) = (2 * x as i32 - 47, 2 * y as i32 - 47);
        Luma([if dx * dx + dy * dy <= 48 * 48 { 255 } else { 0 }])
    })
    .into()
}

/// Black and white squares of 8 px, black first.
pub fn checker() -> DynamicImage {
    GrayImage::from_fn(32, 32, |x, y| Luma([if (x / 8 + y / 8) % 2 == 0 { 0 } else { 255 }])).into()
}

/// Yellow, transparent at the top and opaque at the bottom.
pub fn alpha() -> DynamicImage {
    RgbaImage::from_fn(16, 32, |_, y| image::Rgba([255, 220, 0, (y * 255 / 31) as u8])).into()
}

/// One orange pixel.
pub fn one_pixel() -> DynamicImage {
    RgbImage::from_pixel(1, 1, Rgb([200, 100, 50])).into()
}

/// One pixel wide and 5000 high, brighter towards the bottom.
pub fn tall() -> DynamicImage {
    GrayImage::from_fn(1, 5000, |_, y| Luma([(y / 20) as u8])).into()
}

/// 5000 pixels wide and one high, brighter towards the right.
pub fn wide() -> DynamicImage {
    GrayImage::from_fn(5000, 1, |x, _| Luma([(x / 20) as u8])).into()
}

/// Grey noise, the same on every machine.
pub fn noise() -> DynamicImage {
    GrayImage::from_fn(48, 32, |x, y| Luma([((x * 7_919 + y * 104_729 + x * y * 31) % 251) as u8]))
        .into()
}

/// A word in letters of 8 × 8 px, black on white.
pub fn word() -> DynamicImage {
    const ROWS: [&str; 5] = [
        "#...# .##. #..# ####",
        "##.## #..# ##.# #...",
        "#.#.# #..# #.## ##..",
        "#...# #..# #..# #...",
        "#...# .##. #..# ####",
    ];
    GrayImage::from_fn(88, 28, |x, y| {
        let (column, row) = ((x / 4).wrapping_sub(1), (y / 4).wrapping_sub(1));
        let row = ROWS.get(row as usize).map_or(&b""[..], |row| row.as_bytes());
        Luma([if row.get(column as usize) == Some(&b'#') { 0 } else { 255 }])
    })
    .into()
}

/// A gradient in steps that need 16 bits, brighter towards the bottom right, with alpha.
pub fn deep() -> DynamicImage {
    ImageBuffer::<LumaA<u16>, _>::from_fn(40, 20, |x, y| {
        LumaA([(x * 1000 + y * 1200) as u16, 65_535 - (x * 800) as u16])
    })
    .into()
}

/// A picture without symmetry: every orientation looks different.
pub fn lopsided() -> DynamicImage {
    RgbImage::from_fn(48, 32, |x, y| {
        if x < 12 && y < 20 {
            Rgb([255, 255, 255])
        } else {
            Rgb([(x * 4) as u8, (y * 6) as u8, 20])
        }
    })
    .into()
}

/// The picture of the files of [`foreign`]: steps of colour, and yellow in
/// a corner whose edges are on no block of 8 × 8 px.
pub fn sample() -> DynamicImage {
    RgbImage::from_fn(24, 16, |x, y| match is_corner(x, y) {
        true => Rgb([250, 240, 30]),
        false => Rgb([(x / 2 * 20) as u8, (y * 15) as u8, 120]),
    })
    .into()
}

/// [`sample`] with a transparent corner.
pub fn sample_clear() -> DynamicImage {
    let mut picture = sample().to_rgba8();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0[3] = if is_corner(x, y) { 0 } else { 255 };
    }
    picture.into()
}

/// [`sample`] in black and white: only the corner is white.
pub fn sample_bits() -> DynamicImage {
    GrayImage::from_fn(24, 16, |x, y| Luma([if is_corner(x, y) { 255 } else { 0 }])).into()
}

fn is_corner(x: u32, y: u32) -> bool {
    x >= 13 && y >= 6
}

/// The format of that name.
pub fn named(name: &str) -> Format {
    asciify::formats().find(|format| format.name() == name).expect("a known format")
}

/// The picture as a file. No dev-dependency writes HEIC, AVIF, JPEG XL or JPEG 2000: there are files
/// of [`lopsided`], [`alpha`] and [`one_pixel`] by foreign encoders.
pub fn encoded(picture: &DynamicImage, format: Format) -> Vec<u8> {
    let encoder = match format.name() {
        "HEIC" => Some("libheif"),
        "AVIF" => Some("libavif"),
        "JPEG XL" => Some("libjxl"),
        "JPEG 2000" => Some("openjpeg"),
        _ => None,
    };
    if let Some(encoder) = encoder {
        let known = [("lopsided", lopsided()), ("alpha", alpha()), ("dot", one_pixel())];
        let (name, _) = known.iter().find(|(_, it)| it == picture).expect("a picture that we have");
        return match (encoder, *name) {
            ("openjpeg", "alpha") => clear_jp2(),
            (_, name) => foreign(&format!("{encoder}-{name}.{}", format.extension())),
        };
    }
    if let Some(file) = by_instrument(&picture.to_rgb8(), format) {
        return file;
    }
    let mut file = Cursor::new(Vec::new());
    let library_format = ImageFormat::from_extension(format.extension()).expect("a known one");
    // formats differ in the pixels that they support
    let picture = match format.name() {
        "GIF" | "ICO" | "WebP" => DynamicImage::from(picture.to_rgba8()),
        "PNG" => picture.clone(),
        _ => DynamicImage::from(picture.to_rgb8()),
    };
    picture
        .write_to(&mut file, library_format)
        .expect("the picture is small and the format holds it");
    file.into_inner()
}

/// [`alpha`] as a JP2.
fn clear_jp2() -> Vec<u8> {
    let definitions = channels(&[(0, 1), (0, 2), (0, 3), (1, 0)]);
    jp2(&[color_space(16), definitions], &foreign("openjpeg-alpha.j2k"))
}

/// The picture as a file of an instrument. `None` for other formats.
fn by_instrument(picture: &RgbImage, format: Format) -> Option<Vec<u8>> {
    let (width, height) = picture.dimensions();
    let planes = |picture: &RgbImage| -> Vec<u8> {
        (0..3).flat_map(|band| picture.pixels().map(move |it| it[band])).collect()
    };
    Some(match format.name() {
        "FITS" => {
            let lowest_first = planes(&image::imageops::flip_vertical(picture));
            instruments::fits(8, &[width, height, 3], &[("CTYPE3", "'RGB'")], &lowest_first)
        }
        "VICAR" => {
            let items = format!("FORMAT='BYTE' ORG='BSQ' NL={height} NS={width} NB=3");
            instruments::vicar(&items, &planes(picture))
        }
        "PDS3" => {
            let statements = format!(
                "LINES = {height}; LINE_SAMPLES = {width}; SAMPLE_TYPE = UNSIGNED_INTEGER; \
                 SAMPLE_BITS = 8; BANDS = 3; BAND_STORAGE_TYPE = SAMPLE_INTERLEAVED"
            );
            instruments::pds3(&statements, picture)
        }
        "camera raw" => {
            let preview = encoded(&picture.clone().into(), named("JPEG"));
            let sensor = RawIfd { tags: &SENSOR_DATA, strip: &[7; 128], sub_ifds: Vec::new() };
            let tags = [&JPEG_STRIP[..], &[(50_706, 0x0401)]].concat();
            raw(&[RawIfd { tags: &tags, strip: &preview, sub_ifds: vec![sensor] }])
        }
        _ => return None,
    })
}

/// The picture as a PNG.
pub fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded(picture, named("PNG"))
}

/// Black; then a white left half over it; then a white right half over both.
pub fn frames() -> [RgbaImage; 3] {
    let half = |left: u32| {
        RgbaImage::from_fn(8, 4, move |x, _| match x / 4 == left {
            true => image::Rgba([255; 4]),
            false => image::Rgba([0; 4]),
        })
    };
    [RgbaImage::from_pixel(8, 4, image::Rgba([0, 0, 0, 255])), half(0), half(1)]
}

/// The [`frames`] as an animated GIF.
pub fn gif() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for frame in frames() {
        encoder.encode_frame(Frame::new(frame)).expect("a small frame");
    }
    drop(encoder);
    file
}

/// The [`frames`] as an animated PNG.
pub fn apng() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 8, 4);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_animated(3, 0).expect("three frames");
    encoder.set_blend_op(png::BlendOp::Over).expect("animated");
    let mut writer = encoder.write_header().expect("it is in memory");
    for frame in frames() {
        writer.write_image_data(&frame).expect("a small frame");
    }
    writer.finish().expect("it is in memory");
    file
}

/// The [`frames`] as an animated WebP, each blended over those before it.
pub fn webp() -> Vec<u8> {
    webp_of((8, 4), &frames().map(|frame| webp_frame((0, 0), 0, frame)))
}

/// A frame of an animated WebP at that place, of which both coordinates are even. Flags (RFC 9649,
/// 2.7.1.1): 2 is not blended, 1 is disposed of.
pub fn webp_frame((left, top): (u32, u32), flags: u8, frame: RgbaImage) -> Vec<u8> {
    let (width, height) = frame.dimensions();
    // position and sides of 24 bits, and the duration
    let numbers = [left / 2, top / 2, width - 1, height - 1, 100];
    let mut data: Vec<u8> =
        numbers.iter().flat_map(|number| number.to_le_bytes().into_iter().take(3)).collect();
    data.push(flags);
    data.extend(&encoded(&frame.into(), named("WebP"))[12..]);
    riff(b"ANMF", &data)
}

/// An animated WebP of a canvas of that width and height.
pub fn webp_of((width, height): (u32, u32), frames: &[Vec<u8>]) -> Vec<u8> {
    let mut header = vec![0x12, 0, 0, 0];
    header
        .extend([width - 1, height - 1].iter().flat_map(|it| it.to_le_bytes().into_iter().take(3)));
    let chunks = [riff(b"VP8X", &header), riff(b"ANIM", &[0; 6]), frames.concat()].concat();
    riff(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

/// A RIFF chunk.
pub(crate) fn riff(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let padding = &[0][..data.len() % 2];
    [name, &(data.len() as u32).to_le_bytes()[..], data, padding].concat()
}

/// An EXIF block of one tag: Orientation.
pub fn exif(value: u8) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0]);
    block.extend([0; 4]);
    block
}

/// That EXIF block as an APP1 segment of a JPEG.
pub fn app1(value: u8) -> Vec<u8> {
    let mut payload = b"Exif\0\0".to_vec();
    payload.extend(exif(value));
    let length = u16::try_from(payload.len() + 2).expect("a few bytes");
    [&[0xff, 0xe1], &length.to_be_bytes()[..], &payload].concat()
}

/// The grid for one spec.
///
/// # Errors
/// What is wrong with the file.
pub fn drawn(file: &[u8], spec: &str) -> Result<Grid, Error> {
    let spec: Spec = spec.parse().expect("the test's spec is valid");
    let mut grids = asciify::render(Cursor::new(file), &[spec], &Limits::default())?;
    Ok(grids.pop().expect("one grid a spec"))
}

/// The plain text for one spec; the file must be valid.
pub fn text(file: &[u8], spec: &str) -> String {
    asciify::write::txt(&drawn(file, spec).expect("the test's file is valid"))
}
