//! curl commands: a first tour, and one per operation, from the examples of the OpenAPI document.

use serde_json::Value;
use utoipa::openapi::{OpenApi, RefOr, Schema, path::Operation};

use super::{
    prose::Prose,
    schema::{plain, text, value},
};
use crate::security_schemes::accepts_token;

/// The values that commands contain.
pub(crate) struct CommandContext<'a> {
    /// Scheme and host of the service, as the client sees them.
    pub origin: &'a str,
    /// Id of an existing image; `ID` if there is none.
    pub image: &'a str,
}

/// The beginning of a curl command, with a token from the variable `PLANET_TOKEN` or without one.
pub(crate) fn curl(has_token: bool) -> &'static str {
    match has_token {
        true => r#"curl -H "Authorization: Bearer $PLANET_TOKEN""#,
        false => "curl",
    }
}

/// A step of the tour.
pub(super) struct Step {
    pub about: Prose,
    pub commands: Vec<String>,
}

/// The steps of the tour, in order.
pub(super) fn steps(document: &OpenApi, context: &CommandContext<'_>) -> Vec<Step> {
    let CommandContext { origin, image } = context;
    let has_accounts = has_accounts(document);
    let curl = curl(has_accounts);
    let at = format!("{origin}/images/{image}");
    let file = |format| format!("{curl} -o image.{format} '{at}?format={format}'");
    let step = |about, commands| Step { about: Prose::new(about), commands };
    let mut steps = Vec::new();
    if has_accounts {
        steps.push(step(
            "Make a token at `/account`, and put it into a variable.",
            vec!["PLANET_TOKEN=planet_…".to_owned()],
        ));
    }
    steps.extend([
        step(
            "Upload an image. The response is JSON with its `id`.",
            vec![format!("{curl} -F image=@photo.jpg {origin}/images")],
        ),
        step("View it as text.", vec![format!("{curl} {at}")]),
        step(
            "View it in another size, with colours.",
            vec![format!("{curl} '{at}?width=120&color=full&symbols=half&color_on=both'")],
        ),
        step("Save it as HTML, SVG or PNG.", vec![file("html"), file("svg"), file("png")]),
        step("List all images, newest first.", vec![format!("{curl} {origin}/images")]),
        step(
            "Upload an image, and wait up to ten seconds until all presets are rendered.",
            vec![format!("{curl} -F image=@photo.jpg -H 'Prefer: wait=10' {origin}/images")],
        ),
    ]);
    steps.push(step(
        "Play an animation: a GIF, an animated PNG or an animated WebP.",
        vec![format!("{curl} -N '{at}/play?color=full'")],
    ));
    if document.paths.paths.contains_key("/images/events") {
        let follow = vec![format!("{curl} -N {origin}/images/events")];
        steps.push(step("Follow changes of all images.", follow));
    }
    // not an existing id: trying the command must not delete an image
    let delete = vec![format!("{curl} -X DELETE {origin}/images/ID")];
    steps.push(step("Delete an image; replace `ID` with its `id`.", delete));
    steps
}

/// Whether there are accounts.
fn has_accounts(document: &OpenApi) -> bool {
    document.components.iter().any(|components| !components.security_schemes.is_empty())
}

/// The curl command of an operation.
pub(super) fn command(
    document: &OpenApi,
    context: &CommandContext<'_>,
    path: &str,
    method: &str,
    operation: &Operation,
) -> String {
    // as in `steps`
    let image = if method == "DELETE" { "ID" } else { context.image };
    let mut address = format!("{}{path}", context.origin);
    let (mut query, mut headers) = (Vec::new(), String::new());
    for parameter in operation.parameters.iter().flatten().map(value) {
        let name = text(&parameter, "name");
        let example = parameter.get("example").map(plain);
        match (text(&parameter, "in"), example) {
            ("path", example) => {
                let value = example.as_deref().unwrap_or(image);
                address = address.replace(&format!("{{{name}}}"), value);
            }
            ("query", Some(example)) => query.push(format!("{name}={example}")),
            ("header", Some(example)) => headers.push_str(&format!(" -H '{name}: {example}'")),
            _ => {}
        }
    }
    if !query.is_empty() {
        address = format!("'{address}?{}'", query.join("&"));
    }
    let flags = match path.ends_with("/play") {
        true => " -N",
        false => flags(method, operation),
    };
    let curl = curl(accepts_token(operation));
    format!("{curl}{flags}{headers}{} {address}", form(document, operation))
}

/// The options of curl that suit the method and the response.
fn flags(method: &str, operation: &Operation) -> &'static str {
    let ok = operation.responses.responses.get("200");
    if method == "PATCH" {
        return " -X PATCH";
    }
    let Some(RefOr::T(ok)) = ok else { return if method == "DELETE" { " -X DELETE" } else { "" } };
    let mut media = ok.content.keys();
    match media.next() {
        Some(only) if only.starts_with("image/") && media.next().is_none() => " -OJ",
        Some(only) if only == "text/event-stream" => " -N",
        _ => "",
    }
}

/// The file parts of a form, as options of curl.
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
