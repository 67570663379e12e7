//! Output as an HTML page.

use std::io::{self, Write};

use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;
use crate::write::markup::{hex, write_escaped};

/// Foreground and background of a cell.
type Colours = (Option<Color>, Option<Color>);

/// Writes the page. `title` is the page's title, and the label of the picture.
pub(super) fn write(
    grid: &Grid,
    background: Background,
    title: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    // The usual monospace fonts advance by 0.6 em: lines of 1.2 em make cells of 1:2. The
    // background of an inline-block fills its line.
    const STYLE: &str = "body{margin:1rem}\
                         pre{margin:0;font:12px/1.2 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\
                         i{font-style:normal;display:inline-block}";
    let colours = match background {
        Background::Dark => "html{color-scheme:dark;background:#000;color:#fff}",
        Background::Light => "html{color-scheme:light;background:#fff;color:#000}",
    };
    out.write_all(
        b"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
          <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
    )?;
    write_escaped(title.chars(), out)?;
    write!(out, "</title>\n<style>{colours}{STYLE}")?;
    let mut classes = classes(grid);
    for ((foreground, background), class) in &classes {
        let foreground = foreground.map(|it| format!("color:{}", hex(it)));
        let background = background.map(|it| format!("background:{}", hex(it)));
        let style: Vec<String> = foreground.into_iter().chain(background).collect();
        write!(out, ".c{class}{{{}}}", style.join(";"))?;
    }
    classes.sort_unstable();
    out.write_all(b"</style>\n</head>\n<body>\n<pre role=\"img\" aria-label=\"")?;
    write_escaped(title.chars(), out)?;
    // A parser drops a newline that directly follows `<pre>`, so one is added.
    out.write_all(b"\">\n")?;
    for row in grid.lines() {
        for run in row.chunk_by(has_same_colours) {
            let class = classes.binary_search_by_key(&colours_of(&run[0]), |(colours, _)| *colours);
            let class = class.ok().map(|index| classes[index].1);
            if let Some(class) = class {
                write!(out, "<i class=\"c{class}\">")?;
            }
            write_escaped(run.iter().map(|cell| cell.symbol), out)?;
            if class.is_some() {
                out.write_all(b"</i>")?;
            }
        }
        out.write_all(b"\n")?;
    }
    out.write_all(b"</pre>\n</body>\n</html>\n")
}

/// Memory of [`classes`], in bytes.
pub(super) fn working_bytes(grid: &Grid) -> usize {
    coloured_runs(grid).count() * size_of::<(Colours, u32)>()
}

/// Each pair of colours with the number of its class, in the order of first use. Classes instead of
/// `style` attributes, since a strict content security policy can allow a style sheet by its hash.
fn classes(grid: &Grid) -> Vec<(Colours, u32)> {
    let mut classes = Vec::with_capacity(coloured_runs(grid).count());
    classes.extend(coloured_runs(grid).zip(0..));
    classes.sort_unstable();
    classes.dedup_by_key(|(colours, _)| *colours);
    classes.sort_unstable_by_key(|(_, first_run)| *first_run);
    for ((_, class), number) in classes.iter_mut().zip(0..) {
        *class = number;
    }
    classes
}

/// The colours of each run of cells that have the same, without the runs that have none.
fn coloured_runs(grid: &Grid) -> impl Iterator<Item = Colours> {
    let runs = grid.lines().flat_map(|row| row.chunk_by(has_same_colours));
    runs.map(|run| colours_of(&run[0])).filter(|colours| *colours != (None, None))
}

fn has_same_colours(one: &Cell, other: &Cell) -> bool {
    colours_of(one) == colours_of(other)
}

fn colours_of(cell: &Cell) -> Colours {
    (cell.foreground, cell.background)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Output;

    fn html(grid: &Grid, background: Background, title: &str) -> String {
        String::from_utf8(Output::Html.to_vec(grid, background, title)).expect("UTF-8")
    }

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
