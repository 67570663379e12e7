//! The reference and the problem pages as plain text, for terminals.

use std::fmt::Write;

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::openapi::OpenApi;

use super::{
    commands::{CommandContext, steps},
    problems::{example_response, sorted},
    reference::methods,
};
use crate::problem::Kind;

/// Columns of a line of prose.
const WIDTH: usize = 80;

/// The tour of commands, and every address.
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
    let at = context.origin;
    line(
        &mut text,
        format_args!("\nAll options and responses: {at}/docs in a browser, {at}/openapi.json"),
    );
    line(&mut text, format_args!("What errors mean:          {at}/problems"));
    respond(text)
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
    ([(header::VARY, "accept")], text).into_response()
}

fn line(text: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(text, "{words}").expect("writing to a String cannot fail");
}

/// Appends an empty line, and the words in lines of at most [`WIDTH`] columns.
fn paragraph(text: &mut String, words: &str) {
    text.push('\n');
    let mut column = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        let is_full = column > 0 && column + 1 + length > WIDTH;
        if is_full {
            text.push('\n');
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
