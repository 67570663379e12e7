//! Files: small ones take little CPU time.
#![no_main]

use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::bomb;

fuzz_target!(init: write_seeds("bomb", bomb::seeds()), |bytes: &[u8]| {
    bomb::attack(bytes);
});
