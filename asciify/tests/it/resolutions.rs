//! Limits are about what is decoded: a picture that exceeds them is drawn from a lower resolution that
//! its file has.

use std::io::Cursor;

use asciify::{Error, Grid, Limits, Spec, probe, render};
use jpeg_encoder::{ColorType, Encoder};
use testkit::pictures::png;
use testkit::tiffs::by_hand;

fn grid(file: &[u8], spec: &str, limits: &Limits) -> Result<Grid, Error> {
    let spec: Spec = spec.parse().expect("a spec");
    render(Cursor::new(file), &[spec], limits).map(|mut grids| grids.remove(0))
}

/// The values of a page by column; `None` for a sparse one.
type Values = Option<fn(u32) -> u8>;

/// Grey pages and overviews of those sides.
fn pyramid(levels: &[(u32, Values)]) -> Vec<u8> {
    let sides: Vec<[u32; 1]> = levels.iter().map(|(side, _)| [*side]).collect();
    let tags: Vec<Vec<(u16, &[u32])>> = sides
        .iter()
        .enumerate()
        .map(|(level, side)| {
            let kind: &[u32] = if level > 0 { &[1] } else { &[0] };
            let (side, one): (&[u32], &[u32]) = (side, &[1]);
            vec![(254, kind), (256, side), (257, side), (258, &[8][..]), (262, one), (277, one)]
        })
        .collect();
    let data: Vec<Vec<u8>> = levels
        .iter()
        .map(|(side, value)| match value {
            Some(value) => (0..*side).map(value).collect::<Vec<u8>>().repeat(*side as usize),
            None => Vec::new(),
        })
        .collect();
    let pages: Vec<_> = tags.iter().zip(&data).map(|(tags, data)| (&tags[..], &data[..])).collect();
    by_hand(&pages)
}

const RAMP: Values = Some(|x| (x * 3) as u8);
const STRIPES: Values = Some(|x| if x % 20 < 10 { 20 } else { 230 });

#[test]
fn a_tiff_that_exceeds_the_limits_is_drawn_from_the_largest_overview_within_them() {
    let file = pyramid(&[(30_000, None), (200, STRIPES), (80, RAMP)]);
    let header = probe(Cursor::new(&file), &Limits::default()).expect("an overview");
    assert_eq!((header.width, header.height, header.frames), (30_000, 30_000, 1));
    assert!(header.decoded_bytes < 1 << 20, "{}", header.decoded_bytes);

    let alone = |side, value| pyramid(&[(side, value)]);
    let limits = Limits::default();
    let draw = |file: &[u8], spec| grid(file, spec, &limits).expect("a picture");
    // the smallest that suffices, and never a sharper one than there is within the limits
    assert_eq!(draw(&file, "width=10"), draw(&alone(80, RAMP), "width=10"));
    assert_eq!(draw(&file, "width=40"), draw(&alone(200, STRIPES), "width=40"));
    assert_eq!(draw(&file, "width=300"), draw(&alone(200, STRIPES), "width=300"));
    let small = Limits { max_pixels: 10_000, ..Limits::default() };
    let drawn = grid(&file, "width=40", &small).expect("a picture");
    assert_eq!(drawn, draw(&alone(80, RAMP), "width=40"));
    let narrow = Limits { max_side_px: 100, ..Limits::default() };
    assert_eq!(grid(&file, "width=40", &narrow).expect("a picture"), drawn);

    let tiny = Limits { max_pixels: 1000, ..Limits::default() };
    for outcome in [
        probe(Cursor::new(&file), &tiny).map(drop),
        grid(&file, "width=10", &tiny).map(drop),
        probe(Cursor::new(&alone(30_000, None)), &limits).map(drop),
    ] {
        assert!(matches!(outcome, Err(Error::OverLimit { .. })), "{outcome:?}");
    }
}

#[test]
fn a_jpeg_that_exceeds_the_limits_is_drawn_at_an_eighth() {
    let (width, height) = (1200_u16, 800_u16);
    let rows = 0..u32::from(height);
    let pixels: Vec<u8> = rows
        .flat_map(|y| (0..u32::from(width)).flat_map(move |x| [x / 5, y / 4, (x + y) / 9]))
        .map(|value| value as u8)
        .collect();
    let limits = Limits { max_pixels: 20_000, ..Limits::default() };
    for is_progressive in [false, true] {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 85);
        encoder.set_progressive(is_progressive);
        encoder.encode(&pixels, width, height, ColorType::Rgb).expect("it is in memory");
        let header = probe(Cursor::new(&file), &limits).expect("an eighth is within the limits");
        assert_eq!((header.width, header.height), (1200, 800));
        let full = Limits::default();
        let draw = |spec, limits| grid(&file, spec, limits).expect("a picture");
        assert_eq!(draw("width=30", &limits), draw("width=30", &full));
        // blurred, but drawn
        assert_eq!(draw("width=200", &limits).columns(), 200);
        // too few pixels for an eighth
        let less = Limits { max_pixels: 14_000, ..Limits::default() };
        assert!(matches!(grid(&file, "width=30", &less), Err(Error::OverLimit { .. })));
    }
    let picture = image::RgbImage::from_raw(1200, 800, pixels).expect("as many bytes as pixels");
    let file = png(&picture.into());
    assert!(matches!(probe(Cursor::new(&file), &limits), Err(Error::OverLimit { .. })));
}
