//! The engine's options as query parameters of the OpenAPI document: the engine's help texts, with
//! types, ranges and defaults.

use asciify::{OPTIONS, OptionDoc, OptionKind};
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
            let schema = schema(option);
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
                .example(example(option))
                .build()
        });
        parameters.collect()
    }
}

/// The schema of an option.
fn schema(option: &OptionDoc) -> Object {
    let typed = |kind| ObjectBuilder::new().schema_type(kind);
    let range = |kind, min, max| {
        typed(kind)
            .minimum(Some(min))
            .maximum(Some(max))
            .default(option.default.parse().ok().map(number))
    };
    match option.kind {
        OptionKind::Whole { min, max } => range(Type::Integer, min.into(), max.into()),
        OptionKind::Decimal { min, max } => range(Type::Number, min, max),
        OptionKind::Words(words) => typed(Type::String)
            .enum_values(Some(words.iter().copied()))
            .default(Some(option.default.into())),
        OptionKind::Flag => {
            typed(Type::Boolean).default(option.default.parse().ok().map(Value::Bool))
        }
        OptionKind::Text { .. } => typed(Type::String).default(Some(option.default.into())),
    }
    .build()
}

/// The value of an option in the document's example.
fn example(option: &OptionDoc) -> Option<Value> {
    match option.name {
        "width" => Some(100.into()),
        "color" => Some("full".into()),
        _ => None,
    }
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
            let (schema, example) = (schema(option), example(option));
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
