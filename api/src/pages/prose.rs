//! Prose as documents have it: paragraphs, code between backticks, and pages of ours that it names.
//! Everything else is text.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// Pages that prose names by their addresses: there, a reader wants to go.
const PAGES: &[&str] = &["/docs", "/problems", "/openapi.json"];

/// Text for one line; writes itself as HTML.
#[derive(Clone, Default)]
pub(super) struct Prose(String);

/// It escapes what it writes.
impl HtmlSafe for Prose {}

impl Prose {
    pub(super) fn new(text: &str) -> Self {
        Prose(text.trim().to_owned())
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.0
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
            words(f, before)?;
            match PAGES.contains(&code) {
                true => write!(f, "<a href=\"{code}\"><code>{code}</code></a>")?,
                false => {
                    f.write_str("<code>")?;
                    plain(f, code)?;
                    f.write_str("</code>")?;
                }
            }
            rest = after;
        }
        words(f, rest)
    }
}

/// Details are JSON's as well, and have no backticks.
fn words(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.split_inclusive(' ').try_for_each(|word| {
        let name = word.trim_end_matches([' ', '.', ',', ';', ':']);
        match PAGES.contains(&name) {
            true => write!(f, "<a href=\"{name}\">{name}</a>{}", &word[name.len()..]),
            false => plain(f, word),
        }
    })
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
        assert_eq!(shown("See `/docs`."), "See <a href=\"/docs\"><code>/docs</code></a>.");
        assert_eq!(shown("no; /docs lists"), "no; <a href=\"/docs\">/docs</a> lists");
        assert_eq!(paragraphs("a\nb\n\n\nc").len(), 2);
    }
}
