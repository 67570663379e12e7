//! Texts and titles, written in every output format.
#![no_main]

use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::write;

fuzz_target!(init: write_seeds("write", write::seeds()), |bytes: &[u8]| write::attack(bytes));
