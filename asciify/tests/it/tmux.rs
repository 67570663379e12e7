//! A terminal in tmux, which is sent keys and says what is on the screen.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use testkit::pictures::{lopsided, png, text};

/// Longer than anything takes, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the screen is looked at.
const INTERVAL: Duration = Duration::from_millis(20);
/// Options with which the picture does not depend on the terminal.
pub(crate) const PLAIN: &str = "--color=none --background=dark";

/// A terminal of 80 × 24 in which a shell runs. Its prompt is `$`, at the beginning of a line.
pub(crate) struct Terminal {
    pub(crate) folder: tempfile::TempDir,
}

impl Terminal {
    /// `None`, with a message on stderr, if tmux is missing.
    pub(crate) fn start(files: &[(&str, &[u8])]) -> Option<Self> {
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
        terminal.tmux(&["send-keys", "-l", &shell]);
        terminal.keys(&["Enter"]);
        terminal.wait("a shell", |shown| shown.iter().any(|row| row == "ready").then_some(()));
        terminal.clear();
        Some(terminal)
    }

    /// What a command of tmux prints.
    pub(crate) fn tmux(&self, arguments: &[&str]) -> String {
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

    /// Types a line at the shell's prompt. The line is on the screen when this returns: a prompt that is
    /// seen afterwards is the next one.
    pub(crate) fn type_in(&self, line: &str) {
        self.wait_for_prompt();
        self.tmux(&["send-keys", "-l", line]);
        // a long line goes on in the next rows
        let wanted = format!("${line}").replace(' ', "");
        self.wait(line, |shown| shown.concat().replace(' ', "").ends_with(&wanted).then_some(()));
        self.keys(&["Enter"]);
    }

    /// Clears the screen.
    pub(crate) fn clear(&self) {
        self.type_in("clear");
        self.wait("a clear screen", |shown| (shown[0] == "$").then_some(()));
    }

    fn wait_for_prompt(&self) {
        self.wait("prompt", |shown| {
            (shown.iter().rfind(|row| !row.is_empty())? == "$").then_some(())
        });
    }

    pub(crate) fn keys(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys"], keys].concat());
    }

    /// Sends a report of the pointer, in the form of xterm's SGR mode: a button, and a column and a row
    /// counted from 1.
    pub(crate) fn pointer(&self, button: u32, (column, row): (u32, u32)) {
        self.tmux(&["send-keys", "-l", &format!("\x1b[<{button};{column};{row}M")]);
    }

    /// The rows of the screen, without the blanks at their ends.
    fn shown(&self) -> Vec<String> {
        let screen = self.tmux(&["capture-pane", "-p"]);
        screen.lines().map(|row| row.trim_end().to_owned()).collect()
    }

    /// Looks at the screen until `look` returns something.
    pub(crate) fn wait<T>(&self, what: &str, look: impl Fn(&[String]) -> Option<T>) -> T {
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
    pub(crate) fn wait_for(&self, picture: &str) -> String {
        let wanted: Vec<String> = picture.lines().map(|row| row.trim_end().to_owned()).collect();
        let what = format!("picture like\n{picture}");
        self.wait(&what, |shown| {
            let (status, rows) = shown.split_last()?;
            (rows == wanted && !status.contains("drawing")).then(|| status.clone())
        })
    }

    /// Waits for the prompt behind what was printed, and returns the printed line, also if it is longer
    /// than the screen is wide.
    pub(crate) fn printed(&self) -> String {
        self.wait_for_prompt();
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
    pub(crate) fn assert_restored(&self, code: u32) {
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
pub(crate) fn picture() -> Vec<u8> {
    let picture = lopsided().resize_exact(640, 368, image::imageops::FilterType::Triangle);
    png(&picture.to_rgb8().into())
}

/// The text of a part of the picture on the whole screen.
pub(crate) fn drawn(file: &[u8], options: &str) -> String {
    text(file, &format!("width=80&height=23{options}"))
}
