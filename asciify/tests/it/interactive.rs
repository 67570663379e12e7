//! `--interactive` on a terminal: in tmux, which is sent keys and says what is on the screen.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use testkit::pictures::{lopsided, png, text};
use testkit::tiffs::{GeoTags, geotiff};

/// Longer than anything takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the screen is looked at.
const INTERVAL: Duration = Duration::from_millis(20);
/// Options with which the picture does not depend on the terminal.
const PLAIN: &str = "--color=none --background=dark";

/// A terminal of 80 × 24 in which a shell runs. Its prompt is `$`, at the beginning of a line.
struct Terminal {
    folder: tempfile::TempDir,
}

impl Terminal {
    /// `None`, with a message on stderr, if tmux is missing.
    fn start(files: &[(&str, &[u8])]) -> Option<Self> {
        if !testkit::env::has_program("interactive", "tmux", &["-V"]) {
            return None;
        }
        let terminal = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        for (name, file) in files {
            fs::write(terminal.folder.path().join(name), file).expect("a file");
        }
        let folder = terminal.folder.path().display().to_string();
        let programs = Path::new(env!("CARGO_BIN_EXE_asciify")).parent().expect("a folder");
        let path = programs.display();
        let shell = format!("cd {folder}; PATH={path}:$PATH; PS1='$ '; HISTFILE=; echo ready");
        terminal.tmux(&["new-session", "-d", "-x", "80", "-y", "24", "bash --norc --noprofile"]);
        terminal.type_in(&shell);
        terminal.wait("a shell", |shown| shown.iter().any(|row| row == "ready").then_some(()));
        terminal.type_in("clear");
        terminal.wait("a clear screen", |shown| (shown[0] == "$").then_some(()));
        Some(terminal)
    }

    /// What a command of tmux prints.
    fn tmux(&self, arguments: &[&str]) -> String {
        let output = Command::new("tmux")
            .args(["-f", "/dev/null", "-S"])
            .arg(self.folder.path().join("tmux"))
            .args(arguments)
            .env("TERM", "xterm-256color")
            .env_remove("TMUX")
            .output()
            .expect("tmux runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Types a line into the shell.
    fn type_in(&self, line: &str) {
        self.tmux(&["send-keys", "-l", line]);
        self.tmux(&["send-keys", "Enter"]);
    }

    fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Sends a report of the pointer, in the form of xterm's SGR mode: a button, and a column and a row
    /// counted from 1.
    fn pointer(&self, button: u32, (column, row): (u32, u32)) {
        self.tmux(&["send-keys", "-l", &format!("\x1b[<{button};{column};{row}M")]);
    }

    /// The rows of the screen, without the blanks at their ends.
    fn shown(&self) -> Vec<String> {
        let screen = self.tmux(&["capture-pane", "-p"]);
        screen.lines().map(|row| row.trim_end().to_owned()).collect()
    }

    /// Looks at the screen until `look` returns something.
    fn wait<T>(&self, what: &str, look: impl Fn(&[String]) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            let shown = self.shown();
            if let Some(seen) = look(&shown) {
                return seen;
            }
            assert!(start.elapsed() < LIMIT, "no {what}: {shown:#?}");
            thread::sleep(INTERVAL);
        }
    }

    /// Waits for a picture of 80 columns and 23 rows, and returns the status line.
    fn wait_for(&self, picture: &str) -> String {
        let wanted: Vec<String> = picture.lines().map(|row| row.trim_end().to_owned()).collect();
        let what = format!("picture like\n{picture}");
        self.wait(&what, |shown| {
            let (status, rows) = shown.split_last()?;
            (rows == wanted && !status.contains("drawing")).then(|| status.clone())
        })
    }

    /// Waits for the prompt behind what was printed, and returns the printed line, also if it is longer
    /// than the screen is wide.
    fn printed(&self) -> String {
        self.wait("prompt", |shown| {
            let last = shown.iter().rev().find(|row| !row.is_empty())?;
            (last == "$").then_some(())
        });
        let joined = self.tmux(&["capture-pane", "-p", "-J"]);
        let mut lines =
            joined.lines().map(str::trim_end).filter(|row| !row.is_empty() && *row != "$");
        lines.next_back().expect("a line").to_owned()
    }

    /// What tmux knows of the terminal.
    fn is(&self, flag: &str) -> bool {
        self.tmux(&["display-message", "-p", &format!("#{{{flag}}}")]).trim() == "1"
    }

    /// Waits for the end of the program, and checks its exit code, and that the screen, the cursor, the
    /// pointer and line editing are as before.
    fn assert_restored(&self, code: u32) {
        self.wait("restored screen", |shown| {
            let is_restored = shown.iter().any(|row| row.starts_with("$ asciify "));
            (is_restored && !self.is("alternate_on")).then_some(())
        });
        assert!(self.is("cursor_flag") && !self.is("mouse_any_flag"));
        self.type_in("echo code $?; stty -a | grep -o ' -*icanon\\| -*echo ' | xargs echo modes");
        let code = format!("code {code}");
        self.wait(&code, |shown| {
            let is_shown = |wanted: &str| shown.iter().any(|row| row == wanted);
            (is_shown(&code) && is_shown("modes icanon echo")).then_some(())
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.tmux(&["kill-server"]);
            return;
        }
        let socket = self.folder.path().join("tmux");
        let _failed_already =
            Command::new("tmux").arg("-S").arg(socket).arg("kill-server").status();
    }
}

/// A picture that fills 80 × 23 cells, and its bytes as a file.
fn picture() -> Vec<u8> {
    let picture = lopsided().resize_exact(640, 368, image::imageops::FilterType::Triangle);
    png(&picture.to_rgb8().into())
}

/// The text of a part of the picture on the whole screen.
fn drawn(file: &[u8], options: &str) -> String {
    text(file, &format!("width=80&height=23{options}"))
}

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
        terminal.type_in("clear");
        terminal.wait("a clear screen", |shown| (shown[0] == "$").then_some(()));
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
