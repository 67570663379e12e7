//! The attacks of the tests, for a fuzzer: what holds is written there, once.

use std::fs;
use std::path::Path;

#[path = "../../asciify/tests/it/pictures.rs"]
pub mod pictures;
#[path = "../../asciify/tests/it/seeds.rs"]
pub mod seeds;
#[path = "../../asciify/tests/it/tiffs.rs"]
pub mod tiffs;

#[path = "../../asciify/tests/it/hostile/draw.rs"]
pub mod draw;
#[path = "../../asciify/tests/it/hostile/spec.rs"]
pub mod spec;
#[path = "../../asciify/tests/it/hostile/write.rs"]
pub mod write;

#[cfg(feature = "door")]
#[path = "../../api/tests/it/hostile/form.rs"]
pub mod form;
#[cfg(feature = "door")]
pub mod house;
#[cfg(feature = "door")]
#[path = "../../api/tests/it/hostile/query.rs"]
pub mod query;
#[cfg(feature = "door")]
#[path = "../../api/tests/it/hostile/request.rs"]
pub mod request;
#[cfg(feature = "door")]
#[path = "../../api/tests/it/support.rs"]
pub mod support;

/// Puts seeds where the fuzzer of that target is about to look for what it starts from.
pub fn plant(target: &str, seeds: Vec<(String, Vec<u8>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder for the corpus");
    for (nth, (_, bytes)) in seeds.into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{nth}")), bytes).expect("room for a seed");
    }
}
