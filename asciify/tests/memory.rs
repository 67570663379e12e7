//! Memory that drawing and writing take, measured by the allocator. In a program of its own, since other tests
//! would be measured as well.

use std::fmt::Write;
use std::io::{self, Cursor};

use asciify::write::Output;
use asciify::{Background, Grid, Limits, Spec, formats, probe, render};
use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use peak_alloc::PeakAlloc;
use testkit::heifs::{Item, boxed, coded, full, heif, tiled};
use testkit::instruments::{fits, vicar};
use testkit::jp2s::Claim;
use testkit::pictures;
use testkit::samples::foreign;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const SIDES: (u16, u16) = (2400, 1600);
const MIB: usize = 1 << 20;

/// Peak memory in bytes while a file is drawn; `None` if it is refused.
fn peak(file: &[u8], specs: &[&str], limits: &Limits) -> Option<usize> {
    let specs: Vec<Spec> = specs.iter().map(|spec| spec.parse().expect("a spec")).collect();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let grids = render(Cursor::new(file), &specs, limits);
    let taken = MEMORY.peak_usage() - before;
    grids.is_ok().then_some(taken)
}

const SPECS: [&str; 2] = ["width=60", "width=60&color=full&symbols=quad&color_on=both"];

fn picture() -> RgbImage {
    RgbImage::from_fn(SIDES.0.into(), SIDES.1.into(), |x, y| {
        image::Rgb([(x / 10) as u8, (y / 8) as u8, (x ^ y) as u8])
    })
}

/// The samples of a picture that no coding makes smaller.
fn noise() -> Vec<u8> {
    let mut random = 1_u32;
    let samples = 3 * usize::from(SIDES.0) * usize::from(SIDES.1);
    let noise = std::iter::repeat_with(|| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    });
    noise.take(samples).collect()
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("it is in memory");
    file.into_inner()
}

// One test, since tests that run at the same time would be measured, too.
#[test]
fn memory_is_within_its_bounds() {
    what_is_streamed_does_not_grow_with_the_picture();
    no_format_takes_more_than_its_header_says();
    heif_files_take_what_their_header_says();
    jpeg_2000_takes_what_its_header_says();
    files_that_claim_much_take_little();
    writing_takes_no_more_than_it_says();
}

fn what_is_streamed_does_not_grow_with_the_picture() {
    let picture = picture();
    assert!(picture.as_raw().len() > 10 * MIB);
    for progressive in [false, true] {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 100);
        encoder.set_progressive(progressive);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.encode(&noise(), SIDES.0, SIDES.1, ColorType::Rgb).expect("it is in memory");
        assert!(jpeg.len() > 4 * MIB, "{} bytes", jpeg.len());
        let taken = peak(&jpeg, &SPECS, &Limits::default()).expect("a picture");
        assert!(taken < 2 * MIB, "progressive: {progressive}, {taken} bytes");
        // so many columns that every pixel is needed
        let header = probe(Cursor::new(&jpeg), &Limits::default()).expect("a valid file");
        let most = header.decoded_bytes as usize;
        assert_eq!(most > 4 * MIB, progressive, "{most} bytes promised");
        let of = |spec: &str| {
            let spec = format!("{spec}&fit=stretch&match=ramp");
            peak(&jpeg, &[&spec], &Limits::default()).expect("a picture")
        };
        let whole = of("width=900&height=10");
        assert!(whole < most + 2 * MIB, "progressive: {progressive}, {whole} of {most} bytes");
        // of a region, a ninth of the blocks is held
        let region = of("width=900&height=10&region=1000,600,900,500&stretch=none");
        assert!(region < whole / 3 + 2 * MIB, "{region} of a region, {whole} of the whole");
    }
    let picture = DynamicImage::from(picture);
    // 16 bits of a TIFF are stretched
    for (format, picture) in [
        (ImageFormat::Png, picture.clone()),
        (ImageFormat::Tiff, picture.clone()),
        (ImageFormat::Tiff, picture.to_rgb16().into()),
    ] {
        let file = encoded(&picture, format);
        let taken = peak(&file, &SPECS, &Limits::default()).expect("a picture");
        assert!(taken < 4 * MIB, "{format:?}: {taken} bytes");
    }
    // numbers that are stretched, also of several bands and from the lowest row
    let (width, height) = (u32::from(SIDES.0), u32::from(SIDES.1));
    let numbers: Vec<u8> = (0..width * height).flat_map(|it| (it as f32).to_be_bytes()).collect();
    let sides = format!("NL={} NS={width} NB=3 ORG='BIL' INTFMT='LOW'", height / 3);
    for (file, name) in [
        (fits(-32, &[width, height], &[], &numbers), "FITS"),
        (vicar(&format!("FORMAT='FULL' {sides}"), &numbers), "VICAR"),
    ] {
        let taken = peak(&file, &SPECS, &Limits::default()).expect("a picture");
        assert!(taken < 4 * MIB, "{name}: {taken} bytes");
    }
}

fn no_format_takes_more_than_its_header_says() {
    // some encoders are slow
    let picture = DynamicImage::from(picture()).crop_imm(0, 0, 900, 600);
    for format in formats() {
        if ["HEIC", "AVIF", "JPEG XL", "JPEG 2000"].contains(&format.name()) {
            continue; // no encoder: they have tests of their own, or processes with a limit
        }
        let library = ImageFormat::from_extension(format.extension());
        let picture = match format.name() {
            "ICO" => picture.thumbnail(256, 256).to_rgba8().into(),
            "GIF" | "WebP" => picture.to_rgba8().into(),
            _ => picture.clone(),
        };
        let file = match library {
            Some(library) => encoded(&picture, library),
            None => pictures::encoded(&picture, format),
        };
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        // so many columns that every pixel is needed
        let specs = ["width=1000&height=10&fit=stretch&match=ramp"];
        let spec: Spec = specs[0].parse().expect("a spec");
        let most = header.decoded_bytes + spec.working_bytes(header.width, header.height);
        let taken = peak(&file, &specs, &Limits::default()).expect("a picture");
        assert!(taken < most as usize + 2 * MIB, "{format}: {taken} bytes, {most} promised");
        let region = "width=1000&height=10&fit=stretch&match=ramp&region=square";
        let of_region = peak(&file, &[region], &Limits::default()).expect("a picture");
        let most = most - header.decoded_bytes + header.region_bytes;
        assert!(of_region < most as usize + 2 * MIB, "{format}: {of_region} bytes of a region");

        let less = Limits { max_decoded_bytes: header.decoded_bytes - 1, ..Limits::default() };
        match (format.name(), peak(&file, &specs, &less)) {
            // at an eighth of its size
            ("JPEG" | "camera raw", Some(less)) => {
                assert!(less < taken, "{less} bytes at an eighth, {taken} before")
            }
            (_, taken) => assert_eq!(taken, None, "{format}"),
        }
    }
}

fn heif_files_take_what_their_header_says() {
    let tile = coded(&foreign("libheif-tile.heic"));
    for (rows, columns) in [(1, 1), (16, 16), (1, 100), (100, 1)] {
        let file = tiled(b"heic", &tile, rows, columns);
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        let spec: Spec = "width=60".parse().expect("a spec");
        let most = header.decoded_bytes + spec.working_bytes(header.width, header.height);
        let taken = peak(&file, &["width=60"], &Limits::default()).expect("a picture");
        assert!(taken < most as usize, "{rows} × {columns}: {taken} of {most}");
    }
    // a column of tiles takes little more than one tile
    let of = |rows| peak(&tiled(b"heic", &tile, rows, 1), &["width=60"], &Limits::default());
    assert!(of(200).expect("a picture") < of(2).expect("a picture") + 4 * MIB);
}

fn jpeg_2000_takes_what_its_header_says() {
    // the largest grids need the highest resolution
    const SPECS: [&str; 3] = [
        "width=60",
        "width=1000&height=10&fit=stretch&match=ramp",
        "width=300&region=700,700,1200,900",
    ];
    let claim = Claim { sides: (3_000, 3_000), tile_sides: (3_000, 3_000), ..Claim::default() };
    let files = [
        ("one tile", claim.clone()),
        ("tiles", Claim { tile_sides: (256, 256), ..claim.clone() }),
        ("components", Claim { components: 16, ..claim.clone() }),
        ("many code-blocks", Claim { code_block: 3, ..claim.clone() }),
        ("many layers", Claim { code_block: 4, layers: 32, ..claim.clone() }),
        ("many precincts", Claim { precinct: 4, ..claim.clone() }),
        ("strips", Claim { tile_sides: (3_000, 8), ..claim }),
    ];
    for (what, mut claim) in files {
        let tiles = 3_000_usize.div_ceil(claim.tile_sides.0 as usize)
            * 3_000_usize.div_ceil(claim.tile_sides.1 as usize);
        claim.data = vec![0; 200_000 / tiles];
        let file = claim.codestream();
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        for text in SPECS {
            let spec: Spec = text.parse().expect("a spec");
            let working = spec.working_bytes(header.width, header.height);
            let most = header.decoded_bytes_for(&spec) + working;
            let taken = peak(&file, &[text], &Limits::default()).expect("a picture");
            println!("JPEG 2000, {what}, {text}: {} of {} KiB", taken >> 10, most >> 10);
            assert!(taken < most as usize + 2 * MIB, "{what}, {text}: {taken} of {most}");
        }
    }
    // the file is not held, and what is decoded for few columns does not grow with the picture
    for side in [4_000, 10_000] {
        let data = vec![0; 200_000];
        let claim =
            Claim { sides: (side, side), tile_sides: (1_000, 1_000), data, ..Claim::default() };
        let taken =
            peak(&claim.codestream(), &["width=80"], &Limits::default()).expect("a picture");
        assert!(taken < 8 * MIB, "{side}: {taken} bytes");
    }
}

/// Decompression bombs: a few bytes that claim, or contain, a picture of 100 million pixels.
fn files_that_claim_much_take_little() {
    const SIDE: u16 = 10_000;
    let side = u32::from(SIDE);
    let limits = Limits::default();

    // all black, which deflate compresses best
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().expect("it is in memory");
    writer.write_image_data(&vec![0; side as usize * side as usize]).expect("it is in memory");
    writer.finish().expect("it is in memory");
    assert!(png.len() < MIB);
    let taken = peak(&png, &["width=80"], &limits).expect("a picture");
    assert!(taken < 4 * MIB, "PNG: {taken} bytes");

    // a JPEG whose header claims more pixels than it has
    let mut jpeg = Vec::new();
    let encoder = Encoder::new(&mut jpeg, 80);
    encoder.encode(&[9; 16 * 16 * 3], 16, 16, ColorType::Rgb).expect("it is small");
    let frame = jpeg.windows(2).position(|it| it == [0xff, 0xc0]).expect("a frame header");
    jpeg[frame + 5..frame + 9].copy_from_slice([SIDE; 2].map(u16::to_be_bytes).as_flattened());
    // the second spec needs more than one value per block, which such a file cannot have
    for spec in ["width=80", "width=400&height=9&fit=stretch"] {
        let taken = peak(&jpeg, &[spec], &limits).expect("a grey picture");
        assert!(taken < 3 * (side as usize / 8).pow(2) + 4 * MIB, "JPEG, {spec}: {taken} bytes");
    }

    // a GIF and a QOI that are too short for the size that they claim
    let small = DynamicImage::from(RgbImage::new(16, 16));
    let mut gif = encoded(&small.to_rgba8().into(), ImageFormat::Gif);
    gif[6..10].copy_from_slice([SIDE; 2].map(u16::to_le_bytes).as_flattened());
    let mut qoi = encoded(&small, ImageFormat::Qoi);
    qoi[4..12].copy_from_slice([side; 2].map(u32::to_be_bytes).as_flattened());
    for (file, format) in [(gif, "GIF"), (qoi, "QOI")] {
        let err = probe(Cursor::new(&file), &limits).expect_err("a false size");
        assert!(err.to_string().contains("more pixels than its length can hold"), "{err}");
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        assert!(render(Cursor::new(&file), &[Spec::default()], &limits).is_err());
        assert!(MEMORY.peak_usage() - before < MIB, "{format}");
    }

    // a HEIC of many items, properties or extents, as far as their numbers go
    let empty = |properties: Vec<Vec<u8>>| Item { kind: *b"hvc1", data: Vec::new(), properties };
    let properties = vec![boxed(b"free", &[]); 250];
    let extents = full(b"iloc", 0, &[0, 0, 0xff, 0xff].repeat(200_000));
    let extents = [boxed(b"ftyp", b"heic\0\0\0\0"), full(b"meta", 0, &extents)].concat();
    for (what, file) in [
        ("items", heif(b"heic", &vec![empty(Vec::new()); 20_000], &[])),
        ("properties", heif(b"heic", &vec![empty(properties); 130], &[])),
        ("extents", extents),
    ] {
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        probe(Cursor::new(&file), &limits).expect_err("no picture");
        let taken = MEMORY.peak_usage() - before;
        assert!(taken < 24 * MIB, "HEIC of many {what}: {taken} bytes");
    }

    // JPEG 2000 of many code-blocks, precincts, components, or a large tile
    for (what, claim) in [
        ("code-blocks", Claim { code_block: 2, ..Claim::default() }),
        ("precincts", Claim { precinct: 1, ..Claim::default() }),
        ("components", Claim { sides: (5_000, 5_000), components: 250, ..Claim::default() }),
        ("pixels", Claim { levels: 0, ..Claim::default() }),
        ("tiles", Claim { tile_sides: (8, 8), ..Claim::default() }),
    ] {
        let file = claim.codestream();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        probe(Cursor::new(&file), &limits).expect_err("too much");
        let taken = MEMORY.peak_usage() - before;
        assert!(taken < MIB, "JPEG 2000 of many {what}: {taken} bytes");
    }
    let large = Claim { data: vec![0; 1_000], ..Claim::default() }.codestream();
    let taken = peak(&large, &["width=80"], &limits).expect("a picture");
    assert!(taken < 64 * MIB, "JPEG 2000 of one tile: {taken} bytes");

    // a TIFF without the strip that it claims
    let mut tiff = b"II\x2a\0\x08\0\0\0\x09\0".to_vec();
    let tags = [(256, side), (257, side), (258, 8), (259, 1), (262, 1), (273, 0), (277, 1)];
    for (tag, value) in tags.into_iter().chain([(278, side), (279, 0)]) {
        tiff.extend((tag as u16).to_le_bytes());
        tiff.extend([4, 0, 1, 0, 0, 0]);
        tiff.extend(value.to_le_bytes());
    }
    tiff.extend([0; 4]);
    let taken = peak(&tiff, &["width=80"], &limits).expect("a picture");
    assert!(taken < 2 * MIB, "TIFF: {taken} bytes");
}

fn writing_takes_no_more_than_it_says() {
    // tables of the symbols are made at their first use
    let grid: Grid = coloured_text(4, 1).parse().expect("one row");
    Output::ALL.iter().for_each(|output| drop(output.to_vec(&grid, Background::Dark, "")));
    for (columns, rows) in [(100, 40), (1000, 20), (300, 400), (1000, 1000)] {
        let text = coloured_text(columns, rows);
        let before = MEMORY.current_usage();
        let grid: Grid = text.parse().expect("rows of equal length");
        let kept = MEMORY.current_usage() - before;
        assert_eq!(Grid::cells_of(&text), Some(columns * rows));
        assert_eq!(kept, size_of_val(grid.lines().next().expect("a row")) * rows);
        for output in Output::ALL {
            let is_small = columns * rows <= 120_000;
            if *output == Output::Png && !is_small {
                continue;
            }
            let before = MEMORY.current_usage();
            MEMORY.reset_peak_usage();
            let written = output.write(&grid, Background::Dark, "title", &mut io::sink());
            written.expect("a sink accepts all");
            let taken = MEMORY.peak_usage() - before;
            let most = output.working_bytes(&grid);
            assert!(taken <= most, "{output}, {columns} x {rows}: {taken} bytes of {most}");
            if *output != Output::Html {
                assert!(taken < 3 * MIB, "{output}, {columns} x {rows}: {taken} bytes");
            }
        }
    }
}

/// Text of braille symbols and letters, each in two colours of its own.
fn coloured_text(columns: usize, rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        for column in 0..columns {
            let [.., r, g, b] = ((row * columns + column) as u32).wrapping_mul(7919).to_be_bytes();
            let symbol = ['⣿', '&', '⠿', 'M'][(row + column) % 4];
            write!(text, "\u{1b}[38;2;{r};{g};{b};48;2;{b};{r};{g}m{symbol}")
                .expect("writing to a String cannot fail");
        }
        text.push_str("\u{1b}[m\n");
    }
    text
}
