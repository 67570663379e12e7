//! Writes a [`Grid`] down: as plain text, for a terminal, as a page, a drawing or a picture.

use std::{collections::HashMap, fmt::Write};

mod png;
mod svg;

pub use png::png;
pub use svg::svg;

use crate::grid::color::Color;
use crate::grid::{Cell, Grid};
use crate::spec::values::Background;

/// Radius of a braille dot, in widths of the tile that it lies in: discs of two fifths of it.
const DOT_RADIUS: f64 = 0.357;

/// Plain UTF-8 without colours: a newline after every row, trailing spaces kept.
///
/// Parsing the result as a [`Grid`] gives its symbols back.
pub fn txt(grid: &Grid) -> String {
    let mut text = String::with_capacity(grid.rows() * (grid.columns() + 1));
    for row in grid.lines() {
        text.extend(row.iter().map(|cell| cell.symbol));
        text.push('\n');
    }
    text
}

/// As [`txt`], with the control sequences that set colours (ECMA-48, 8.3.117). Colours end with
/// their row, so that any rows can be cut out.
///
/// Parsing the result as a [`Grid`] gives the grid back.
pub fn ansi(grid: &Grid) -> String {
    let mut text = String::with_capacity(grid.rows() * (grid.columns() + 1));
    for row in grid.lines() {
        let (mut ink, mut ground) = (None, None);
        for cell in row {
            // a space shows no ink
            let wanted = if cell.symbol == ' ' { ink } else { cell.ink };
            let mut codes = String::new();
            if (ink, ground) != (None, None) && (wanted, cell.ground) == (None, None) {
                codes.push_str("0;");
            } else {
                if wanted != ink {
                    select(&mut codes, wanted, 30);
                }
                if cell.ground != ground {
                    select(&mut codes, cell.ground, 40);
                }
            }
            if let Some(codes) = codes.strip_suffix(';') {
                text.push_str("\u{1b}[");
                text.push_str(if codes == "0" { "" } else { codes });
                text.push('m');
            }
            (ink, ground) = (wanted, cell.ground);
            text.push(cell.symbol);
        }
        text.push_str(if (ink, ground) == (None, None) { "\n" } else { "\u{1b}[m\n" });
    }
    text
}

/// The codes of a colour of ink (`first` is 30) or ground (40), each followed by a semicolon.
fn select(codes: &mut String, color: Option<Color>, first: u8) {
    let _infallible = match color {
        None => write!(codes, "{};", first + 9),
        Some(Color::Indexed(index @ 0..8)) => write!(codes, "{};", first + index),
        Some(Color::Indexed(index @ 8..16)) => write!(codes, "{};", first + 60 + index - 8),
        Some(Color::Indexed(index)) => write!(codes, "{};5;{index};", first + 8),
        Some(Color::Rgb([r, g, b])) => write!(codes, "{};2;{r};{g};{b};", first + 8),
    };
}

/// One self-contained HTML5 page, in cells twice as high as wide.
///
/// `title` is plain text: it names the page, and stands for the picture where it is read aloud.
pub fn html(grid: &Grid, background: Background, title: &str) -> String {
    // The advance of the usual monospace fonts is 0.6 em: lines of 1.2 em make cells of 1:2. The
    // ground of an inline-block fills its line.
    const STYLE: &str = "body{margin:1rem}\
                         pre{margin:0;font:12px/1.2 ui-monospace,Menlo,Consolas,\"DejaVu Sans Mono\",monospace}\
                         i{font-style:normal;display:inline-block}";
    let colours = match background {
        Background::Dark => "html{color-scheme:dark;background:#000;color:#fff}",
        Background::Light => "html{color-scheme:light;background:#fff;color:#000}",
    };
    let title = escaped(title);
    let (rules, picture) = spans(grid);
    // A parser drops a newline that directly follows `<pre>`; the picture itself has none to lose.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{colours}{STYLE}{rules}</style>\n</head>\n<body>\n\
         <pre role=\"img\" aria-label=\"{title}\">\n{picture}</pre>\n</body>\n</html>\n"
    )
}

/// A rule for each pair of colours, and rows of text with an element around each run of cells that
/// have one. Classes instead of `style` attributes: a strict content security policy allows a sheet
/// by its hash.
fn spans(grid: &Grid) -> (String, String) {
    let (mut rules, mut text) = (String::new(), String::new());
    let mut classes = HashMap::new();
    for row in grid.lines() {
        for run in row.chunk_by(|a, b| (a.ink, a.ground) == (b.ink, b.ground)) {
            let symbols = escaped(&run.iter().map(|cell| cell.symbol).collect::<String>());
            let Cell { ink, ground, .. } = run[0];
            if (ink, ground) == (None, None) {
                text.push_str(&symbols);
                continue;
            }
            let next = classes.len();
            let class = *classes.entry((ink, ground)).or_insert_with(|| {
                let ink = ink.map(|it| format!("color:{}", hex(it)));
                let ground = ground.map(|it| format!("background:{}", hex(it)));
                let style: Vec<String> = ink.into_iter().chain(ground).collect();
                let _infallible = write!(rules, ".c{next}{{{}}}", style.join(";"));
                next
            });
            let _infallible = write!(text, "<i class=\"c{class}\">{symbols}</i>");
        }
        text.push('\n');
    }
    (rules, text)
}

fn hex(color: Color) -> String {
    let [r, g, b] = color.rgb();
    format!("#{r:02x}{g:02x}{b:02x}")
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
            // HTML forbids control characters, even written as references, and XML these two.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
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
    fn colours_come_back_from_a_terminal_s_text() {
        let colours = [
            None,
            Some(Color::Indexed(1)),
            Some(Color::Indexed(12)),
            Some(Color::Indexed(200)),
            Some(Color::Rgb([1, 2, 3])),
        ];
        let mut cells = Vec::new();
        for ink in colours {
            for ground in colours {
                cells.extend(['a', ' ', 'b'].map(|symbol| Cell::new(symbol, ink, ground)));
            }
        }
        let grid = Grid::new(25, cells);
        let text = ansi(&grid);
        assert_eq!(text.parse(), Ok(grid.clone()));
        assert!(text.lines().all(|row| row.ends_with("\u{1b}[m")), "{text:?}");
        assert_eq!(txt(&grid).parse::<Grid>().map(|plain| txt(&plain)), Ok(txt(&grid)));
    }

    #[test]
    fn text_without_colours_is_the_same_for_a_terminal() {
        let grid: Grid = "ab c\n    ".parse().expect("two rows");
        assert_eq!(ansi(&grid), txt(&grid));
    }

    #[test]
    fn other_sequences_are_no_picture() {
        for text in ["\u{1b}[2J", "\u{1b}]0;x\u{7}", "\u{1b}", "\u{1b}[38;5m", "\u{1b}[300m"] {
            assert!(text.parse::<Grid>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_drawing_holds_no_markup_but_its_own() {
        let grid: Grid = "<&>\"' ▀⠁".parse().expect("one row");
        let drawing = svg(&grid, Background::Light, "</title><script>\u{ffff}");
        assert!(drawing.contains(">&lt;&amp;&gt;&quot;&#39;</text>"), "{drawing}");
        assert!(
            drawing.contains("<title>&lt;/title&gt;&lt;script&gt;\u{fffd}</title>"),
            "{drawing}"
        );
        assert!(drawing.contains("M60 0h10v10h-10z"), "{drawing}");
    }

    #[test]
    fn a_row_of_a_drawing_is_one_text_whatever_its_colours() {
        let red = Some(Color::Rgb([255, 0, 0]));
        let cells = vec![' '.into(), 'a'.into(), Cell::new('b', red, None), ' '.into(), '█'.into()];
        let drawing = svg(&Grid::new(5, cells), Background::Dark, "");
        let row = "<text x=\"10\" y=\"15\" textLength=\"20\" lengthAdjust=\"spacingAndGlyphs\" \
                   xml:space=\"preserve\">a<tspan fill=\"#ff0000\">b</tspan></text>";
        assert!(drawing.contains(row), "{drawing}");
        assert!(drawing.contains("<path d=\"M40 0h10v10h-10zM40 10h10v10h-10z\"/>"), "{drawing}");
    }

    #[test]
    fn a_page_names_each_pair_of_colours_once() {
        let red = Some(Color::Rgb([255, 0, 0]));
        let cells = ["a", "b", "a"].map(|symbol| {
            let ground = (symbol == "b").then_some(Color::Indexed(4));
            Cell::new(symbol.chars().next().unwrap_or_default(), red, ground)
        });
        let page = html(&Grid::new(3, cells.into()), Background::Dark, "");
        let row = "<i class=\"c0\">a</i><i class=\"c1\">b</i><i class=\"c0\">a</i>";
        assert!(page.contains(row), "{page}");
        assert_eq!(page.matches(".c0{color:#ff0000}").count(), 1, "{page}");
        assert!(!page.contains("style="), "{page}");
    }

    #[test]
    fn a_picture_shows_every_cell_where_it_is() {
        let cell = |symbol, ink, ground| Cell::new(symbol, Some(Color::Rgb(ink)), Some(ground));
        let ground = Color::Rgb([10, 20, 30]);
        let cells = vec![
            cell(' ', [0; 3], ground),
            cell('█', [1, 2, 3], ground),
            'I'.into(),
            '\u{2503}'.into(),
        ];
        let file = png(&Grid::new(2, cells), Background::Dark);
        let picture = image::load_from_memory(&file).expect("a PNG").into_rgb8();
        assert_eq!(picture.dimensions(), (32, 64));
        let at = |x, y| picture.get_pixel(x, y).0;
        assert_eq!((at(8, 16), at(16, 0), at(31, 31)), ([10, 20, 30], [1, 2, 3], [1, 2, 3]));
        let ink = |left| (0..16 * 32).filter(|n| at(left + n % 16, 32 + n / 16) != [0; 3]).count();
        assert!((40..200).contains(&ink(0)) && ink(16) > 40);
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
