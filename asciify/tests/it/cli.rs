//! The command-line program: what it prints, and where, and its exit codes.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use crate::pictures::{checker, png, text};

fn asciify(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_asciify"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    // It may refuse its arguments and be gone before it reads.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("the program ends")
}

#[test]
fn an_image_on_standard_input_becomes_text() {
    let file = png(&checker());
    let output = asciify(&["--width", "8", "--invert", "-"], &file);
    assert_eq!(String::from_utf8_lossy(&output.stdout), text(&file, "width=8&invert=true"));
    assert!(output.status.success() && output.stderr.is_empty());

    let page = asciify(&["--format", "html", "-"], &file);
    assert!(page.stdout.starts_with(b"<!DOCTYPE html>"));
}

#[test]
fn a_bad_file_is_named_and_the_rest_is_drawn() {
    let output = asciify(&["/nowhere/at/all.png", "-"], &png(&checker()));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.starts_with("asciify: /nowhere/at/all.png: "), "{complaint}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stdout.is_empty());
}

#[test]
fn a_bad_option_says_what_is_accepted() {
    let output = asciify(&["--width", "0", "-"], b"");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&output.stderr)
            .contains("width must be a whole number from 1 to 1000")
    );
}

#[cfg(unix)]
#[test]
fn a_stream_that_never_ends_is_refused_by_its_start() {
    let output = asciify(&["/dev/zero"], b"");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/dev/zero") && said.contains("not an image"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_pipe_can_be_named() {
    let file = png(&checker());
    assert_eq!(asciify(&["/dev/stdin"], &file).stdout, asciify(&["-"], &file).stdout);
}
