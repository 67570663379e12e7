//! Prints the CPU time and the memory that small files take which claim large pictures, of every format,
//! coding and predictor: `cargo run --release -p asciify --example bombs [NAME]`. The table in
//! docs/reliability.md has the worst.

use std::io::Cursor;

use asciify::{Limits, render};
use testkit::{bombs, cpu};

fn main() {
    asciify::isolation::init();
    let part = std::env::args().nth(1).unwrap_or_default();
    println!("| file | bytes | CPU, s | part of the aim |");
    println!("|---|---|---|---|");
    for bomb in bombs::all(1).into_iter().filter(|bomb| bomb.name.contains(&part)) {
        let draw = || render(Cursor::new(&bomb.file), &[bomb.spec()], &Limits::default());
        let (drawn, time) = cpu::of(draw);
        let (s, bytes) = (time.as_secs_f64(), bomb.file.len());
        let aims = s / cpu::aim(bytes).as_secs_f64();
        let refused = if drawn.is_err() { ", refused" } else { "" };
        println!("| {} | {bytes} | {s:.2}{refused} | {aims:.1} |", bomb.name);
    }
}
