//! The reference: the OpenAPI document as a page.

use askama::Template;
use axum::response::Response;
use utoipa::openapi::{
    OpenApi, PathItem, RefOr, Required,
    path::{Operation, Parameter, ParameterIn},
    response,
};

use super::{
    commands::{Guide, Step, command, steps},
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
    groups: Vec<Group>,
    schemas: Vec<Named>,
    kinds: Vec<(&'static Kind, Prose)>,
}

/// Operations that belong together.
struct Group {
    name: String,
    about: Prose,
    operations: Vec<Described>,
}

/// A method of an address.
struct Described {
    anchor: String,
    method: &'static str,
    path: String,
    summary: Prose,
    about: Vec<Prose>,
    parameters: Vec<Field>,
    body: Option<Body>,
    answers: Vec<Answer>,
    command: String,
    /// Whether the command takes something away.
    is_danger: bool,
}

struct Body {
    about: Prose,
    media: Vec<(String, Shape)>,
}

struct Answer {
    status: String,
    about: Prose,
    media: Vec<(String, Shape)>,
    headers: Vec<Field>,
}

/// The page of that document.
pub(crate) fn reference(document: &OpenApi, guide: &Guide<'_>) -> Response {
    let schemas = document.components.iter().flat_map(|components| &components.schemas);
    page(&Reference {
        title: &document.info.title,
        steps: steps(document, guide),
        groups: groups(document, guide),
        schemas: schemas.map(|(name, schema)| named(name, schema)).collect(),
        kinds: explained(),
    })
}

fn groups(document: &OpenApi, guide: &Guide<'_>) -> Vec<Group> {
    let all: Vec<_> = document
        .paths
        .paths
        .iter()
        .flat_map(|(path, item)| methods(item).map(move |(method, it)| (path, method, it)))
        .collect();
    let groups = document.tags.iter().flatten().map(|tag| Group {
        name: tag.name.clone(),
        about: Prose::new(tag.description.as_deref().unwrap_or_default()),
        operations: all
            .iter()
            .filter(|(.., operation)| operation.tags.iter().flatten().any(|it| *it == tag.name))
            .map(|(path, method, operation)| described(document, guide, path, method, operation))
            .collect(),
    });
    groups.collect()
}

/// The methods that we have, in the order in which one needs them.
pub(super) fn methods(item: &PathItem) -> impl Iterator<Item = (&'static str, &Operation)> {
    let methods = [("POST", &item.post), ("GET", &item.get), ("DELETE", &item.delete)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

fn described(
    document: &OpenApi,
    guide: &Guide<'_>,
    path: &str,
    method: &'static str,
    operation: &Operation,
) -> Described {
    let name: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let body = operation.request_body.as_ref().map(|body| Body {
        about: Prose::new(body.description.as_deref().unwrap_or_default()),
        media: media(&body.content),
    });
    let answers = operation.responses.responses.iter().filter_map(|(status, response)| {
        let RefOr::T(response) = response else { return None };
        Some(answer(status, response))
    });
    Described {
        anchor: format!("{}{}", method.to_lowercase(), name.trim_end_matches('-')),
        method,
        path: path.to_owned(),
        summary: Prose::new(operation.summary.as_deref().unwrap_or_default()),
        about: paragraphs(operation.description.as_deref().unwrap_or_default()),
        parameters: operation.parameters.iter().flatten().map(field).collect(),
        body,
        answers: answers.collect(),
        command: command(document, guide, path, method, operation),
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
        // what is left out is no null
        shape: Shape { is_nullable: false, ..shape(&value(&parameter.schema)) },
        about: Prose::new(parameter.description.as_deref().unwrap_or_default()),
    }
}

fn answer(status: &str, response: &response::Response) -> Answer {
    let headers = response.headers.iter().map(|(name, header)| Field {
        name: name.clone(),
        note: "",
        shape: shape(&value(&header.schema)),
        about: Prose::new(header.description.as_deref().unwrap_or_default()),
    });
    Answer {
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
