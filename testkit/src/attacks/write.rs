//! Any grid and any title are written safely: text becomes no markup, and only colours become
//! control sequences.

use std::io::Cursor;

use asciify::write::{self, Output};
use asciify::{Background, Grid};
use roxmltree::{Document, Node};

use crate::pictures::{drawn, lopsided, png};

/// A PNG takes 16 × 32 pixels per cell, so only small grids are written as one.
const MAX_PNG_CELLS: usize = 400;
const TITLE_BYTES: usize = 12;

/// Rendered grids and texts with special characters, each with a title.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let file = png(&lopsided());
    let specs = ["width=9", "width=8&color=full", "width=7&symbols=octant&color=16&color_on=both"];
    let drawn = specs.map(|spec| write::ansi(&drawn(&file, spec).expect("a picture")));
    let texts =
        ["<&>\"'", "a b\nc d\n", "\u{1b}[38;5;200;48;2;1;2;3mx\u{1b}[m ", "\u{85}\r\u{ffff}"];
    let all = drawn.into_iter().chain(texts.map(str::to_owned));
    all.map(|text| (format!("{text:?}"), [b"\x01<title>\0&'\"\x7f", text.as_bytes()].concat()))
        .collect()
}

/// Writes a grid in every format. The first byte selects the background, the next
/// `TITLE_BYTES` are the title, and the rest is the grid.
pub fn attack(bytes: &[u8]) {
    let (choice, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let (title, text) = rest.split_at(TITLE_BYTES.min(rest.len()));
    let (title, text) = (String::from_utf8_lossy(title), String::from_utf8_lossy(text));
    let background = if choice % 2 == 0 { Background::Dark } else { Background::Light };
    // random rows are rarely of equal length
    let Ok(grid) = text.parse().or_else(|_| text.replace('\n', "").parse::<Grid>()) else { return };

    let plain = write::txt(&grid);
    assert!(plain.chars().all(|symbol| symbol == '\n' || !symbol.is_control()), "{plain:?}");
    assert_eq!(plain.parse::<Grid>().map(|it| write::txt(&it)), Ok(plain.clone()));
    let coloured = write::ansi(&grid);
    assert_eq!(coloured.parse(), Ok(grid.clone()));
    assert_eq!(without_colours(&coloured), plain);

    let write = |output: Output| output.to_vec(&grid, background, &title);
    let text = |output| String::from_utf8(write(output)).expect("UTF-8");
    assert_eq!((text(Output::Txt), text(Output::Ansi)), (plain.clone(), coloured));
    is_page(&text(Output::Html), &plain, &title);
    is_drawing(&text(Output::Svg), &title);
    if grid.columns() * grid.rows() <= MAX_PNG_CELLS {
        let picture = write(Output::Png);
        let picture =
            image::ImageReader::with_format(Cursor::new(picture), image::ImageFormat::Png);
        let sides = (16 * grid.columns() as u32, 32 * grid.rows() as u32);
        assert_eq!(picture.decode().map(|it| (it.width(), it.height())).expect("a PNG"), sides);
    }
}

/// The text without SGR sequences: ESC [, digits and semicolons, m.
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let (codes, after) = part.split_once('m').expect("the end of a sequence");
        assert!(codes.bytes().all(|it| it.is_ascii_digit() || it == b';'), "{codes:?}");
        plain + after
    })
}

/// A page is XML without its elements that have no end tag.
fn is_page(page: &str, plain: &str, title: &str) {
    let body = page.strip_prefix("<!DOCTYPE html>\n").expect("its type");
    let metas = [
        "<meta charset=\"utf-8\">",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    ];
    let xml = metas.iter().fold(body.to_owned(), |xml, meta| xml.replacen(meta, "", 1));
    let document = parsed(&xml);
    let names = ["html", "head", "title", "style", "body", "pre", "i"];
    holds_only(&document, &names, &["lang", "role", "aria-label", "class"]);
    let texts = |name: &str| {
        let mut found = document.descendants().filter(|it| it.has_tag_name(name));
        let found = found.next().expect(name);
        found.descendants().filter_map(|it| it.text().filter(|_| it.is_text())).collect::<String>()
    };
    assert_eq!(texts("title"), shown(title));
    assert_eq!(texts("pre").strip_prefix('\n'), Some(shown(plain).as_str()));
}

fn is_drawing(drawing: &str, title: &str) {
    let document = parsed(drawing);
    holds_only(
        &document,
        &["svg", "title", "rect", "g", "path", "text", "tspan"],
        &[
            "viewBox",
            "width",
            "height",
            "role",
            "fill",
            "font-family",
            "font-size",
            "d",
            "x",
            "y",
            "shape-rendering",
            "textLength",
            "lengthAdjust",
            "space",
        ],
    );
    let found = document.descendants().find(|it| it.tag_name().name() == "title");
    assert_eq!(found.and_then(|it| it.text()).unwrap_or_default(), shown(title));
}

fn parsed(xml: &str) -> Document<'_> {
    Document::parse(xml).unwrap_or_else(|err| panic!("{err}: {xml}"))
}

fn holds_only(document: &Document<'_>, elements: &[&str], attributes: &[&str]) {
    for node in document.descendants().filter(Node::is_element) {
        let name = node.tag_name().name();
        assert!(elements.contains(&name), "<{name}>");
        for attribute in node.attributes() {
            assert!(attributes.contains(&attribute.name()), "{} of <{name}>", attribute.name());
        }
    }
    assert!(document.descendants().all(|it| it.is_element() || it.is_text() || it.is_root()));
}

/// A text as pages show it: control characters, and those that XML forbids, are replaced.
fn shown(text: &str) -> String {
    let is_seen = |c: char| c == '\n' || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if is_seen(c) { c } else { '\u{fffd}' }).collect()
}
