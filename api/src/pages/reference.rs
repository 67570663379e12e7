//! The API reference: the OpenAPI document as a page.

use askama::Template;
use axum::response::Response;
use utoipa::openapi::{
    OpenApi, PathItem, RefOr, Required,
    path::{Operation, Parameter, ParameterIn},
    response,
};

use super::{
    commands::{CommandContext, Step, command, steps},
    page,
    problems::explained,
    prose::{Prose, paragraphs},
    schema::{Field, Named, Shape, named, shape, value},
};
use crate::problem::Kind;

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'a> {
    title: &'a str,
    steps: Vec<Step>,
    groups: Vec<TagGroup>,
    schemas: Vec<Named>,
    kinds: Vec<(&'static Kind, Prose)>,
}

/// The operations of an OpenAPI tag.
struct TagGroup {
    name: String,
    about: Prose,
    operations: Vec<OperationView>,
}

/// A method of an address.
struct OperationView {
    anchor: String,
    method: &'static str,
    path: String,
    summary: Prose,
    about: Vec<Prose>,
    parameters: Vec<Field>,
    body: Option<Body>,
    responses: Vec<ResponseView>,
    command: String,
    /// Whether the command deletes something.
    is_danger: bool,
}

struct Body {
    about: Prose,
    media: Vec<(String, Shape)>,
}

struct ResponseView {
    status: String,
    about: Prose,
    media: Vec<(String, Shape)>,
    headers: Vec<Field>,
}

/// The page of `document`.
pub(crate) fn reference(document: &OpenApi, context: &CommandContext<'_>) -> Response {
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    page(&Reference {
        title: &document.info.title,
        steps: steps(document, context),
        groups: groups(document, context),
        schemas: schemas.map(|(name, schema)| named(name, schema)).collect(),
        kinds: explained(),
    })
}

fn groups(document: &OpenApi, context: &CommandContext<'_>) -> Vec<TagGroup> {
    let all: Vec<_> = document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| methods(item).map(move |(method, it)| (path, method, it)))
        .collect();
    let groups = document.tags.iter().flatten().map(|tag| TagGroup {
        name: tag.name.clone(),
        about: Prose::new(tag.description.as_deref().unwrap_or_default()),
        operations: all
            .iter()
            .filter(|(.., operation)| operation.tags.iter().flatten().any(|it| *it == tag.name))
            .map(|(path, method, operation)| {
                operation_view(document, context, path, method, operation)
            })
            .collect(),
    });
    groups.collect()
}

/// The methods of an address, in the order of the page.
pub(super) fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let methods = [
        ("POST", &item.post),
        ("GET", &item.get),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn operation_view(
    document: &OpenApi,
    context: &CommandContext<'_>,
    path: &str,
    method: &'static str,
    operation: &Operation,
) -> OperationView {
    let name: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let body = operation.request_body.as_ref().map(|body| Body {
        about: Prose::new(body.description.as_deref().unwrap_or_default()),
        media: media(&body.content),
    });
    let responses = operation.responses.responses.iter().filter_map(|(status, response)| {
        let RefOr::T(response) = response else { return None };
        Some(response_view(status, response))
    });
    OperationView {
        anchor: format!("{}{}", method.to_lowercase(), name.trim_end_matches('-')),
        method,
        path: path.to_owned(),
        summary: Prose::new(operation.summary.as_deref().unwrap_or_default()),
        about: paragraphs(operation.description.as_deref().unwrap_or_default()),
        parameters: operation.parameters.iter().flatten().map(field).collect(),
        body,
        responses: responses.collect(),
        command: command(document, context, path, method, operation),
        is_danger: method == "DELETE",
    }
}

fn field(parameter: &Parameter) -> Field {
    let is_required = parameter.required == Required::True;
    let note = match parameter.parameter_in {
        ParameterIn::Path => "in the path",
        ParameterIn::Header => "header",
        _ if is_required => "required",
        _ => "",
    };
    Field {
        name: parameter.name.clone(),
        note,
        // a parameter is omitted, never null
        shape: Shape { is_nullable: false, ..shape(&value(&parameter.schema)) },
        about: Prose::new(parameter.description.as_deref().unwrap_or_default()),
    }
}

fn response_view(status: &str, response: &response::Response) -> ResponseView {
    let headers = response.headers.iter().map(|(name, header)| Field {
        name: name.clone(),
        note: "",
        shape: shape(&value(&header.schema)),
        about: Prose::new(header.description.as_deref().unwrap_or_default()),
    });
    ResponseView {
        status: status.to_owned(),
        about: Prose::new(&response.description),
        media: media(&response.content),
        headers: headers.collect(),
    }
}

fn media<'a>(
    content: impl IntoIterator<Item = (&'a String, &'a utoipa::openapi::Content)>,
) -> Vec<(String, Shape)> {
    let all = content.into_iter();
    all.map(|(kind, content)| (kind.clone(), shape(&value(&content.schema)))).collect()
}
