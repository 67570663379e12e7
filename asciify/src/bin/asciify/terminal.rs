//! The terminal that standard output goes to: its size, and the colours that it shows.

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

/// The value of an environment variable; empty if it is not set.
#[expect(clippy::disallowed_methods, reason = "terminals announce by variables what they can show")]
fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}
