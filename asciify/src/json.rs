//! A spec as JSON: the same options, numbers as numbers.

use serde::{Deserialize, Serialize};

use crate::alpha::Alpha;
use crate::keywords::{Background, ColorOn, Dither, Fit, Match, Palette, Tone};
use crate::selection::{Bands, Stretch};
use crate::spec::{CELL_DEFAULT, Levels, ONE, Spec, SpecError};
use crate::symbols::Symbols;

/// A spec as JSON and the like write it, not checked yet.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(default, skip_serializing_if = "is_default")]
    fit: Fit,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cell: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    invert: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    r#match: Match,
    #[serde(default, skip_serializing_if = "is_default")]
    tone: Tone,
    #[serde(default, skip_serializing_if = "is_default")]
    background: Background,
    #[serde(default, skip_serializing_if = "is_default")]
    alpha: Alpha,
    #[serde(default, skip_serializing_if = "is_default")]
    symbols: Symbols,
    #[serde(default, skip_serializing_if = "is_default")]
    color: Palette,
    #[serde(default, skip_serializing_if = "is_default")]
    color_on: ColorOn,
    #[serde(default, skip_serializing_if = "is_default")]
    dither: Dither,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    brightness: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contrast: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gamma: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sharpen: Option<f64>,
    #[serde(default, skip_serializing_if = "is_default")]
    frame: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    bands: Bands,
    #[serde(default, skip_serializing_if = "is_default")]
    stretch: Stretch,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl TryFrom<Fields> for Spec {
    type Error = SpecError;

    fn try_from(fields: Fields) -> Result<Self, SpecError> {
        let mut spec = Self {
            fit: fields.fit,
            invert: fields.invert,
            matching: fields.r#match,
            tone: fields.tone,
            background: fields.background,
            alpha: fields.alpha,
            symbols: fields.symbols,
            color: fields.color,
            color_on: fields.color_on,
            dither: fields.dither,
            bands: fields.bands,
            stretch: fields.stretch,
            ..Self::default()
        };
        // The shortest decimal form of a number is what its writer wrote.
        let numbers = [
            ("width", fields.width.map(|it| it.to_string())),
            ("height", fields.height.map(|it| it.to_string())),
            ("cell", fields.cell.map(|it| it.to_string())),
            ("brightness", fields.brightness.map(|it| it.to_string())),
            ("contrast", fields.contrast.map(|it| it.to_string())),
            ("gamma", fields.gamma.map(|it| it.to_string())),
            ("sharpen", fields.sharpen.map(|it| it.to_string())),
            ("frame", Some(fields.frame.to_string())),
        ];
        for (name, number) in numbers {
            if let Some(number) = number {
                spec.set(name, &number)?;
            }
        }
        Ok(spec)
    }
}

impl From<Spec> for Fields {
    fn from(spec: Spec) -> Self {
        let number =
            |value: i32, default| (value != default).then(|| f64::from(value) / f64::from(ONE));
        let (levels, default) = (spec.levels, Levels::default());
        Self {
            width: spec.width(),
            height: spec.height(),
            fit: spec.fit(),
            cell: number(spec.cell, CELL_DEFAULT),
            invert: spec.invert,
            r#match: spec.matching,
            tone: spec.tone,
            background: spec.background,
            alpha: spec.alpha,
            dither: spec.dither,
            brightness: number(levels.brightness, default.brightness),
            contrast: number(levels.contrast, default.contrast),
            gamma: number(levels.gamma, default.gamma),
            sharpen: number(levels.sharpen, default.sharpen),
            symbols: spec.symbols,
            color: spec.color,
            color_on: spec.color_on,
            frame: spec.frame,
            bands: spec.bands,
            stretch: spec.stretch,
        }
    }
}
