//! Files: probing, decoding and drawing.
#![no_main]

use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::draw;

fuzz_target!(init: write_seeds("draw", draw::seeds()), |bytes: &[u8]| {
    let _drawn_or_refused = draw::attack(bytes);
});
