//! Files: within the default limits, drawing takes little CPU time for the file's length.

use std::io::Cursor;

use asciify::{Limits, Spec, render};

use crate::{bombs, cpu, seeds};

/// Instrumented code takes so many times longer than that of a release.
const SLOWDOWN: u32 = 10;
/// The longest file that is a seed, in bytes.
const MAX_SEED_BYTES: usize = 1 << 12;

/// Small bombs and pictures, each behind the index of a frame.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let bombs = bombs::all(1).into_iter();
    let bombs = bombs.map(|bomb| (bomb.name, bomb.frame as u8, bomb.file));
    let files = seeds::files().into_iter().map(|(name, file)| (name, 0, file));
    let all = bombs.chain(files).filter(|(_, _, file)| file.len() <= MAX_SEED_BYTES);
    all.map(|(name, frame, file)| (name, [&[frame], &file[..]].concat())).collect()
}

/// Draws the frame of a file that its first byte says.
pub fn attack(bytes: &[u8]) {
    let (frame, file) = bytes.split_first().unwrap_or((&0, &[]));
    let spec: Spec = format!("width=80&frame={frame}").parse().expect("a spec");
    let (_drawn, time) = cpu::of(|| render(Cursor::new(file), &[spec], &Limits::default()));
    let aim = cpu::aim(file.len());
    assert!(time <= aim * SLOWDOWN, "{} bytes took {time:?}; the aim is {aim:?}", file.len());
}
