//! Texts and titles, written as pages, drawings, pictures and for terminals.
#![no_main]

use fuzz::{plant, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant("write", write::seeds()), |bytes: &[u8]| write::attack(bytes));
