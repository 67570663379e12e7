//! Writes frames of an animation for terminals: in place of the frame before, and as a recording in the
//! format asciicast v2 (<https://docs.asciinema.org/manual/asciicast/v2/>).

use std::fmt::Write;
use std::time::Duration;

/// A frame in place of the one before it, of whose text `frame` has as many rows; at the cursor if
/// `is_first`. `frame` is text as [`ansi`](super::ansi) writes it, whose rows end before their last
/// blanks. The cursor is left on the line below.
pub fn next_frame(frame: &str, is_first: bool) -> String {
    let rows = frame.lines().count();
    let mut text = String::with_capacity(frame.len() + 3 * rows + 16);
    if !is_first && rows > 0 {
        write!(text, "\r\x1b[{rows}A").expect("writing to a String cannot fail");
    }
    for row in frame.lines() {
        text.push_str(row);
        // erases what the frame before had in the rest of the row
        text.push_str("\x1b[K\n");
    }
    text
}

/// The first line of a recording, of a picture of so many columns and rows.
pub fn cast_header(columns: u32, rows: u32, title: &str) -> String {
    let title = json_string(title);
    format!("{{\"version\": 2, \"width\": {columns}, \"height\": {rows}, \"title\": {title}}}\n")
}

/// The line of a recording that shows a frame at a time since its beginning. `frame` is text as
/// [`ansi`](super::ansi) writes it.
pub fn cast_frame(at: Duration, frame: &str) -> String {
    // no cursor, and the first row at the top; without a line end behind the last row
    let mut text = "\x1b[?25l\x1b[H".to_owned();
    for (index, row) in frame.lines().enumerate() {
        text.push_str(if index == 0 { "" } else { "\r\n" });
        text.push_str(row);
        text.push_str("\x1b[K");
    }
    event(at, &text)
}

/// The last line of a recording: it says how long the last frame is shown.
pub fn cast_end(at: Duration) -> String {
    event(at, "\x1b[?25h")
}

fn event(at: Duration, output: &str) -> String {
    format!("[{:.3}, \"o\", {}]\n", at.as_secs_f64(), json_string(output))
}

/// A JSON string (RFC 8259, section 7), with quotes.
fn json_string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            '\n' => string.push_str("\\n"),
            '\r' => string.push_str("\\r"),
            c if c.is_control() => {
                write!(string, "\\u{:04x}", u32::from(c)).expect("writing to a String cannot fail");
            }
            c => string.push(c),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_replaces_the_one_before_it() {
        assert_eq!(next_frame("ab\nc\n", true), "ab\x1b[K\nc\x1b[K\n");
        assert_eq!(next_frame("ab\nc\n", false), "\r\x1b[2Aab\x1b[K\nc\x1b[K\n");
    }

    #[test]
    fn a_recording_is_lines_of_json() {
        let header = cast_header(2, 1, "a \"b\"\\\u{1}");
        let title = r#""a \"b\"\\\u0001""#;
        assert_eq!(
            header,
            format!("{{\"version\": 2, \"width\": 2, \"height\": 1, \"title\": {title}}}\n")
        );
        assert_eq!(
            cast_frame(Duration::from_millis(1250), "ab\nc\n"),
            "[1.250, \"o\", \"\\u001b[?25l\\u001b[Hab\\u001b[K\\r\\nc\\u001b[K\"]\n"
        );
    }
}
