//! Commands that can be pasted: curl for every operation, built from the document's examples.

use serde_json::Value;
use utoipa::openapi::{OpenApi, RefOr, Schema, path::Operation};

use super::{
    prose::Prose,
    schema::{plain, text, value},
};

/// What commands are filled in with.
pub(crate) struct Guide<'a> {
    /// Scheme and host, as the client sees them.
    pub origin: &'a str,
    /// An image that is there; `ID` where there is none.
    pub image: &'a str,
}

/// A thing to do first, with commands that do it.
pub(super) struct Step {
    pub about: Prose,
    pub commands: Vec<String>,
}

/// What to do first, in this order.
pub(super) fn steps(document: &OpenApi, guide: &Guide<'_>) -> Vec<Step> {
    let Guide { origin, image } = guide;
    let at = format!("{origin}/images/{image}");
    let file = |format| format!("curl -o look.{format} '{at}?format={format}'");
    let step = |about, commands| Step { about: Prose::new(about), commands };
    let mut steps = vec![
        step(
            "Upload an image. The answer is its JSON, `id` included.",
            vec![format!("curl -F image=@photo.jpg {origin}/images")],
        ),
        step("Look at it.", vec![format!("curl {at}")]),
        step(
            "In another size, and in colours.",
            vec![format!("curl '{at}?width=120&color=full&symbols=half&color_on=both'")],
        ),
        step("As a page, a drawing or a picture.", vec![file("html"), file("svg"), file("png")]),
        step("List what there is, newest first.", vec![format!("curl {origin}/images")]),
        step(
            "Upload, and wait until every preset is rendered: ten seconds at most.",
            vec![format!("curl -F image=@photo.jpg -H 'Prefer: wait=10' {origin}/images")],
        ),
    ];
    if document.paths.paths.contains_key("/images/events") {
        let follow = vec![format!("curl -N {origin}/images/events")];
        steps.push(step("Follow what happens, as it happens.", follow));
    }
    // nobody should lose an image by trying a command
    let delete = vec![format!("curl -X DELETE {origin}/images/ID")];
    steps.push(step("Delete an image: put its `id` in.", delete));
    steps
}

/// curl for an operation.
pub(super) fn command(
    document: &OpenApi,
    guide: &Guide<'_>,
    path: &str,
    method: &str,
    operation: &Operation,
) -> String {
    // as above
    let image = if method == "DELETE" { "ID" } else { guide.image };
    let mut address = format!("{}{path}", guide.origin);
    let (mut query, mut headers) = (Vec::new(), String::new());
    for parameter in operation.parameters.iter().flatten().map(value) {
        let name = text(&parameter, "name");
        let example = parameter.get("example").map(plain);
        match (text(&parameter, "in"), example) {
            ("path", example) => {
                let filling = example.as_deref().unwrap_or(image);
                address = address.replace(&format!("{{{name}}}"), filling);
            }
            ("query", Some(example)) => query.push(format!("{name}={example}")),
            ("header", Some(example)) => headers.push_str(&format!(" -H '{name}: {example}'")),
            _ => {}
        }
    }
    if !query.is_empty() {
        address = format!("'{address}?{}'", query.join("&"));
    }
    format!("curl{}{headers}{} {address}", flags(method, operation), form(document, operation))
}

/// How the answer, or the lack of one, is dealt with.
fn flags(method: &str, operation: &Operation) -> &'static str {
    let ok = operation.responses.responses.get("200");
    let Some(RefOr::T(ok)) = ok else { return if method == "DELETE" { " -X DELETE" } else { "" } };
    let mut media = ok.content.keys();
    match media.next() {
        Some(only) if only.starts_with("image/") && media.next().is_none() => " -OJ",
        Some(only) if only == "text/event-stream" => " -N",
        _ => "",
    }
}

/// The parts of a form that are files.
fn form(document: &OpenApi, operation: &Operation) -> String {
    let forms =
        operation.request_body.iter().filter_map(|it| it.content.get("multipart/form-data"));
    let schemas = document.components.iter().map(|components| &components.schemas);
    let names = forms.map(|form| value(&form.schema)).filter_map(|schema: Value| {
        let name = text(&schema, "$ref").rsplit('/').next()?.to_owned();
        match schemas.clone().find_map(|schemas| schemas.get(&name))? {
            RefOr::T(Schema::Object(form)) => form.properties.keys().next().cloned(),
            _ => None,
        }
    });
    names.map(|name| format!(" -F {name}=@photo.jpg")).collect()
}
