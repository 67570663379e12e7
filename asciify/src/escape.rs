//! Text that is safe to print: characters that control a terminal or reorder a line are escaped.

use std::borrow::Cow;

/// Whether `c` changes how the text around it is displayed: a control character (C0, DEL, C1), a
/// character with the property Bidi_Control (UAX #9, 2), or a line or paragraph separator.
pub fn is_display_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` on one line, with every [display control](is_display_control) escaped as in a Rust string:
/// a line feed is `\n`, an escape character `\u{1b}`.
///
/// ```
/// assert_eq!(asciify::escape_controls("a\u{202e}gnp.exe"), "a\\u{202e}gnp.exe");
/// ```
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_display_control) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_display_control(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_escaped_and_everything_else_is_kept() {
        let kept = "Jüpiter 木星.png \\u{1b} \u{200d}\u{a0}\u{feff}";
        assert_eq!(escape_controls(kept), kept);
        let controls = ('\0'..' ')
            .chain('\u{7f}'..='\u{9f}')
            .chain(['\u{61c}', '\u{200e}', '\u{200f}'])
            .chain('\u{2028}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}');
        for c in controls {
            let escaped = escape_controls(&format!("a{c}b")).into_owned();
            assert_eq!(escaped, format!("a{}b", c.escape_default()));
            assert!(escaped.bytes().all(|b| b.is_ascii_graphic()), "{escaped}");
        }
    }
}
