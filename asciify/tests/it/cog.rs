//! Cloud-optimised GeoTIFF: only the necessary part of a large file is read.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use asciify::{Limits, Spec, probe, render, write};
use testkit::cogs::{TILE, directory, tiles};

const SIDE: u32 = 14_336;

/// Counts the bytes that are read through it.
struct Counted<'a> {
    file: File,
    bytes: &'a Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buf)?;
        self.bytes.set(self.bytes.get() + read as u64);
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// A cloud-optimised TIFF of more than 200 MB: IFDs first, then the tiles of the smallest overview,
/// and so on. Overviews get brighter to the right; the full picture is black, a hole in the file.
fn cog() -> File {
    let sides: Vec<u32> = (0..6).map(|halved| SIDE >> halved).collect();
    let data = |level: usize| {
        let smaller = sides[level + 1..].iter().map(|side| tiles(*side));
        (1 << 16) + smaller.sum::<u32>() * TILE * TILE
    };
    let mut file = tempfile::tempfile().expect("a folder for temporary files");
    let mut head = b"II\x2a\0\x08\0\0\0".to_vec();
    for (level, side) in sides.iter().enumerate() {
        let is_last = level + 1 == sides.len();
        head.extend(directory((*side, 8), level > 0, head.len() as u32, data(level), is_last));
    }
    assert!(head.len() < 1 << 16);
    file.write_all(&head).expect("room for a file");
    let places = sides.iter().enumerate().skip(1);
    for (level, side) in places {
        file.seek(SeekFrom::Start(data(level).into())).expect("a place in a file");
        let across = side.div_ceil(TILE);
        for tile in 0..tiles(*side) {
            let value = |x: u32| ((tile % across * TILE + x) * 255 / side) as u8;
            let row: Vec<u8> = (0..TILE).map(value).collect();
            (0..TILE).for_each(|_| file.write_all(&row).expect("room for a file"));
        }
    }
    file.set_len(u64::from(data(0)) + u64::from(tiles(SIDE) * TILE * TILE))
        .expect("room for a file");
    file
}

#[test]
fn only_the_smallest_sufficient_overview_of_a_large_file_is_read() {
    let file = cog();
    assert!(file.metadata().expect("a file").len() > 200_000_000);
    let limits = Limits { max_pixels: 1 << 30, ..Limits::default() };
    let bytes = Cell::new(0);
    let open = || {
        let file = file.try_clone().expect("a file");
        BufReader::new(Counted { file, bytes: &bytes })
    };
    let header = probe(open(), &limits).expect("a valid file");
    assert_eq!((header.width, header.frames, header.bands), (SIDE, 1, 1));
    assert!(bytes.get() < 100_000, "{} bytes for the header", bytes.get());

    let spec: Spec = "width=80&match=ramp&tone=natural".parse().expect("a valid spec");
    bytes.set(0);
    let grids = render(open(), &[spec], &limits).expect("a valid file");
    assert!(bytes.get() < 2_000_000, "{} bytes", bytes.get());
    let text = write::txt(&grids[0]);
    assert_eq!(text.lines().count(), 40);
    assert!(text.lines().all(|row| row.starts_with("  ") && row.ends_with("@@")), "{text}");

    // a larger grid needs a larger overview
    let large: Spec = "width=200&match=ramp&tone=natural".parse().expect("a valid spec");
    bytes.set(0);
    render(open(), &[large], &limits).expect("a valid file");
    assert!((500_000..4_000_000).contains(&bytes.get()), "{} bytes", bytes.get());
}

#[test]
fn only_the_tiles_of_a_region_are_read_and_limits_are_about_those() {
    let file = cog();
    let bytes = Cell::new(0);
    let open = || {
        let file = file.try_clone().expect("a file");
        BufReader::new(Counted { file, bytes: &bytes })
    };
    // as a whole, it has more pixels than these allow
    let limits = Limits::default();
    let draw = |spec: &str| {
        let spec: Spec = format!("match=ramp&tone=natural&{spec}").parse().expect("a spec");
        bytes.set(0);
        render(open(), &[spec], &limits).map(|grids| write::txt(&grids[0]))
    };
    // the full picture, which is black, has the resolution for it
    let text = draw("width=80&region=7000,9000,320,320").expect("a valid file");
    assert_eq!(text.trim(), "");
    assert!(bytes.get() < 5 * u64::from(TILE * TILE), "{} bytes", bytes.get());
    // an overview suffices: of it, the tiles on the right
    let text = draw("width=80&region=10752,0,3584,3584").expect("a valid file");
    assert!(text.lines().all(|row| row.ends_with("@@") && !row.starts_with(' ')), "{text}");
    assert!(bytes.get() < 2_000_000, "{} bytes", bytes.get());
    // where so much of the full picture would exceed the limits, a lower resolution is drawn
    let text = draw("width=1000&height=500&region=0,0,14336,14000").expect("a valid file");
    assert!(text.lines().all(|row| row.ends_with('@')));
}
