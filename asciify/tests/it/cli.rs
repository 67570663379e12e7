//! The command: its output, messages and exit codes.

use std::io::Write;
use std::process::{self, Command, Stdio};

use asciify::write::{self, Output};
use asciify::{Background, OPTIONS, Spec};

use testkit::pictures::{checker, drawn, encoded, lopsided, png, text};
use testkit::tiffs::{GeoTags, geotiff};

fn asciify(arguments: &[&str], input: &[u8]) -> process::Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_asciify"))
        .args(arguments)
        .env_remove("COLUMNS")
        .env_remove("CLICOLOR_FORCE")
        .env_remove("FORCE_COLOR")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    // It may exit because of its arguments before it reads.
    let _ = child.stdin.take().expect("piped").write_all(input);
    child.wait_with_output().expect("the program ends")
}

#[test]
fn an_image_on_standard_input_becomes_text() {
    let file = png(&checker());
    let output = asciify(&["--width", "8", "--invert", "-"], &file);
    assert_eq!(String::from_utf8_lossy(&output.stdout), text(&file, "width=8&invert=true"));
    assert!(output.status.success() && output.stderr.is_empty());

    // without a file, too
    let output = asciify(&["--width", "8", "--invert"], &file);
    assert_eq!(String::from_utf8_lossy(&output.stdout), text(&file, "width=8&invert=true"));

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
fn several_pictures_have_their_names_before_them_and_one_has_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("one.png").display().to_string();
    let file = png(&checker());
    std::fs::write(&path, &file).expect("a file");
    let drawn = text(&file, "width=8");
    let both = asciify(&["--width=8", &path, "/nowhere.png", "-"], &file);
    let expected = format!("==> {path} <==\n{drawn}\n==> standard input <==\n{drawn}");
    assert_eq!(String::from_utf8_lossy(&both.stdout), expected);
    assert_eq!(String::from_utf8_lossy(&asciify(&["--width=8", &path], b"").stdout), drawn);
}

#[test]
fn an_empty_file_is_reported_as_empty() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("empty.png").display().to_string();
    std::fs::write(&path, "").expect("a file");
    for arguments in [&[path.as_str()] as &[_], &["-"], &[]] {
        let output = asciify(arguments, b"");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.ends_with(": the file is empty\n"), "{arguments:?}: {said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn the_available_part_of_a_truncated_file_is_drawn_and_the_rest_is_reported() {
    let file = png(&checker());
    let output = asciify(&["-"], &file[..file.len() - 30]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("cut off; the available part is drawn"), "{complaint}");
    assert_eq!(output.status.code(), Some(1));
    let whole = asciify(&["-"], &file).stdout;
    assert_eq!(output.stdout[..80], whole[..80]);
    // a file that lacks its end mark alone is whole
    let output = asciify(&["-"], &file[..file.len() - 12]);
    assert!(output.status.success() && output.stderr.is_empty() && output.stdout == whole);
}

#[test]
fn a_file_of_any_format_that_is_cut_off_is_told_and_drawn_as_far_as_it_can_be() {
    const DRAWN: [&str; 5] = ["JPEG", "PNG", "FITS", "VICAR", "PDS3"];
    for format in asciify::formats() {
        let file = encoded(&lopsided(), format);
        // what follows the pixels of a FITS is padding
        let end = if format.name() == "FITS" { 2880 + 3 * 48 * 32 } else { file.len() };
        let is_drawn = DRAWN.contains(&format.name());
        // end marks alone may be missing
        for length in [end / 2, (end * 99 / 100).min(end - 30)] {
            let output = asciify(&["--width", "8", "-"], &file[..length]);
            let said = String::from_utf8_lossy(&output.stderr);
            let is_told = said.contains("cut off") || said.contains("damaged");
            assert!(is_told, "{format} to {length}: {said}");
            assert_eq!(output.status.code(), Some(1), "{format} to {length}");
            assert!(is_drawn || output.stdout.is_empty(), "{format} to {length}");
            // half of a small file may be less than its header
            let is_all_but_the_end = length > end / 2;
            assert!(!is_drawn || !is_all_but_the_end || !output.stdout.is_empty(), "{format}");
        }
    }
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

#[test]
fn formats_are_those_of_the_library() {
    let file = png(&checker());
    let flags = ["--width", "8", "--color", "full", "-"];
    let grid = drawn(&file, "width=8&color=full").expect("a picture");
    // ansi is the default with colours
    assert_eq!(asciify(&flags, &file).stdout, write::ansi(&grid).into_bytes());
    for output in Output::ALL {
        let arguments = [&["--format", output.name()][..], &flags].concat();
        let expected = output.to_vec(&grid, Background::Dark, "-");
        assert_eq!(asciify(&arguments, &file).stdout, expected, "{output}");
    }
    let two = asciify(&["--format", "png", "-", "-"], &file);
    assert_eq!(two.status.code(), Some(2));
    assert!(two.stdout.is_empty());
}

#[test]
fn output_goes_to_a_file_and_errors_name_it() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("picture.txt").display().to_string();
    let file = png(&checker());
    let output = asciify(&["--width", "8", "-o", &path, "-"], &file);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), text(&file, "width=8"));
    let drawing = folder.path().join("picture.svg").display().to_string();
    assert!(asciify(&["--width", "8", "-o", &drawing, "-"], &file).status.success());
    assert!(std::fs::read_to_string(&drawing).expect("a file").starts_with("<svg "));
    let output = asciify(&["--width", "8", "-o", "-", "-"], &file);
    assert_eq!(String::from_utf8_lossy(&output.stdout), text(&file, "width=8"));
    let output = asciify(&["-o", &format!("{path}/below"), "-"], &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("picture.txt/below"));
}

#[test]
fn an_unknown_extension_is_refused_unless_a_format_is_given() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = png(&checker());
    let refused = asciify(&["-o", &path("picture.jpg"), "-"], &file);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("ends in .txt, .ansi, .html, .svg, .png, or a --format"), "{said}");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);

    let (log, capitals, bare) = (path("picture.log"), path("PICTURE.SVG"), path("picture"));
    assert!(asciify(&["-o", &log, "--format", "txt", "-"], &file).status.success());
    assert!(asciify(&["-o", &capitals, "-"], &file).status.success());
    assert!(std::fs::read_to_string(&capitals).expect("a file").starts_with("<svg "));
    assert!(asciify(&["-o", &bare, "-"], &file).status.success());
    assert_eq!(std::fs::read(&bare).expect("a file"), std::fs::read(&log).expect("a file"));
}

#[test]
fn nothing_is_overwritten_before_there_is_something_to_write() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (picture, kept) = (path("picture.png"), path("kept.txt"));
    std::fs::write(&picture, png(&checker())).expect("a file");
    std::fs::write(&kept, "previous").expect("a file");

    let same = asciify(&["-o", &picture, &picture], b"");
    assert_eq!(same.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&same.stderr).contains("picture.png is an input file"));
    assert_eq!(std::fs::read(&picture).expect("a file"), png(&checker()));

    let failed = asciify(&["-o", &kept, &path("missing.png")], b"");
    assert_eq!(failed.status.code(), Some(1));
    assert_eq!(std::fs::read(&kept).expect("a file"), b"previous");
}

#[cfg(unix)]
#[test]
fn any_file_name_works_and_control_characters_in_it_are_escaped() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder
        .path()
        .join(OsStr::from_bytes(b"\xff\x1b[31m\xc2\x9b1m\x7f\n\xe2\x80\xae\xe2\x80\xa8.png"));
    let drawn = |file: &std::path::Path| {
        let program = env!("CARGO_BIN_EXE_asciify");
        Command::new(program).arg("--width=8").arg(file).output().expect("the program was built")
    };
    let said = String::from_utf8_lossy(&drawn(&file).stderr).into_owned();
    let escaped = r"\u{1b}[31m\u{9b}1m\u{7f}\n\u{202e}\u{2028}.png";
    let line = said.strip_suffix('\n').expect("a line");
    assert!(line.contains(&format!("{escaped}: ")), "{said:?}");
    assert!(!line.contains(asciify::is_display_control), "{said:?}");
    std::fs::write(&file, png(&checker())).expect("a file");
    let text = text(&png(&checker()), "width=8");
    assert_eq!(String::from_utf8_lossy(&drawn(&file).stdout), text);

    // a heading, and files whose names look like flags
    let run = |arguments: &[&OsStr]| {
        Command::new(env!("CARGO_BIN_EXE_asciify")).args(arguments).output().expect("it runs")
    };
    let both = run(&[file.as_os_str(), file.as_os_str()]);
    let heading = String::from_utf8_lossy(&both.stdout).into_owned();
    assert!(heading.lines().next().is_some_and(|it| it.ends_with(&format!("{escaped} <=="))));
    for flag in ["--\u{9b}31m\u{202e}", "--format=\u{9b}31m\n\u{202e}", "--width=\u{9b}"] {
        let refused = run(&[OsStr::new(flag)]);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8_lossy(&refused.stderr).replace('\n', "");
        assert!(said.contains("error: ") && said.contains("--"), "{said}");
        assert!(!said.contains(asciify::is_display_control), "{said:?}");
    }
}

#[test]
fn completions_and_the_manual_know_every_option() {
    for arguments in [["--completions=bash"], ["--completions=zsh"], ["--man"], ["--help"]] {
        let output = asciify(&arguments, b"");
        // the manual's markup escapes hyphens
        let said = String::from_utf8_lossy(&output.stdout).replace('\\', "");
        assert!(output.status.success());
        for option in OPTIONS {
            assert!(said.contains(&format!("--{}", option.name)), "{arguments:?} {}", option.name);
        }
    }
}

#[test]
fn completions_offer_the_words_that_options_take() {
    let bash = asciify(&["--completions=bash"], b"").stdout;
    let bash = String::from_utf8(bash).expect("UTF-8");
    let words: Vec<_> = OPTIONS
        .iter()
        .flat_map(|option| option.words().iter().map(move |word| (option, *word)))
        .collect();
    assert!(words.len() > 30);
    for (option, word) in words {
        assert!(option.accepts().contains(word), "{}: {word}", option.name);
        Spec::default().set(option.name, word).expect("a value");
    }
    for option in OPTIONS.iter().filter(|option| !option.words().is_empty()) {
        let offer = format!("-W \"{}\"", option.words().join(" "));
        assert!(bash.contains(&offer), "{offer} is missing");
    }
}

#[test]
fn limits_are_options() {
    let file = png(&checker());
    for (flag, value) in [
        ("--max-side-px", "1"),
        ("--max-pixels", "2"),
        ("--max_frames", "0"),
        ("--max-decoded-bytes", "3"),
    ] {
        let output = asciify(&[flag, value, "-"], &file);
        let complaint = String::from_utf8_lossy(&output.stderr);
        match value {
            "0" => assert!(complaint.contains("0 is not in 1.."), "{complaint}"),
            most => assert!(complaint.contains(&format!("at most {most} are")), "{complaint}"),
        }
        assert!(!output.status.success() && output.stdout.is_empty());
    }
    assert!(asciify(&["--max-pixels", "99999999", "-"], &file).status.success());
}

#[test]
fn a_bounding_box_is_the_region_under_it() {
    let file = geotiff(&GeoTags::default());
    let bbox = ["--bbox", "300100,4999800,300300,4999950", "--coord-crs", "32633"];
    let drawn = asciify(&[&bbox[..], &["--width", "20", "-"]].concat(), &file);
    let region = asciify(&["--region", "10,5,20,15", "--width", "20", "-"], &file);
    assert!(drawn.status.success(), "{drawn:?}");
    assert_eq!(drawn.stdout, region.stdout);
    let outside = asciify(&["--bbox", "-1,-1,1,1", "-"], &file);
    let told = String::from_utf8_lossy(&outside.stderr);
    assert!(told.contains("bbox must overlap the image") && !outside.status.success(), "{told}");
}

#[test]
fn an_interactive_view_needs_a_terminal_and_one_file() {
    for (arguments, message) in [
        (&["-i", "a.png"][..], "needs a terminal"),
        (&["--interactive"], "needs a terminal"),
        (&["-i", "--output", "b.txt", "a.png"], "cannot be used with"),
        (&["-i", "--format", "png", "a.png"], "cannot be used with"),
        (&["-i", "--size", "9x9", "a.png"], "cannot be used with"),
        (&["-i", "--width", "9", "a.png"], "cannot be used with"),
        (&["-i", "--animate", "a.png"], "cannot be used with"),
        (&["-i", "--loops", "2", "a.png"], "cannot be used with"),
    ] {
        let output = asciify(arguments, &[]);
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains(message), "{arguments:?}: {printed}");
        assert!(output.status.code() == Some(2) && output.stdout.is_empty(), "{arguments:?}");
    }
}
