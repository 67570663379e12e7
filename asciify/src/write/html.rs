//! Output as an HTML page.

use std::collections::HashMap;
use std::fmt::Write;

use crate::grid::{Cell, Grid};
use crate::spec::values::Background;
use crate::write::markup::{escaped, hex};

/// One self-contained HTML5 page, of cells twice as high as wide.
///
/// `title` is plain text: the page's title, and the label of the picture for screen readers.
pub fn html(grid: &Grid, background: Background, title: &str) -> String {
    // The usual monospace fonts advance by 0.6 em: lines of 1.2 em make cells of 1:2. The
    // background of an inline-block fills its line.
    const STYLE: &str = "body{margin:1rem}\
                         pre{margin:0;font:12px/1.2 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\
                         i{font-style:normal;display:inline-block}";
    let colours = match background {
        Background::Dark => "html{color-scheme:dark;background:#000;color:#fff}",
        Background::Light => "html{color-scheme:light;background:#fff;color:#000}",
    };
    let title = escaped(title);
    let (rules, picture) = spans(grid);
    // A parser drops a newline that directly follows `<pre>`, so one is added.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{colours}{STYLE}{rules}</style>\n</head>\n<body>\n\
         <pre role=\"img\" aria-label=\"{title}\">\n{picture}</pre>\n</body>\n</html>\n"
    )
}

/// The style rules and the rows of text: a rule for each pair of colours, and an element around
/// each run of cells of the same pair. Classes instead of `style` attributes, since a strict
/// content security policy can allow a style sheet by its hash.
fn spans(grid: &Grid) -> (String, String) {
    let (mut rules, mut text) = (String::new(), String::new());
    let mut classes = HashMap::new();
    for row in grid.lines() {
        for run in row.chunk_by(has_same_colours) {
            let symbols = escaped(&run.iter().map(|cell| cell.symbol).collect::<String>());
            let Cell { foreground, background, .. } = run[0];
            if (foreground, background) == (None, None) {
                text.push_str(&symbols);
                continue;
            }
            let next = classes.len();
            let class = *classes.entry((foreground, background)).or_insert_with(|| {
                let foreground = foreground.map(|it| format!("color:{}", hex(it)));
                let background = background.map(|it| format!("background:{}", hex(it)));
                let style: Vec<String> = foreground.into_iter().chain(background).collect();
                let _infallible = write!(rules, ".c{next}{{{}}}", style.join(";"));
                next
            });
            let _infallible = write!(text, "<i class=\"c{class}\">{symbols}</i>");
        }
        text.push('\n');
    }
    (rules, text)
}

fn has_same_colours(one: &Cell, other: &Cell) -> bool {
    (one.foreground, one.background) == (other.foreground, other.background)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::color::Color;

    #[test]
    fn a_page_names_each_pair_of_colours_once() {
        let red = Some(Color::Rgb([255, 0, 0]));
        let cells = ["a", "b", "a"].map(|symbol| {
            let background = (symbol == "b").then_some(Color::Indexed(4));
            Cell::new(symbol.chars().next().unwrap_or_default(), red, background)
        });
        let page = html(&Grid::new(3, cells.into()), Background::Dark, "");
        let row = "<i class=\"c0\">a</i><i class=\"c1\">b</i><i class=\"c0\">a</i>";
        assert!(page.contains(row), "{page}");
        assert_eq!(page.matches(".c0{color:#ff0000}").count(), 1, "{page}");
        assert!(!page.contains("style="), "{page}");
    }

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
