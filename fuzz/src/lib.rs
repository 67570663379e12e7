//! Support of the fuzz targets. Their seeds and attacks are in `testkit`, as those of the randomised tests.

use std::fs;
use std::path::Path;

#[cfg(feature = "service")]
pub mod service;

/// Writes the seeds to the corpus of a target.
pub fn write_seeds(target: &str, seeds: Vec<(String, Vec<u8>)>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder).expect("a folder for the corpus");
    for (nth, (_, bytes)) in seeds.into_iter().enumerate() {
        fs::write(folder.join(format!("seed-{nth}")), bytes).expect("a file for the seed");
    }
}
