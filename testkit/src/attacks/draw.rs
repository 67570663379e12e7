//! Files: any bytes are drawn or refused.

use std::io::Cursor;

use asciify::{Error, Grid, Limits, Spec, probe, render, write};

use crate::{profiles, seeds};

/// Specs that together use every part of the engine. The first byte of an input selects one.
const SPECS: [&str; 16] = [
    "width=9",
    "width=5&height=40&fit=cover",
    "width=12&height=3&fit=stretch&match=ramp&dither=floyd-steinberg",
    "width=7&color=full&symbols=half&color_on=both",
    "width=8&color=256&symbols=braille&alpha=light",
    "width=6&color=16&symbols=octant&color_on=both&background=light&invert=true",
    "width=10&frame=1",
    "width=10&frame=2&color=full",
    "width=9&bands=2&stretch=0:300",
    "width=9&region=3,2,7,5",
    "width=30&region=pct:40,40,1,60&color=full",
    "width=9&expression=(b2-b1)/(b2%2Bb1)&colormap_name=viridis&color=full&nodata=0",
    "width=9&region=3,2,7,5&bands=1&algorithm=hillshade&azimuth=200&angle_altitude=10",
    "width=9&bands=3,2,1&stretch=auto&color=full",
    "width=9&stretch=none&tone=linear&sharpen=3&brightness=-0.5&contrast=2&gamma=0.5",
    "height=4&cell=3&symbols=ramp:%20.%23&tone=natural&dither=blue-noise",
];

/// Limits that keep one input fast.
pub fn limits() -> Limits {
    Limits {
        max_side_px: 2_000,
        max_pixels: 100_000,
        max_frames: 50,
        max_decoded_bytes: 32 << 20,
        ..Limits::default()
    }
}

/// Each file of [`crate::seeds`] and [`crate::profiles`] with two of the specs.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let files = seeds::files().into_iter().chain(profiles::files());
    // every file with the first spec, and with another
    let both = files.enumerate().flat_map(|(nth, (name, file))| {
        [0, 1 + nth % (SPECS.len() - 1)]
            .map(|choice| (format!("{name}, spec {choice}"), [&[choice as u8], &file[..]].concat()))
    });
    both.collect()
}

/// Draws a file with one of the specs.
///
/// # Errors
/// What is wrong with the file.
pub fn attack(bytes: &[u8]) -> Result<(), Error> {
    let (choice, file) = bytes.split_first().unwrap_or((&0, &[]));
    let spec: Spec = SPECS[usize::from(*choice) % SPECS.len()].parse().expect("a spec");
    let header = probe(Cursor::new(file), &limits());
    match (render(Cursor::new(file), std::slice::from_ref(&spec), &limits()), header) {
        (Ok(grids), Ok(header)) => {
            let [grid] = &grids[..] else { panic!("{} grids for one spec", grids.len()) };
            assert_eq!(write::ansi(grid).parse().as_ref(), Ok(grid), "it reads back");
            assert_eq!(
                write::txt(grid).parse::<Grid>().map(|it| write::txt(&it)),
                Ok(write::txt(grid))
            );
            // pages of a TIFF have sides of their own
            if spec.frame() == 0 {
                let (columns, rows) = spec.size(header.width, header.height);
                assert_eq!((grid.columns(), grid.rows()), (columns as usize, rows as usize));
            }
            Ok(())
        }
        (Err(err), header) => {
            assert!(!matches!(err, Error::Read(_)), "memory does not fail: {err}");
            if let Err(before) = header {
                assert_eq!(err.to_string(), before.to_string(), "probe reports the same");
            }
            let message = err.to_string();
            let is_printable = !message.contains(asciify::is_display_control);
            assert!(!message.is_empty() && is_printable, "{message:?}");
            Err(err)
        }
        (Ok(_), Err(err)) => panic!("drawn, but probe refused it: {err}"),
    }
}
