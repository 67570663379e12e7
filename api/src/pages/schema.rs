//! JSON schemas as rows of a table: type, values, range, default, example.

use serde_json::Value;
use utoipa::openapi::{RefOr, Schema};

use super::prose::Prose;

/// The type of a value and its constraints.
#[derive(Default)]
pub(super) struct Shape {
    /// `list of`, or empty.
    pub before: &'static str,
    /// `integer`, or the name of a schema.
    pub name: String,
    /// Whether `name` is described on the same page.
    pub is_linked: bool,
    pub is_nullable: bool,
    /// The values of an enumeration.
    pub words: Vec<String>,
    /// The range of the value or of its length, such as `1 to 1000`.
    pub range: Option<String>,
    pub default: Option<String>,
    pub example: Option<String>,
}

/// A parameter, a header, or a field of an object.
pub(super) struct Field {
    pub name: String,
    /// Where a parameter is, or whether a field is optional.
    pub note: &'static str,
    pub shape: Shape,
    pub about: Prose,
}

/// A named schema.
pub(super) struct Named {
    pub name: String,
    pub about: Prose,
    pub fields: Vec<Field>,
}

/// A named schema with its fields.
pub(super) fn named(name: &str, schema: &RefOr<Schema>) -> Named {
    let RefOr::T(Schema::Object(object)) = schema else {
        return Named { name: name.to_owned(), about: Prose::default(), fields: Vec::new() };
    };
    let fields = object.properties.iter().map(|(field, schema)| {
        let schema = value(schema);
        Field {
            name: field.clone(),
            note: if object.required.contains(field) { "" } else { "optional" },
            about: Prose::new(text(&schema, "description")),
            shape: shape(&schema),
        }
    });
    Named {
        name: name.to_owned(),
        about: Prose::new(object.description.as_deref().unwrap_or_default()),
        fields: fields.collect(),
    }
}

/// The type of `schema`.
pub(super) fn shape(schema: &Value) -> Shape {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference).to_owned();
        return Shape { name, is_linked: true, ..Shape::default() };
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let is_null = |schema: &&Value| schema["type"] == "null";
        let chosen = choices.iter().find(|schema| !is_null(schema));
        let is_nullable = choices.iter().any(|schema| is_null(&schema));
        return Shape { is_nullable, ..chosen.map(shape).unwrap_or_default() };
    }
    if schema.is_null() {
        return Shape::default();
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let is_nullable = types.contains(&"null");
    let kind = types.into_iter().find(|kind| *kind != "null").unwrap_or("anything");
    if kind == "array" {
        return Shape { before: "list of", is_nullable, ..shape(&schema["items"]) };
    }
    Shape {
        name: if schema["format"] == "binary" { "bytes" } else { kind }.to_owned(),
        is_nullable,
        words: schema["enum"].as_array().into_iter().flatten().map(plain).collect(),
        range: range(schema),
        default: schema.get("default").map(plain),
        example: schema.get("example").map(plain),
        ..Shape::default()
    }
}

fn range(schema: &Value) -> Option<String> {
    let of = |least, most| match (schema.get(least), schema.get(most)) {
        (Some(least), Some(most)) => Some(format!("{} to {}", plain(least), plain(most))),
        // a minimum of 0 is not worth mentioning
        (Some(least), None) if least.as_f64() > Some(0.0) => {
            Some(format!("at least {}", plain(least)))
        }
        _ => None,
    };
    let length = of("minLength", "maxLength").map(|length| format!("{length} characters"));
    of("minimum", "maximum").or(length)
}

/// A value as in a query: strings without quotes.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A part of the document as JSON.
pub(super) fn value(part: &impl serde::Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

/// The string `name` of an object; empty when there is none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
