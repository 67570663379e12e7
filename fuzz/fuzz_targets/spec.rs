//! Options, as text.
#![no_main]

use fuzz::{plant, spec};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant("spec", spec::seeds()), |bytes: &[u8]| spec::attack(bytes));
