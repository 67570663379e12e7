//! Work for a file: small files take little CPU time and memory, whatever they claim. In a program of
//! its own, since the allocator measures other tests as well.

use std::io::Cursor;

use asciify::{Limits, Spec, probe, render};
use peak_alloc::PeakAlloc;
use testkit::bombs::{self, Bomb};
use testkit::cpu;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tests run without some of the optimisation of a release, and on busy machines.
const MAX_AIMS: u32 = 8;
/// Memory that drawing takes besides decoding, in bytes.
const DRAWING_BYTES: u64 = 8 << 20;

#[test]
fn no_small_file_takes_long_or_more_memory_than_its_header_says() {
    // tables that are made once
    let _tables = render(Cursor::new(b"P2 1 1 65535 7 "), &[Spec::default()], &Limits::default());
    let failed: Vec<String> = bombs::all().iter().filter_map(|bomb| check(bomb).err()).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

fn check(bomb: &Bomb) -> Result<(), String> {
    let Bomb { name, file, frame, is_honest } = bomb;
    let limits = Limits::default();
    let spec: Spec = format!("width=80&frame={frame}").parse().expect("a spec");
    let ((header, drawn, peak), time) = cpu::of(|| {
        let header = probe(Cursor::new(file), &limits);
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let drawn = render(Cursor::new(file), &[spec], &limits).map(drop);
        (header, drawn, (MEMORY.peak_usage() - before) as u64)
    });
    let aim = cpu::aim(file.len());
    let promised = header.map_or(0, |header| header.decoded_bytes) + DRAWING_BYTES;
    println!("{name}: {} bytes, {time:?}, {} KiB, {drawn:?}", file.len(), peak >> 10);
    match drawn {
        _ if time > aim * MAX_AIMS => Err(format!("{name}: {time:?}, the aim is {aim:?}")),
        _ if peak > promised => Err(format!("{name}: {peak} bytes, {promised} promised")),
        Err(err) if *is_honest => Err(format!("{name}: {err}")),
        _ => Ok(()),
    }
}
