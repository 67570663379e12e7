//! The reference and the problem pages as plain text, for terminals.

use std::{fmt::Write, iter};

use asciify::{OPTIONS, OptionDoc};
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use common::pipeline::ImageSummary;
use utoipa::openapi::OpenApi;

use super::{
    commands::{CommandContext, steps},
    day, display_name, format_bytes,
    problems::{example_response, sorted},
    reference::methods,
    status,
};
use crate::{negotiate::VARY_BY_CLIENT, problem::Kind};

/// Columns of a line of prose.
const WIDTH: usize = 80;

/// Parameters that are no options of the engine.
const OTHER_PARAMETERS: [(&str, &str); 5] = [
    ("preset", "A named set of options, which other options override: see /presets."),
    (
        "format",
        "txt, ansi (text with terminal colours), html, svg or png. Without it, text has the colours that `color` asks for. /images/ID/play also has cast, a recording.",
    ),
    ("version", "The stored render of this engine version."),
    (
        "bbox",
        "A bounding box instead of region, minx,miny,maxx,maxy, of a GeoTIFF; coord_crs is the EPSG code of its coordinates, 4326 by default.",
    ),
    (
        "loops, speed",
        "Of /images/ID/play: how often all frames are shown, 0 without end, and how many times faster than the file says.",
    ),
];

/// The tour of commands, every address, and every option.
pub(crate) fn reference(document: &OpenApi, context: &CommandContext<'_>) -> Response {
    let mut text = format!("{}\n", document.info.title);
    for step in steps(document, context) {
        paragraph(&mut text, step.about.as_str());
        for command in step.commands {
            line(&mut text, format_args!("  {command}"));
        }
    }
    text.push_str("\nAll addresses:\n\n");
    for (path, item) in &document.paths.paths {
        for (method, operation) in methods(item) {
            let about = operation.summary.as_deref().unwrap_or_default();
            line(&mut text, format_args!("  {method:6} {path:22} {about}"));
        }
    }
    text.push_str(
        "\nOptions of a render, as in /images/ID?width=100&color=full. They also apply to\n\
         /images/ID/play and /images/ID/thumbnail:\n",
    );
    for option in OPTIONS {
        let OptionDoc { name, default, help, .. } = *option;
        let default = match default {
            "" => String::new(),
            default => format!(" Default: {default}."),
        };
        indented(&mut text, name, &format!("{help} Accepts {}.{default}", option.accepts()));
    }
    text.push_str("\nand these:\n");
    for (name, about) in OTHER_PARAMETERS {
        indented(&mut text, name, about);
    }
    let at = context.origin;
    line(&mut text, format_args!("\nParameters and responses of all addresses: {at}/openapi.json"));
    line(&mut text, format_args!("What errors mean:                           {at}/problems"));
    respond(text)
}

/// A page of the list of images, one on each line. `next` is the address of the next page.
/// `curl` begins a command that reads what was listed.
pub(crate) fn listing(
    origin: &str,
    curl: &str,
    images: &[ImageSummary],
    next: Option<&str>,
) -> Response {
    let mut text = String::new();
    for summary in images {
        let (image, name) = (&summary.image, display_name(summary));
        let sides = format!("{} x {}", image.metadata.width, image.metadata.height);
        let bytes = format_bytes(image.metadata.bytes);
        let note = match status(summary).0 {
            "ready" => "",
            "pending" => " (pending)",
            _ => " (cannot be rendered)",
        };
        let day = day(image.created_at);
        line(
            &mut text,
            format_args!("{}  {day:>11}  {sides:>13}  {bytes:>7}  {name}{note}", image.id),
        );
    }
    match images.first() {
        None => line(&mut text, format_args!("No images.")),
        Some(first) => {
            let id = first.image.id;
            line(&mut text, format_args!("\nOne of them: {curl} {origin}/images/{id}"));
        }
    }
    if let Some(next) = next {
        line(&mut text, format_args!("Further:     {curl} '{origin}{next}'"));
    }
    line(
        &mut text,
        format_args!("As JSON:     {curl} -H 'Accept: application/json' {origin}/images"),
    );
    text.into_response()
}

/// Every kind of problem.
pub(crate) fn kinds(origin: &str) -> Response {
    let mut text = String::from("Kinds of problems, by the last part of their `type`:\n\n");
    for kind in sorted() {
        line(&mut text, format_args!("  {} {:22} {}", kind.status.as_str(), kind.slug, kind.title));
    }
    line(&mut text, format_args!("\nOne in detail: curl {origin}/problems/busy"));
    respond(text)
}

/// One kind of problem, explained.
pub(crate) fn kind(kind: &Kind) -> Response {
    let mut text = format!("{}: {}\n", kind.status, kind.title);
    paragraph(&mut text, kind.about);
    for (title, words) in [("Typical cause", kind.cause), ("What to do", kind.remedy)] {
        paragraph(&mut text, &format!("{title}: {words}"));
    }
    line(
        &mut text,
        format_args!("\nExample response to {}:\n\n{}", kind.request, example_response(kind)),
    );
    respond(text)
}

fn respond(text: String) -> Response {
    ([(header::VARY, VARY_BY_CLIENT)], text).into_response()
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("writing to a String cannot fail");
}

/// Appends an empty line, and the words in lines of at most [`WIDTH`] columns.
fn paragraph(text: &mut String, words: &str) {
    text.push('\n');
    wrapped(text, words, 0);
}

/// Appends a name, and beside it the words about it.
fn indented(text: &mut String, name: &str, words: &str) {
    write!(text, "\n  {name:12}").expect("writing to a String cannot fail");
    wrapped(text, words, 14);
}

/// Appends the words in lines of at most [`WIDTH`] columns, all but the first of them indented. The
/// first begins at the column of the indentation.
fn wrapped(text: &mut String, words: &str, indentation: usize) {
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        let is_full = column > 0 && indentation + column + 1 + length > WIDTH;
        if is_full {
            text.push('\n');
            text.extend(iter::repeat_n(' ', indentation));
            column = 0;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
}
