//! The command on a terminal, and what environment variables say about one.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

use image::{GrayImage, Luma};
use testkit::pictures::{frames, gif, lopsided, png, text, webp};

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

/// The controlling side of a new terminal of that size, and the terminal.
#[cfg(target_os = "linux")]
fn terminal((columns, rows): (u16, u16)) -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};

    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&controller).expect("permission");
    unlockpt(&controller).expect("the lock");
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&controller, size).expect("a size");
    let name = ptsname(&controller, Vec::new()).expect("a name").into_string().expect("UTF-8");
    let terminal = File::options().read(true).write(true).open(name).expect("the terminal");
    (controller.into(), terminal)
}

#[cfg(target_os = "linux")]
fn start(command: &mut Command, input: Stdio, terminal: File) -> Child {
    let child = command
        .stdin(input)
        .stdout(terminal)
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the program was built");
    // the command still holds the terminal
    command.stdin(Stdio::null()).stdout(Stdio::null());
    child
}

/// What is printed until no process has the terminal open: then, reading fails.
#[cfg(target_os = "linux")]
fn rest(mut controller: File) -> String {
    let mut printed = Vec::new();
    let _closed = controller.read_to_end(&mut printed);
    String::from_utf8(printed).expect("UTF-8").replace("\r\n", "\n")
}

/// What is printed up to those words.
#[cfg(target_os = "linux")]
fn up_to(controller: &mut File, words: &str) -> String {
    let mut printed = Vec::new();
    while !printed.ends_with(words.as_bytes()) {
        let mut byte = [0];
        controller.read_exact(&mut byte).expect("it prints the words");
        printed.extend(byte);
    }
    String::from_utf8(printed).expect("UTF-8")
}

/// What the command prints on a terminal of that size.
#[cfg(target_os = "linux")]
fn on_terminal(size: (u16, u16), command: &mut Command) -> String {
    let (controller, terminal) = terminal(size);
    let mut child = start(command, Stdio::null(), terminal);
    let printed = rest(controller);
    assert!(child.wait().expect("it ends").success());
    printed
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

/// The texts of frames, from what was printed: each is written over the one before.
fn shown(printed: &str) -> Vec<String> {
    printed.split("\r\x1b[2A").map(|frame| frame.replace("\x1b[K", "")).collect()
}

#[test]
fn an_animation_is_played_where_it_is_asked_for() {
    let folder = Folder::new();
    let moving = folder.path("moving.gif");
    std::fs::write(&moving, gif()).expect("a file");
    let run = |arguments: &[&str]| {
        let spec = ["--size", "4x2", "--fit=stretch", "--match=ramp", "--speed=10"];
        let output =
            command(&[]).args(spec).args(arguments).arg(&moving).output().expect("it runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    let still = |frame: usize| {
        text(&gif(), &format!("width=4&height=2&fit=stretch&match=ramp&frame={frame}"))
    };
    let all: Vec<String> = (0..frames().len()).map(still).collect();
    // in a pipe, the first frame
    assert_eq!(run(&[]), (Some(0), still(0)));
    for yes in ["--animate", "--animate=yes", "--animate=on"] {
        let (code, printed) = run(&[yes]);
        assert_eq!((code, shown(&printed)), (Some(0), all.clone()), "{yes}");
    }
    let twice = run(&["--animate=yes", "--loops=2"]).1;
    assert_eq!(shown(&twice), [all.clone(), all].concat());
    for wrong in [&["--animate=perhaps"][..], &["--animate=yes", "--frame=1"], &["--speed=0"]] {
        assert_eq!(run(wrong).0, Some(2), "{wrong:?}");
    }
    let recording = run(&["--format=cast"]).1;
    let lines: Vec<&str> = recording.lines().collect();
    assert!(lines[0].starts_with(r#"{"version": 2, "width": 4, "height": 2"#), "{}", lines[0]);
    let starts = ["[0.000, ", "[0.010, ", "[0.020, ", "[0.030, "];
    assert!(lines[1..].iter().zip(starts).all(|(line, start)| line.starts_with(start)));
    assert_eq!(lines.len(), 5);
}

#[test]
#[cfg(target_os = "linux")]
fn on_a_terminal_an_animation_is_played_and_the_terminal_is_left_as_it_was() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::os::unix::process::ExitStatusExt;

    const RESTORED: &str = "\x1b[0m\x1b[?25h";
    let folder = Folder::new();
    let (once, endless) = (folder.path("once.gif"), folder.path("endless.webp"));
    std::fs::write(&once, gif()).expect("a file");
    std::fs::write(&endless, webp()).expect("a file");
    let look = ["--size", "4x2", "--fit=stretch", "--match=ramp"];
    let printed = on_terminal((80, 24), command(&[]).args(look).args(["--speed=10", &once]));
    let played = printed.strip_prefix("\x1b[?25l").and_then(|it| it.strip_suffix(RESTORED));
    assert_eq!(shown(played.expect("the cursor is hidden meanwhile")).len(), 3, "{printed:?}");
    let still = on_terminal((80, 24), command(&[]).args(look).args(["--animate=no", &once]));
    assert_eq!(still, text(&gif(), "width=4&height=2&fit=stretch&match=ramp"));

    let (mut controller, terminal) = terminal((80, 24));
    let mut child = start(command(&[]).args(look).arg(&endless), Stdio::null(), terminal);
    up_to(&mut controller, "\x1b[2A");
    kill_process(Pid::from_child(&child), Signal::INT).expect("it runs");
    let ending = rest(controller);
    assert!(ending.ends_with(RESTORED), "{ending:?}");
    assert_eq!(child.wait().expect("it ends").signal(), Some(2));
}

/// `setsid` of util-linux makes its standard input the terminal of a new session.
#[test]
#[cfg(target_os = "linux")]
fn a_light_terminal_gets_dark_text() {
    let folder = Folder::new();
    let portrait = folder.path("portrait.png");
    let file = std::fs::read(&portrait).expect("a file");
    for (answer, background) in [
        ("\x1b]11;rgb:ffff/fbfb/f0f0\x1b\\\x1b[?62;22c", "light"),
        ("\x1b]11;rgb:0000/2b2b/3636\x07\x1b[?62;22c", "dark"),
        // it does not know the question
        ("\x1b[?1;2c", "dark"),
    ] {
        let (mut controller, terminal) = terminal((80, 24));
        let input = terminal.try_clone().expect("a second handle");
        let mut program = Command::new("setsid");
        program.args(["--ctty", "--wait", env!("CARGO_BIN_EXE_asciify"), "-w", "20", &portrait]);
        for name in VARIABLES {
            program.env_remove(name);
        }
        // no colours, so that the texts can be compared
        program.env("TERM", "vt100");
        let mut child = start(&mut program, input.into(), terminal);
        up_to(&mut controller, "\x1b]11;?\x1b\\\x1b[c");
        controller.write_all(answer.as_bytes()).expect("it listens");
        let printed = rest(controller);
        assert!(child.wait().expect("it ends").success());
        let wanted = text(&file, &format!("width=20&background={background}"));
        assert_eq!(printed, wanted, "{answer:?}");
    }
}

#[test]
fn a_size_is_columns_and_rows() {
    let folder = Folder::new();
    let colors = std::fs::read(folder.path("colors.png")).expect("a file");
    assert_eq!(folder.piped(&["--size", "30x8"], &[]), text(&colors, "width=30&height=8"));
    assert_eq!(folder.piped(&["-w", "17"], &[]), text(&colors, "width=17"));
    for wrong in ["30", "x8", "30x", "30x8x2", "axb", "0x5", "30x1001"] {
        let output = command(&[]).args(["--size", wrong]).arg(folder.path("colors.png")).output();
        assert_eq!(output.expect("it runs").status.code(), Some(2), "{wrong}");
    }
}
