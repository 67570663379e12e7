//! JPEGs are read from their beginning by small pieces, and no further than necessary.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use asciify::{Error, Limits, Spec, probe, probe_header, render};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use testkit::mutator::with_mutations;
use testkit::samples::{bytes, rare_jpegs};

const SIDES: (u16, u16) = (120, 88);
/// An eighth of the size suffices for the first one.
const SPECS: [&str; 3] = [
    "width=3&match=ramp&tone=natural&color=full",
    "width=30&match=ramp&tone=natural&color=full",
    "width=30&match=ramp&tone=natural&color=full&region=70,40,30,20",
];

/// A picture of texture.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let texture = |x: u32, y: u32| [x * 2 + y, x * y / 9, (x ^ y) * 3].map(|it| it as u8);
    (0..height.into()).flat_map(|y| (0..width.into()).flat_map(move |x| texture(x, y))).collect()
}

fn jpeg((width, height): (u16, u16), set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 85);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    set(&mut encoder);
    encoder.encode(&pixels(width, height), width, height, ColorType::Rgb).expect("it is small");
    file
}

/// What a file is drawn as, or why not, when it is read by pieces of so many bytes.
fn drawn(file: &[u8], piece: usize, spec: &str) -> Result<String, String> {
    let spec: Spec = spec.parse().expect("a spec");
    let file = BufReader::with_capacity(piece, Cursor::new(file));
    let grids = render(file, &[spec], &Limits::default()).map_err(|err: Error| err.to_string())?;
    Ok(grids[0].lines().map(|row| format!("{row:?}\n")).collect())
}

/// Whether a file is whole, when it is read by pieces of so many bytes.
fn is_whole(file: &[u8], piece: usize) -> Result<bool, String> {
    let file = BufReader::with_capacity(piece, Cursor::new(file));
    probe(file, &Limits::default()).map(|it| it.is_whole).map_err(|err| err.to_string())
}

#[test]
fn damaged_files_are_drawn_the_same_by_pieces_of_any_size() {
    let seeds = [
        ("baseline", jpeg(SIDES, |_| {})),
        ("baseline, 4:4:4", jpeg(SIDES, |it| it.set_sampling_factor(SamplingFactor::F_1_1))),
        ("restarts", jpeg(SIDES, |it| it.set_restart_interval(3))),
        ("progressive", jpeg(SIDES, |it| it.set_progressive(true))),
        (
            "progressive, restarts",
            jpeg(SIDES, |it| {
                it.set_progressive(true);
                it.set_restart_interval(5);
            }),
        ),
        ("arithmetic", bytes(rare_jpegs::ARITHMETIC)),
        ("arithmetic, progressive", bytes(rare_jpegs::ARITHMETIC_PROGRESSIVE)),
        ("lossless", bytes(rare_jpegs::LOSSLESS)),
    ];
    let seeds: Vec<_> = seeds.into_iter().map(|(name, file)| (name.to_owned(), file)).collect();
    let (mut complete, mut refused) = (0, 0);
    with_mutations(seeds, 250, |file| {
        for spec in SPECS {
            let whole = drawn(file, file.len().max(1), spec);
            for piece in [1, 7, 64] {
                assert_eq!(drawn(file, piece, spec), whole, "{piece}, {spec}");
            }
            *if whole.is_ok() { &mut complete } else { &mut refused } += 1;
        }
        let whole = is_whole(file, file.len().max(1));
        for piece in [1, 7, 64] {
            assert_eq!(is_whole(file, piece), whole, "{piece}");
        }
    });
    assert!(complete > 2000 && refused > 300, "{complete} drawn, {refused} refused");
}

/// Counts the bytes that are read through it.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    bytes: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        self.bytes.set(self.bytes.get() + read);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The part of a file that is read for a text, besides its headers.
fn part_read(file: &[u8], spec: &str) -> f64 {
    let read = |spec: Option<&str>| {
        let bytes = Cell::new(0);
        let counted = Counted { file: Cursor::new(file), bytes: &bytes };
        let counted = BufReader::with_capacity(1 << 12, counted);
        match spec {
            None => drop(probe_header(counted, &Limits::default()).expect("a header")),
            Some(spec) => {
                let spec: Spec = spec.parse().expect("a spec");
                drop(render(counted, &[spec], &Limits::default()).expect("a picture"));
            }
        }
        bytes.get()
    };
    (read(Some(spec)) - read(None)) as f64 / file.len() as f64
}

#[test]
fn no_more_of_a_file_is_read_than_necessary() {
    let sides = (1600, 1200);
    let (baseline, progressive) =
        (jpeg(sides, |_| {}), jpeg(sides, |encoder| encoder.set_progressive(true)));
    assert!(baseline.len() > 400_000);
    // once, also at full size
    for spec in ["width=40", "width=300", "width=40&region=1400,1000,40,40"] {
        let part = part_read(&baseline, spec);
        assert!((0.8..1.2).contains(&part), "{spec}: {part}");
    }
    let part = part_read(&progressive, "width=300");
    assert!((0.8..1.2).contains(&part), "{part}");
    let part = part_read(&baseline, "width=40&region=0,0,100,100&stretch=none");
    assert!(part < 0.2, "{part}");
    // the first scans have what an eighth of the size needs
    let part = part_read(&progressive, "width=40");
    assert!(part < 0.4, "{part}");
}
