//! Decoding in a process of its own: its limits hold, and it ends with the process that started it.

use std::io::{Cursor, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};

use asciify::{Error, Limits, Spec, render};
use testkit::samples::foreign;

/// Starts a decoding process as the library does.
fn start(file_bytes: usize, memory_bytes: u64, cpu_s: u64) -> Child {
    let limits: [u64; 5] = [65_535, 128_000_000, 10, 1 << 30, 60];
    Command::new(env!("CARGO_BIN_EXE_asciify"))
        .arg("--decode-in-isolation")
        .args(limits.map(|it| it.to_string()))
        .args([file_bytes as u64, memory_bytes, cpu_s].map(|it| it.to_string()))
        .args(["samples", "width=80"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts")
}

/// The bytes that it writes, and how it ends.
fn decoded(file: &[u8], memory_bytes: u64, cpu_s: u64) -> (Vec<u8>, ExitStatus) {
    let mut process = start(file.len(), memory_bytes, cpu_s);
    let mut stdin = process.stdin.take().expect("a pipe");
    // it may have ended
    let _written = stdin.write_all(file);
    drop(stdin);
    let mut samples = Vec::new();
    process.stdout.take().expect("a pipe").read_to_end(&mut samples).expect("a pipe");
    (samples, process.wait().expect("a child"))
}

#[test]
fn a_process_decodes_within_its_memory_and_dies_beyond_it() {
    // 16 million pixels each
    for name in ["libavif-flat.avif", "libjxl-flat.jxl"] {
        let file = foreign(name);
        let (samples, status) = decoded(&file, 1 << 30, 60);
        assert!(status.success() && samples.len() > 1 << 16, "{name}: {status}");
        let (samples, status) = decoded(&file, 1 << 20, 60);
        let is_refused = status.signal() == Some(6)
            || String::from_utf8_lossy(&samples).contains("takes more memory to decode");
        assert!(is_refused, "{name}: {status}");
    }
}

#[test]
fn a_process_that_uses_its_time_is_ended() {
    let (_, status) = decoded(&foreign("libjxl-flat.jxl"), 1 << 30, 0);
    assert!(status.signal().is_some(), "{status}");
}

#[test]
fn the_caller_s_limit_holds_for_the_time_of_a_process() {
    let limits = Limits { max_decoder_cpu_s: 0, ..Limits::default() };
    let spec: Spec = "width=8".parse().expect("a spec");
    let file = foreign("libjxl-flat.jxl");
    let err = render(Cursor::new(&file), &[spec], &limits).map(drop).expect_err("no time");
    // within its first second, the system may also kill it
    assert!(matches!(err, Error::Malformed(_) | Error::Read(_)), "{err:?}");
}

#[test]
fn a_process_ends_when_its_file_is_cut_off() {
    let mut process = start(1000, 1 << 30, 60);
    process.stdin.take().expect("a pipe").write_all(&[0; 10]).expect("it reads");
    assert_eq!(process.wait().expect("a child").code(), Some(102));
}
