//! Files: the engine's door, its decoders, and drawing.
#![no_main]

use fuzz::{draw, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant("draw", draw::seeds()), |bytes: &[u8]| {
    let _drawn_or_refused = draw::attack(bytes);
});
