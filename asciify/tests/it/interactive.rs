//! `--interactive` on a terminal.

use std::fs;
use std::process::Command;

use testkit::pictures::{encoded, named, text};
use testkit::tiffs::{GeoTags, geotiff};

use crate::tmux::{PLAIN, Terminal, drawn, picture};

#[test]
fn keys_move_and_enlarge_a_picture_and_the_command_shows_the_same() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[("it's.png", &file)]) else { return };
    terminal.type_in(&format!("asciify -i {PLAIN} it*"));
    let status = terminal.wait_for(&drawn(&file, ""));
    assert!(status.starts_with("320,184"), "{status}");
    assert!(status.contains("it's.png") && status.ends_with("? help"), "{status}");
    for (keys, region) in [
        (&["+"][..], "160,92,320,184"),
        (&["Right", "j"], "200,116,320,184"),
        (&["1"], "200,116,320,184"),
        (&["-", "="], "160,92,320,184"),
        (&["h", "k", "Left", "Up"], "80,44,320,184"),
        (&["0", "1"], "160,92,320,184"),
    ] {
        terminal.keys(keys);
        terminal.wait_for(&drawn(&file, &format!("&region={region}")));
    }
    terminal.keys(&["b", "s"]);
    let last = drawn(&file, "&region=160,92,320,184&bands=1&stretch=2%25:98%25");
    let status = terminal.wait_for(&last);
    assert!(status.contains("bands 1 stretch 2%:98%"), "{status}");
    terminal.keys(&["?"]);
    terminal.wait("help", |shown| shown.iter().any(|row| row.contains("next bands")).then_some(()));
    terminal.keys(&["?"]);
    terminal.wait_for(&last);
    terminal.keys(&["q"]);
    let command = terminal.printed();
    let words = command.strip_prefix("asciify ").expect("the command");
    let script = format!("{} {words}", env!("CARGO_BIN_EXE_asciify"));
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).current_dir(terminal.folder.path());
    let output = shell.output().expect("the command runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), last, "{command}");
    terminal.assert_restored(0);
}

#[test]
fn the_wheel_enlarges_about_the_pointer_and_a_drag_moves() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[("a.png", &file)]) else { return };
    terminal.type_in(&format!("asciify -i {PLAIN} a.png"));
    terminal.wait_for(&drawn(&file, ""));
    // twice by the square root of two
    terminal.pointer(64, (1, 1));
    terminal.pointer(64, (1, 1));
    let status = terminal.wait_for(&drawn(&file, "&region=2,4,320,184"));
    assert!(status.starts_with("4,8"), "the pixel under the pointer: {status}");
    for (button, at) in [(0, (40, 10)), (32, (35, 9)), (32, (30, 8))] {
        terminal.pointer(button, at);
    }
    let status = terminal.wait_for(&drawn(&file, "&region=42,20,320,184"));
    assert!(status.starts_with("160,80"), "{status}");
    terminal.keys(&["q"]);
    assert!(terminal.printed().contains("--region=42,20,320,184"));
    terminal.assert_restored(0);
}

#[test]
fn a_geotiff_has_coordinates_and_values() {
    let file = geotiff(&GeoTags::default());
    let Some(terminal) = Terminal::start(&[("a.tif", &file)]) else { return };
    terminal.type_in(&format!("asciify -i {PLAIN} --stretch=0:5000 --unscale=false a.tif"));
    let shown = |words: &str| {
        terminal.wait(words, |shown| shown.last()?.starts_with(words).then_some(()));
    };
    shown("30,20  EPSG:32633 300305,4999795  b1 2900  4.6:1");
    // the first pixel
    terminal.pointer(35, (6, 1));
    shown("0,0  EPSG:32633 300005,4999995  b1 1000  4.6:1");
    terminal.keys(&["e"]);
    terminal.tmux(&["send-keys", "-l", "b1/"]);
    terminal.keys(&["Enter"]);
    shown("expression: b1/▏  expression");
    terminal.tmux(&["send-keys", "-l", "10"]);
    terminal.keys(&["Enter"]);
    shown("0,0  EPSG:32633 300005,4999995  b1/10 100  4.6:1 b1/10");
    terminal.keys(&["b"]);
    shown("0,0  EPSG:32633 300005,4999995  b1 1000  4.6:1");
    terminal.keys(&["q"]);
    let command = terminal.printed();
    assert!(command.ends_with("--stretch=0:5000 --color=none a.tif"), "{command}");
}

#[test]
fn signals_and_keys_that_end_or_suspend_restore_the_terminal() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[("a.png", &file)]) else { return };
    let start = || {
        terminal.clear();
        terminal.type_in(&format!("asciify -i {PLAIN} a.png"));
        terminal.wait_for(&drawn(&file, ""));
    };
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
        start();
        let shell = terminal.tmux(&["display-message", "-p", "#{pane_pid}"]);
        let kill = Command::new("pkill").args(["--signal", signal, "-P", shell.trim()]).status();
        assert!(kill.expect("pkill runs").success());
        terminal.assert_restored(code);
    }
    start();
    terminal.keys(&["+", "C-z"]);
    // 128 and SIGSTOP: other signals that stop it are handled
    terminal.assert_restored(147);
    terminal.type_in("fg");
    terminal.wait_for(&drawn(&file, "&region=160,92,320,184"));
    terminal.keys(&["C-c"]);
    terminal.assert_restored(130);
}

#[test]
fn a_resized_terminal_shows_the_same_place() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[("a.png", &file)]) else { return };
    terminal.type_in(&format!("asciify -i {PLAIN} --region=160,92,320,184 a.png"));
    terminal.wait_for(&drawn(&file, "&region=160,92,320,184"));
    terminal.tmux(&["resize-window", "-x", "60", "-y", "12"]);
    terminal.wait_for(&text(&file, "width=60&height=11&region=200,140,240,88"));
    terminal.tmux(&["resize-window", "-x", "80", "-y", "24"]);
    terminal.wait_for(&drawn(&file, "&region=160,92,320,184"));
}

#[test]
fn what_cannot_be_drawn_is_said_and_the_screen_stays() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[("a.png", &file)]) else { return };
    terminal.type_in("asciify -i missing.png");
    assert!(terminal.printed().contains("missing.png"));
    terminal.type_in(&format!("asciify -i {PLAIN} a.png"));
    terminal.wait_for(&drawn(&file, ""));
    fs::write(terminal.folder.path().join("a.png"), "no image").expect("a file");
    terminal.keys(&["+"]);
    terminal.wait("message", |shown| shown.last()?.starts_with("error: ").then_some(()));
    fs::write(terminal.folder.path().join("a.png"), &file).expect("a file");
    terminal.keys(&["0"]);
    terminal.wait_for(&drawn(&file, ""));
}

#[test]
fn a_file_that_was_cut_off_is_shown_and_the_exit_code_says_so() {
    let whole = image::load_from_memory(&picture()).expect("a picture");
    let mut file = encoded(&whole, named("JPEG"));
    file.truncate(file.len() / 2);
    let Some(terminal) = Terminal::start(&[("a.jpg", &file)]) else { return };
    terminal.type_in(&format!("asciify -i {PLAIN} a.jpg"));
    let status = terminal.wait_for(&drawn(&file, ""));
    assert!(status.starts_with("cut off  320,184"), "{status}");
    terminal.keys(&["q"]);
    let printed = terminal.printed();
    assert!(printed.starts_with("asciify: a.jpg: the JPEG ends before"), "{printed}");
    terminal.assert_restored(1);
}
