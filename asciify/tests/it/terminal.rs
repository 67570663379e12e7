//! The command on a terminal, and what environment variables say about one.

use std::io::Read;
use std::process::{Command, Stdio};

use image::{GrayImage, Luma};
use testkit::pictures::{lopsided, png, text};

/// The variables that the command reads.
const VARIABLES: [&str; 7] =
    ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "TERM", "COLUMNS"];

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_asciify"));
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command
}

struct Folder(tempfile::TempDir);

impl Folder {
    /// With a portrait and a coloured picture.
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        let portrait = GrayImage::from_fn(8, 24, |x, _| Luma([x as u8 * 30]));
        std::fs::write(folder.path("portrait.png"), png(&portrait.into())).expect("a file");
        std::fs::write(folder.path("colors.png"), png(&lopsided())).expect("a file");
        folder
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// What the command prints into a pipe.
    fn piped(&self, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let colors = self.path("colors.png");
        let output = command(variables).args(arguments).arg(colors).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

#[test]
fn columns_counts_without_a_terminal_unless_a_size_is_given() {
    let folder = Folder::new();
    let width = |arguments: &[&str], columns: &str| {
        let printed = folder.piped(arguments, &[("COLUMNS", columns)]);
        printed.lines().map(str::len).max().expect("rows")
    };
    assert_eq!((width(&[], "132"), width(&[], "")), (132, 80));
    for wrong in ["0", "-5", "many"] {
        assert_eq!(width(&[], wrong), 80, "{wrong}");
    }
    assert_eq!((width(&["--width", "50"], "132"), width(&["--height", "10"], "132")), (50, 30));
}

#[test]
fn variables_and_flags_decide_about_colours_in_their_order() {
    let folder = Folder::new();
    let is_coloured = |arguments: &[&str], variables: &[(&str, &str)]| {
        folder.piped(arguments, variables).contains('\x1b')
    };
    let cases: [(&[(&str, &str)], bool); 12] = [
        (&[], false),
        (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], false),
        (&[("CLICOLOR", "1")], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
        (&[("FORCE_COLOR", "1")], true),
        (&[("FORCE_COLOR", "3"), ("TERM", "dumb")], true),
        (&[("FORCE_COLOR", "0")], false),
        (&[("FORCE_COLOR", "")], false),
        (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1")], false),
        (&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")], true),
    ];
    for (variables, wanted) in cases {
        assert_eq!(is_coloured(&[], variables), wanted, "{variables:?}");
        assert!(is_coloured(&["--format", "ansi"], variables), "{variables:?}");
        assert!(is_coloured(&["--color", "full"], variables), "{variables:?}");
        assert!(!is_coloured(&["--color", "none"], variables), "{variables:?}");
        assert!(!is_coloured(&["--format", "txt"], variables), "{variables:?}");
        let look = folder.path("look.ansi");
        folder.piped(&["-o", &look], variables);
        assert!(std::fs::read_to_string(&look).expect("a file").contains('\x1b'), "{variables:?}");
    }
    // as many colours as the terminal has
    let term = [("CLICOLOR_FORCE", "1"), ("TERM", "xterm-256color")];
    assert!(folder.piped(&[], &term).contains("\x1b[38;5;"));
    assert!(folder.piped(&["--format", "ansi"], &[("COLORTERM", "truecolor")]).contains("38;2;"));
}

/// What the command prints on a terminal of that size.
#[cfg(target_os = "linux")]
fn on_terminal((columns, rows): (u16, u16), command: &mut Command) -> String {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};

    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("permission");
    unlockpt(&controller).expect("the lock");
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("a size");
    let name = ptsname(&controller, Vec::new()).expect("a name").into_string().expect("UTF-8");
    let terminal = std::fs::File::options().write(true).open(name).expect("the terminal");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(terminal)
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the program was built");
    // the command still holds the terminal
    command.stdout(Stdio::null());
    let mut printed = Vec::new();
    // reading fails once no process has the terminal open
    let _closed = std::fs::File::from(controller).read_to_end(&mut printed);
    assert!(child.wait().expect("it ends").success());
    String::from_utf8(printed).expect("UTF-8").replace("\r\n", "\n")
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_the_whole_picture_is_in_view() {
    let folder = Folder::new();
    let portrait = folder.path("portrait.png");
    let file = std::fs::read(&portrait).expect("a file");
    // the last row is the prompt's
    for (size, spec) in [
        ((100, 30), "height=29"),
        ((10, 200), "width=10"),
        ((1, 1), "width=1&height=1"),
        ((2000, 5000), "height=1000"),
    ] {
        let printed = on_terminal(size, command(&[("COLUMNS", "55")]).arg(&portrait));
        assert_eq!(printed, text(&file, spec), "{size:?}");
    }
    let sized = on_terminal((100, 30), command(&[]).args(["--width=40", &portrait]));
    assert_eq!(sized, text(&file, "width=40"));
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_pictures_have_its_colours() {
    let folder = Folder::new();
    let colors = folder.path("colors.png");
    let printed = |arguments: &[&str], variables: &[(&str, &str)]| {
        on_terminal((80, 24), command(variables).args(arguments).arg(&colors))
    };
    let xterm = ("TERM", "xterm");
    assert!(printed(&[], &[xterm]).contains("\x1b["));
    assert!(printed(&["--format", "ansi"], &[xterm]).contains("\x1b["));
    assert!(printed(&[], &[("COLORTERM", "truecolor")]).contains("\x1b[38;2;"));
    for off in [("TERM", "dumb"), ("NO_COLOR", "1"), ("CLICOLOR", "0"), ("FORCE_COLOR", "0")] {
        assert!(!printed(&[], &[xterm, off]).contains('\x1b'), "{off:?}");
    }
}
