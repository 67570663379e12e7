//! The file name of an image.

use asciify::is_display_control;

/// Longer file names are cut.
const MAX_NAME_CHARS: usize = 255;

/// A file name without display controls and zero-width characters, at most 255 characters long;
/// `None` when nothing is left.
pub fn clean_name(name: String) -> Option<String> {
    let has_no_width =
        |c| matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let visible = name.chars().filter(|&c| !is_display_control(c) && !has_no_width(c));
    let clean: String = visible.take(MAX_NAME_CHARS).collect();
    (!clean.trim().is_empty()).then_some(clean)
}
