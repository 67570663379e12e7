//! Writes a [`Grid`] down: as plain text, or as a page of HTML.

use crate::{Background, Grid};

/// Plain UTF-8: a newline after every row, trailing spaces kept.
///
/// Parsing the result as a [`Grid`] gives the grid back.
pub fn txt(grid: &Grid) -> String {
    let mut text = String::with_capacity(grid.rows() * (grid.columns() + 1));
    for row in grid.lines() {
        text.extend(row);
        text.push('\n');
    }
    text
}

/// One self-contained HTML5 page, in cells twice as high as wide.
///
/// `title` is plain text: it names the page, and stands for the picture where it is read aloud.
pub fn html(grid: &Grid, background: Background, title: &str) -> String {
    // The advance of the usual monospace fonts is 0.6 em: lines of 1.2 em make cells of 1:2.
    const STYLE: &str = "body{margin:1rem}\
                         pre{margin:0;font:12px/1.2 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}";
    let colours = match background {
        Background::Dark => "html{color-scheme:dark;background:#000;color:#fff}",
        Background::Light => "html{color-scheme:light;background:#fff;color:#000}",
    };
    let title = escaped(title);
    let picture = escaped(&txt(grid));
    // A parser drops a newline that directly follows `<pre>`; the picture itself has none to lose.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{colours}{STYLE}</style>\n</head>\n<body>\n\
         <pre role=\"img\" aria-label=\"{title}\">\n{picture}</pre>\n</body>\n</html>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // HTML forbids control characters, even written as references.
            c if c.is_control() && c != '\n' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_no_markup_but_its_own() {
        let grid: Grid = "<&>\"'".parse().expect("one row");
        let page = html(&grid, Background::Light, "</title><script>'\"\u{0}");
        assert!(page.contains("\n&lt;&amp;&gt;&quot;&#39;\n</pre>"), "{page}");
        assert!(
            page.contains("<title>&lt;/title&gt;&lt;script&gt;&#39;&quot;\u{fffd}</title>"),
            "{page}"
        );
        assert!(page.contains("aria-label=\"&lt;/title&gt;"), "{page}");
    }
}
