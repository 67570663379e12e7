//! Options as text.
#![no_main]

use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::spec;

fuzz_target!(init: write_seeds("spec", spec::seeds()), |bytes: &[u8]| spec::attack(bytes));
