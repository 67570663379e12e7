//! A file that is drawn again and again.

use std::cell::Cell;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};

use asciify::{KeptStatistics, Limits, render_keeping, write};
use testkit::cogs::without_overviews;
use testkit::pictures::text;

/// A file, and how many bytes of it were read.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    read: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buf)?;
        self.read.set(self.read.get() + count);
        Ok(count)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[test]
fn percentiles_of_the_whole_are_computed_once() {
    // 16 tiles, of which a region has one
    let file = without_overviews(2048);
    let read = Cell::new(0);
    let counted = Counted { file: Cursor::new(&file), read: &read };
    let mut source = BufReader::with_capacity(4096, counted);
    for options in ["", "&stretch=5%25:95%25", "&expression=b1*2", "&nodata=0"] {
        let kept = KeptStatistics::default();
        let mut bytes_of = |place: &str| {
            let spec = format!("width=40&region={place},500,500{options}");
            read.set(0);
            source.rewind().expect("it is in memory");
            let parsed = spec.parse().expect("a spec");
            let limits = Limits::default();
            let grids = render_keeping(&mut source, &[parsed], &limits, &kept, &|| false);
            assert_eq!(write::txt(&grids.expect("a picture")[0]), text(&file, &spec), "{spec}");
            read.get()
        };
        let [first, second, third] = ["0,0", "1024,512", "1536,1536"].map(&mut bytes_of);
        assert!(first > file.len(), "{options}: {first}");
        assert!(second.max(third) < file.len() / 8, "{options}: {second}, {third}");
    }
}

#[test]
fn a_cancelled_draw_leaves_nothing_wrong() {
    let file = without_overviews(2048);
    let kept = KeptStatistics::default();
    let spec = "width=40&region=0,0,500,500";
    let draw = |most: u32| {
        let (asked, parsed) = (Cell::new(0), spec.parse().expect("a spec"));
        let is_cancelled = || asked.replace(asked.get() + 1) >= most;
        let (source, limits) = (Cursor::new(&file), Limits::default());
        render_keeping(source, &[parsed], &limits, &kept, &is_cancelled)
    };
    let mut most = 1;
    let grids = loop {
        match draw(most) {
            Ok(grids) => break grids,
            Err(_) => most *= 2,
        }
    };
    assert_eq!(write::txt(&grids[0]), text(&file, spec));
}
