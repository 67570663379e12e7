//! Prose as documents have it: paragraphs, and code between backticks. Everything else is text.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// Text for one line; writes itself as HTML.
#[derive(Clone, Default)]
pub(super) struct Prose(String);

/// It escapes what it writes.
impl HtmlSafe for Prose {}

impl Prose {
    pub(super) fn new(text: &str) -> Self {
        Prose(text.trim().to_owned())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The paragraphs of a text.
pub(super) fn paragraphs(text: &str) -> Vec<Prose> {
    text.split("\n\n").map(Prose::new).filter(|prose| !prose.is_empty()).collect()
}

impl fmt::Display for Prose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('`') {
            let Some((code, after)) = after.split_once('`') else { break };
            plain(f, before)?;
            f.write_str("<code>")?;
            plain(f, code)?;
            f.write_str("</code>")?;
            rest = after;
        }
        plain(f, rest)
    }
}

fn plain(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let Ok(escaped) = escape(text, Html);
    write!(f, "{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_marked_and_everything_is_escaped() {
        let shown = |text| Prose::new(text).to_string();
        assert_eq!(shown("a `<b>` & c"), "a <code>&#60;b&#62;</code> &#38; c");
        assert_eq!(shown("`a` `b` \"`"), "<code>a</code> <code>b</code> &#34;`");
        assert_eq!(paragraphs("a\nb\n\n\nc").len(), 2);
    }
}
