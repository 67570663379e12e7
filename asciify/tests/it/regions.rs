//! Regions: a part of a picture is drawn as the whole picture has it, and no more is decoded than it
//! needs.

use std::cell::Cell;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};

use asciify::{Error, Grid, Limits, ReadSeek, Spec, probe, render};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, Luma, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use testkit::cpu;
use testkit::heifs::{coded, tiled};
use testkit::instruments::{fits, vicar};
use testkit::pictures::{app1, drawn, encoded, lopsided, named, png, text};
use testkit::samples::foreign;
use testkit::seeds;
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::Gray16;

/// Each cell depends only on its own samples.
const CELLS: &str = "fit=stretch&match=ramp&tone=natural&alpha=dark&color=full";

/// The largest divisor of `side` up to `max`.
fn divisor(side: u32, max: u32) -> u32 {
    (1..=max).rfind(|it| side.is_multiple_of(*it)).expect("1 divides")
}

/// The cells of a grid in the columns and rows from the first to the second.
fn cells(grid: &Grid, (x0, x1): (u32, u32), (y0, y1): (u32, u32)) -> Vec<asciify::Cell> {
    let rows = grid.lines().skip(y0 as usize).take((y1 - y0) as usize);
    rows.flat_map(|row| row[x0 as usize..x1 as usize].to_vec()).collect()
}

#[test]
fn a_region_of_every_format_is_drawn_as_that_part_of_the_whole() {
    let mut compared = 0;
    for (name, file) in seeds::files() {
        let header = probe(Cursor::new(&file), &Limits::default()).expect(&name);
        let (width, height) = (header.width, header.height);
        // few samples, which a lower resolution may have, and more than there are pixels
        for most in [4, 60] {
            let (columns, rows) = (divisor(width, most), divisor(height, most));
            let frame = header.frames - 1;
            let spec =
                |columns, rows| format!("width={columns}&height={rows}&{CELLS}&frame={frame}");
            let whole = drawn(&file, &spec(columns, rows)).expect(&name);
            let middle = |cells: u32| (cells / 3, cells - cells / 4);
            for ((x0, x1), (y0, y1)) in [
                (middle(columns), middle(rows)),
                ((0, columns.div_ceil(2)), (rows / 2, rows)),
                ((columns / 2, columns), (0, rows.div_ceil(2))),
            ] {
                let (across, down) = (width / columns, height / rows);
                let [x, y] = [x0 * across, y0 * down];
                let [w, h] = [(x1 - x0) * across, (y1 - y0) * down];
                let spec = format!("{}&region={x},{y},{w},{h}", spec(x1 - x0, y1 - y0));
                let part = drawn(&file, &spec).expect(&name);
                let wanted = cells(&whole, (x0, x1), (y0, y1));
                assert_eq!(cells(&part, (0, x1 - x0), (0, y1 - y0)), wanted, "{name} with {spec}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared} regions");
}

#[test]
fn a_region_is_drawn_as_a_file_of_its_pixels() {
    let picture = lopsided();
    for format in ["PNG", "BMP", "TIFF", "QOI", "PNM", "ICO", "WebP"].map(named) {
        let file = encoded(&picture, format);
        for (x, y, width, height) in
            [(0, 0, 48, 32), (7, 5, 20, 13), (31, 0, 17, 32), (47, 31, 1, 1)]
        {
            let crop = encoded(&picture.crop_imm(x, y, width, height), format);
            for spec in
                ["width=30", "width=9&height=9&fit=cover", "width=20&color=full&symbols=half"]
            {
                let region = format!("{spec}&region={x},{y},{width},{height}");
                assert_eq!(text(&file, &region), text(&crop, spec), "{format} with {region}");
            }
        }
    }
}

#[test]
fn regions_are_parts_of_the_upright_picture() {
    let stored = encoded(&lopsided(), named("JPEG"));
    let decoded = image::load_from_memory(&stored).expect("the library reads what it wrote");
    for value in 1..=8 {
        let tagged = [&stored[..2], &app1(value), &stored[2..]].concat();
        let mut upright = decoded.clone();
        upright.apply_orientation(Orientation::from_exif(value).expect("1 to 8"));
        let crop = png(&upright.crop_imm(3, 9, 21, 14));
        for spec in ["width=30", "width=8&height=12&fit=cover"] {
            let region = format!("{spec}&region=3,9,21,14");
            assert_eq!(text(&tagged, &region), text(&crop, spec), "orientation {value}, {spec}");
        }
    }
}

#[test]
fn every_form_names_the_same_pixels() {
    let picture = lopsided();
    let file = png(&picture);
    let draw = |spec: &str| text(&file, &format!("{spec}width=20"));
    let crop = |x, y, width, height| text(&png(&picture.crop_imm(x, y, width, height)), "width=20");
    assert_eq!(draw("region=full&"), draw(""));
    assert_eq!(draw("region=0,0,48,32&"), draw(""));
    assert_eq!(draw("region=square&"), crop(8, 0, 32, 32));
    assert_eq!(draw("region=pct:25,50,50,25&"), crop(12, 16, 24, 8));
    // what overhangs is cut
    assert_eq!(draw("region=40,20,1000,1000&"), crop(40, 20, 8, 12));
    assert_eq!(draw("region=pct:75,75,75,75&"), crop(36, 24, 12, 8));
}

#[test]
fn a_region_outside_is_refused_with_the_size_of_the_image() {
    let file = png(&lopsided());
    for region in ["48,0,1,1", "0,32,1,1", "4294967295,4294967295,4294967295,4294967295"] {
        let refused = drawn(&file, &format!("region={region}"));
        let Err(err @ Error::Missing { .. }) = refused else { panic!("{region} is outside") };
        assert_eq!(err.to_string(), "region must be within the image, which has 48 × 32 pixels");
    }
}

#[test]
fn a_region_is_stretched_as_the_whole_picture() {
    // bright values left, dark ones right
    let (width, height) = (64, 48);
    let value = |x: u32, y: u32| if x < 32 { 40_000 + 100 * y as u16 } else { 100 * y as u16 };
    let values: Vec<u16> = (0..height).flat_map(|y| (0..width).map(move |x| value(x, y))).collect();
    let mut tiff = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut tiff).expect("it is in memory");
    encoder.write_image::<Gray16>(width, height, &values).expect("it is in memory");
    let tiff = tiff.into_inner();
    let big_endian: Vec<u8> = values.iter().flat_map(|it| (*it as i16).to_be_bytes()).collect();
    let fits = fits(16, &[width, height], &[], &big_endian);
    for (name, file) in [("TIFF", tiff), ("FITS", fits)] {
        let right = format!("width=8&height=12&{CELLS}&region=32,0,32,48");
        let whole = drawn(&file, &format!("width=16&height=12&{CELLS}")).expect(name);
        let part = drawn(&file, &right).expect(name);
        assert_eq!(cells(&part, (0, 8), (0, 12)), cells(&whole, (8, 16), (0, 12)), "{name}");
    }
    // a dark picture with one bright corner is not stretched, wherever it is looked at
    let dark =
        GrayImage::from_fn(64, 48, |x, y| Luma([if x + y > 105 { 255 } else { x as u8 / 4 }]));
    for format in ["PNG", "TIFF", "BMP"].map(named) {
        let file = encoded(&dark.clone().into(), format);
        let draw = |more: &str| text(&file, &format!("width=16&{CELLS}&region=0,0,32,32{more}"));
        assert_eq!(draw(""), draw("&stretch=none"), "{format}");
    }
}

/// Counts the bytes that are read through it.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    bytes: &'a Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buf)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

/// The bytes that are read to draw `spec`, beyond those that are read to probe the file.
fn bytes_read(file: &[u8], spec: &str) -> u64 {
    let bytes = Cell::new(0);
    let open = || -> Box<dyn ReadSeek + '_> {
        Box::new(BufReader::with_capacity(512, Counted { file: Cursor::new(file), bytes: &bytes }))
    };
    let spec: Spec = spec.parse().expect("a spec");
    probe(open(), &Limits::default()).expect("an image");
    let probed = bytes.replace(0);
    render(open(), &[spec], &Limits::default()).expect("an image");
    bytes.get().saturating_sub(probed)
}

#[test]
fn only_the_rows_of_a_region_are_read() {
    let noise = |x: u32, y: u32| (x * x * 31 + y * y * 17 + x * y * 13) as u8;
    let picture = RgbImage::from_fn(600, 400, |x, y| {
        image::Rgb([noise(x, y), noise(y, x), noise(x + 7, y + 3)])
    });
    let picture = DynamicImage::from(picture);
    let values: Vec<u8> = (0..400).flat_map(|y| (0..600).map(move |x| noise(x, y))).collect();
    let instruments = [
        ("FITS", fits(8, &[600, 400], &[], &values)),
        ("VICAR", vicar("FORMAT='BYTE' NL=400 NS=600", &values)),
    ];
    // up to the region's last row
    let by_rows = ["PNG", "QOI", "PNM"].map(|it| (it, encoded(&picture, named(it))));
    for (name, file) in by_rows.iter().chain(&instruments) {
        let length = file.len() as u64;
        let read = bytes_read(file, "width=40&region=0,0,200,40");
        // FITS has its lowest row first
        let read =
            if *name == "FITS" { bytes_read(file, "width=40&region=0,360,200,40") } else { read };
        assert!(read < length / 4, "{name}: {read} of {length} bytes");
    }
    // rows that can be sought are read alone
    let sought = [("TIFF", encoded(&picture, named("TIFF")))];
    for (name, file) in sought.iter().chain(&instruments) {
        let length = file.len() as u64;
        let read = bytes_read(file, "width=40&stretch=none&region=300,180,300,40");
        assert!(read < length / 4, "{name}: {read} of {length} bytes");
    }
}

/// A picture of 2000 × 1600 px with detail everywhere.
fn large_jpeg(set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let noise = |x: u32, y: u32| (x * x * 31 + y * y * 17 + x * y * 13) as u8;
    let pixels: Vec<u8> = (0..1600)
        .flat_map(|y| (0..2000).flat_map(move |x| [noise(x, y), (x / 8) as u8, (y / 8) as u8]))
        .collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 80);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    set(&mut encoder);
    encoder.encode(&pixels, 2000, 1600, ColorType::Rgb).expect("it is in memory");
    file
}

#[test]
fn a_region_of_a_large_jpeg_is_drawn_as_that_part_of_the_whole() {
    for (progressive, restart) in [(false, 0), (false, 7), (true, 0)] {
        let file = large_jpeg(|encoder| {
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restart);
        });
        for more in ["", "&stretch=none"] {
            let draw = |spec: &str| drawn(&file, &format!("{CELLS}{more}&{spec}")).expect("a JPEG");
            let whole = draw("width=500&height=200");
            for (first, rows) in [(0, 10), (90, 25), (150, 50)] {
                let part = draw(&format!(
                    "width=500&height={rows}&region=0,{},2000,{}",
                    first * 8,
                    rows * 8
                ));
                let wanted = cells(&whole, (0, 500), (first, first + rows));
                let is_equal = cells(&part, (0, 500), (0, rows)) == wanted;
                assert!(is_equal, "{progressive}, {restart}, rows from {first}{more}");
            }
        }
    }
}

#[test]
fn a_region_takes_a_part_of_the_work() {
    let grid = tiled(b"heic", &coded(&foreign("libheif-tile.heic")), 40, 40);
    let files = [
        ("JPEG", large_jpeg(|_| {}), vec!["pct:0,0,100,10"]),
        // tiles in the middle only
        ("HEIC", grid, vec!["pct:0,0,100,10", "pct:45,45,10,10"]),
    ];
    for (name, file, regions) in files {
        let draw = |region: &str| {
            let spec = format!("width=200&match=ramp&stretch=none&region={region}");
            cpu::of(|| drawn(&file, &spec).expect(name)).1
        };
        let whole = draw("full");
        for region in regions {
            let part = draw(region);
            assert!(part * 2 < whole, "{name}, {region}: {part:?} of {whole:?}");
        }
    }
}
