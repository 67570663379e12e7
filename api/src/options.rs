//! The engine's options as query parameters of the OpenAPI document: the engine's help texts, with
//! types, ranges and defaults.

use asciify::{OPTIONS, OptionKind};
use serde_json::Value;
use utoipa::{
    IntoParams,
    openapi::{
        Object, ObjectBuilder, Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

/// All options of a render, as query parameters.
pub(crate) struct Options;

impl IntoParams for Options {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameters = OPTIONS.iter().map(|option| {
            let (schema, example) = schema(option.name);
            let help = match (&schema.enum_values, schema.minimum.is_some()) {
                (None, false) if option.kind != OptionKind::Flag => {
                    format!("{} Accepts {}.", option.help, option.accepts())
                }
                _ => option.help.to_owned(),
            };
            ParameterBuilder::new()
                .name(option.name)
                .parameter_in(ParameterIn::Query)
                .required(Required::False)
                .description(Some(help))
                .schema(Some(schema))
                .example(example)
                .build()
        });
        parameters.collect()
    }
}

/// The schema of an option, and its value in the document's example.
fn schema(name: &str) -> (Object, Option<Value>) {
    let text = |default: &str| typed(Type::String).default(Some(default.into())).build();
    match name {
        "width" => (range(Type::Integer, 1., 1000., None), Some(100.into())),
        "height" => (range(Type::Integer, 1., 1000., None), None),
        "fit" => (words(&["contain", "cover", "stretch"]), None),
        "cell" => (range(Type::Number, 0.1, 10., Some(0.5)), None),
        "invert" => (typed(Type::Boolean).default(Some(false.into())).build(), None),
        "match" => (words(&["shape", "ramp"]), None),
        "tone" => (words(&["auto", "natural", "linear"]), None),
        "background" => (words(&["dark", "light"]), None),
        "symbols" => (text("ascii"), None),
        "color" => (words(&["none", "16", "256", "full"]), Some("full".into())),
        "color_on" => (words(&["foreground", "both"]), None),
        "dither" => (words(&["none", "floyd-steinberg", "bayer", "blue-noise"]), None),
        "brightness" => (range(Type::Number, -1., 1., Some(0.)), None),
        "contrast" => (range(Type::Number, 0., 10., Some(1.)), None),
        "gamma" => (range(Type::Number, 0.1, 10., Some(1.)), None),
        "sharpen" => (range(Type::Number, 0., 10., Some(0.)), None),
        "frame" => (range(Type::Integer, 0., 999_999., None), None),
        _ => (text("auto"), None),
    }
}

fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

/// An enumeration; the first word is the default.
fn words(words: &[&str]) -> Object {
    let first = words.first().map(|word| (*word).into());
    typed(Type::String).enum_values(Some(words.iter().copied())).default(first).build()
}

fn range(kind: Type, min: f64, max: f64, default: Option<f64>) -> Object {
    typed(kind).minimum(Some(min)).maximum(Some(max)).default(default.map(number)).build()
}

/// A JSON integer if `value` has no fraction, otherwise a JSON number.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { Value::from(value as i64) } else { Value::from(value) }
}

#[cfg(test)]
mod tests {
    use asciify::Spec;

    use super::*;

    /// Whether the engine accepts `value`.
    fn accepts(name: &str, value: &Value) -> bool {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Spec::default().set(name, &value).is_ok()
    }

    #[test]
    fn the_document_has_the_limits_of_the_engine() {
        for option in OPTIONS {
            let (schema, example) = schema(option.name);
            let schema = serde_json::to_value(schema).unwrap();
            let words = schema["enum"].as_array().cloned().unwrap_or_default();
            assert!(words.iter().all(|word| accepts(option.name, word)), "{}", option.name);
            for word in &words {
                assert!(
                    option.accepts().contains(word.as_str().unwrap()),
                    "{}: {word}",
                    option.name
                );
            }
            let default = schema.get("default");
            assert!(default.is_none_or(|it| accepts(option.name, it)), "{}", option.name);
            assert!(example.is_none_or(|it| accepts(option.name, &it)), "{}", option.name);
            for (bound, outwards) in [("minimum", -1.0), ("maximum", 1.0)] {
                if let Some(bound) = schema.get(bound) {
                    let outside = number(bound.as_f64().unwrap() + outwards);
                    assert!(accepts(option.name, bound), "{} {bound}", option.name);
                    assert!(!accepts(option.name, &outside), "{} {outside}", option.name);
                }
            }
        }
    }
}
