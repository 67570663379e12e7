//! The terminal that standard output goes to: its size, its background, and the colours that it shows.

use std::env;

/// Columns and rows. Without a terminal, COLUMNS may say how many columns the reader has.
pub(crate) fn size(is_terminal: bool) -> (Option<u32>, Option<u32>) {
    let size = terminal_size::terminal_size().filter(|_| is_terminal);
    match size {
        Some((width, height)) => (Some(width.0.into()), Some(height.0.into())),
        None => (variable("COLUMNS").parse().ok().filter(|it| *it > 0), None),
    }
}

/// The value of the option `color` where none is given. `wants_ansi` says that the output format was
/// chosen to be `ansi`. Otherwise NO_COLOR (no-color.org) comes first, then CLICOLOR_FORCE and
/// FORCE_COLOR, then CLICOLOR (bixense.com/clicolors).
pub(crate) fn colors(is_terminal: bool, wants_ansi: bool) -> &'static str {
    let [no_color, clicolor, clicolor_force, force_color, colorterm, term] =
        ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "TERM"]
            .map(variable);
    let announced = announced(&colorterm, &term);
    let forced = if announced == "none" { "16" } else { announced };
    let is_on = |value: &str| !matches!(value, "" | "0" | "false");
    if wants_ansi {
        forced
    } else if !no_color.is_empty() {
        "none"
    } else if is_on(&clicolor_force) || is_on(&force_color) {
        forced
    } else if !is_terminal || clicolor == "0" || !force_color.is_empty() {
        "none"
    } else {
        announced
    }
}

/// The colours of the terminal that COLORTERM and TERM name.
fn announced(colorterm: &str, term: &str) -> &'static str {
    let any = |value: &str, all: &[&str]| all.iter().any(|holds| value.contains(holds));
    if term.contains("dumb") {
        "none"
    } else if any(colorterm, &["truecolor", "24bit"])
        || any(term, &["direct", "kitty", "alacritty", "ghostty"])
    {
        "full"
    } else if term.contains("256color") {
        "256"
    } else if any(term, &["color", "xterm", "screen", "tmux", "rxvt", "linux"]) {
        "16"
    } else {
        "none"
    }
}

/// Whether the background of the terminal is light, if it tells.
pub(crate) fn is_light() -> bool {
    !matches!(variable("TERM").as_str(), "" | "dumb")
        && ask_background().is_some_and(|background| is_light_color(&background))
}

/// What the terminal answers to the question for its background (xterm, OSC 11).
#[cfg(unix)]
fn ask_background() -> Option<Vec<u8>> {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::ffi::OsStringExt;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::getpgrp;
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcgetpgrp, tcsetattr, ttyname};

    /// How long an answer may take. Every terminal answers the second question, so that one which does
    /// not know the first is not waited for.
    const LIMIT: Duration = Duration::from_millis(300);
    const QUESTIONS: &[u8] = b"\x1b]11;?\x1b\\\x1b[c";
    const MAX_ANSWER_BYTES: usize = 256;

    let name = ttyname(std::io::stdout(), Vec::new()).ok()?.into_bytes();
    let name = std::ffi::OsString::from_vec(name);
    let mut terminal = File::options().read(true).write(true).open(name).ok()?;
    // a program in the background may not change the terminal
    if tcgetpgrp(&terminal).ok()? != getpgrp() {
        return None;
    }
    let before = tcgetattr(&terminal).ok()?;
    let mut raw = before.clone();
    raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    tcsetattr(&terminal, OptionalActions::Now, &raw).ok()?;
    let mut answer = Vec::new();
    let mut ask = || -> Option<()> {
        terminal.write_all(QUESTIONS).ok()?;
        let deadline = Instant::now() + LIMIT;
        // the answer to the second question ends with c
        while answer.last() != Some(&b'c') && answer.len() < MAX_ANSWER_BYTES {
            let left = deadline.checked_duration_since(Instant::now())?;
            let left = Timespec::try_from(left).ok()?;
            let mut polled = [PollFd::new(&terminal, PollFlags::IN)];
            if poll(&mut polled, Some(&left)).ok()? == 0 {
                return None;
            }
            let mut bytes = [0; 64];
            let read = (&terminal).read(&mut bytes).ok().filter(|read| *read > 0)?;
            answer.extend_from_slice(&bytes[..read]);
        }
        Some(())
    };
    let _whether_it_answered = ask();
    // what arrives later is not typed input
    tcsetattr(&terminal, OptionalActions::Flush, &before).ok()?;
    Some(answer)
}

#[cfg(not(unix))]
fn ask_background() -> Option<Vec<u8>> {
    None
}

/// Whether an answer names a light colour: `rgb:` and three hexadecimal numbers of one to four digits.
fn is_light_color(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((_, rest)) = text.split_once("rgb") else { return false };
    let Some((_, channels)) = rest.split_once(':') else { return false };
    let mut channels = channels.split('/').map(|channel| {
        let digits: String = channel.chars().take_while(char::is_ascii_hexdigit).take(4).collect();
        let max = 16_f64.powi(digits.len() as i32) - 1.0;
        u32::from_str_radix(&digits, 16).ok().map(|value| f64::from(value) / max)
    });
    let mut next = || channels.next().flatten();
    match (next(), next(), next()) {
        // weights of ITU-R BT.709 on coded values
        (Some(r), Some(g), Some(b)) => 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.5,
        _ => false,
    }
}

/// The value of an environment variable; empty if it is not set.
#[expect(clippy::disallowed_methods, reason = "terminals announce by variables what they can show")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_names_a_light_or_a_dark_colour() {
        for (answer, is_light) in [
            (&b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?1;2c"[..], true),
            (b"\x1b]11;rgb:fd/f6/e3\x07", true),
            (b"\x1b]11;rgba:ffff/ffff/dddd/ffff\x1b\\", true),
            (b"\x1b]11;rgb:0000/2b2b/3636\x1b\\", false),
            (b"\x1b]11;rgb:0/0/f\x1b\\", false),
            (b"\x1b[?1;2c", false),
            (b"\x1b]11;rgb:ff/ff", false),
            (b"", false),
        ] {
            assert_eq!(is_light_color(answer), is_light, "{answer:?}");
        }
    }
}
