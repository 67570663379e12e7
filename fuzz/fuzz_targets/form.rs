//! Uploads, as forms and as bare bodies.
#![no_main]

use fuzz::house::with_house;
use fuzz::pictures::{one_pixel, png};
use fuzz::{form, plant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant("form", form::seeds(&png(&one_pixel()))), |bytes: &[u8]| {
    with_house(async |app, _| {
        form::attack(app, bytes).await;
    });
});
