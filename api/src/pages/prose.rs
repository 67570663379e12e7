//! A subset of Markdown as HTML: paragraphs, and code in backticks. Names of our own pages become
//! links. Everything else is escaped.

use std::fmt;

use askama::filters::{Html, HtmlSafe, escape};

/// Addresses that become links.
const PAGES: &[&str] = &["/docs", "/problems", "/openapi.json"];

/// A paragraph of prose; its `Display` is HTML.
#[derive(Clone, Default)]
pub(super) struct Prose(String);

/// Its `Display` escapes the text.
impl HtmlSafe for Prose {}

impl Prose {
    pub(super) fn new(text: &str) -> Self {
        Prose(text.trim().to_owned())
    }

    /// The source text.
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

/// Text outside of backticks. The details of problems name pages without them.
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
        let html = |text| Prose::new(text).to_string();
        assert_eq!(html("a `<b>` & c"), "a <code>&#60;b&#62;</code> &#38; c");
        assert_eq!(html("`a` `b` \"`"), "<code>a</code> <code>b</code> &#34;`");
        assert_eq!(html("See `/docs`."), "See <a href=\"/docs\"><code>/docs</code></a>.");
        assert_eq!(html("no; /docs lists"), "no; <a href=\"/docs\">/docs</a> lists");
        assert_eq!(paragraphs("a\nb\n\n\nc").len(), 2);
    }
}
