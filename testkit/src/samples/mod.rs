//! Files that no dev-dependency can write: in hexadecimal, and files of foreign encoders in the folder
//! `testkit/samples`.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

pub mod lossy_webps;
pub mod rare_jpegs;

/// The bytes that hexadecimal digits stand for.
///
/// # Panics
/// If `hex` contains anything else.
pub fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// A file that `scripts/make-samples` has made with a foreign encoder, of a picture in
/// [`pictures`](crate::pictures).
///
/// # Panics
/// If there is no such file.
pub fn foreign(name: &str) -> Vec<u8> {
    decode_in_processes();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    fs::read(&path).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// Makes the engine start the program `asciify` to decode in processes of their own: the `main` of tests
/// and fuzzers cannot.
pub fn decode_in_processes() {
    asciify::isolation::use_program(decoder_program());
}

fn decoder_program() -> PathBuf {
    // cargo builds it two folders above the tests
    let mut path = env::current_exe().unwrap_or_default();
    path.pop();
    path.pop();
    path.push("asciify");
    match path.is_file() {
        true => path,
        false => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/debug/asciify"),
    }
}
