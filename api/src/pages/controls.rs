//! The engine's options as form controls, with the values of a request.

use asciify::{ColorMapName, OptionDoc, Spec};
use common::image::Metadata;

/// A collapsible group of controls.
pub(super) struct Group {
    pub title: &'static str,
    pub is_open: bool,
    pub controls: Vec<Control>,
}

/// The control of one option.
pub(super) struct Control {
    pub name: &'static str,
    pub label: &'static str,
    pub help: String,
    pub input: Input,
    pub value: String,
    /// The value that addresses omit.
    pub default: &'static str,
}

/// The form element of a control.
pub(super) enum Input {
    /// Radio buttons: values with their labels.
    Segments(Vec<(&'static str, &'static str)>),
    /// A list: values with their labels.
    Select(Vec<(String, &'static str)>),
    /// A number with a slider.
    Range { min: &'static str, max: &'static str, step: &'static str },
    /// A number of columns or rows. `slider_max` is the maximum of its slider; 0 is no slider.
    Cells { slider_max: u32 },
    /// A number without a slider.
    Number { min: &'static str, max: &'static str, step: &'static str },
    /// Free text.
    Text,
    /// A checkbox.
    Switch,
}

use Input::{Cells, Number, Range, Segments, Select, Switch, Text};

/// The controls of every option that applies to the image, with the values of `spec`.
pub(super) fn groups(spec: &Spec, metadata: &Metadata) -> Vec<Group> {
    let canonical = spec.to_string();
    let values: Vec<(String, String)> =
        form_urlencoded::parse(canonical.as_bytes()).into_owned().collect();
    let control = |name: &str, label, input| {
        let option = OptionDoc::named(name).expect("a control is of an option");
        let OptionDoc { name, default, .. } = *option;
        let help = match default {
            "" => option.help.to_owned(),
            default => format!("{} Default: {default}.", option.help),
        };
        let value = values.iter().find(|(option, _)| option == name);
        let value = value.map_or_else(|| default.to_owned(), |(_, value)| value.clone());
        Control { name, label, help, input: with_value(input, &value), value, default }
    };
    let slider = |min, max, step| Range { min, max, step };
    let number = |min, max, step| Number { min, max, step };
    let group = |title, is_open, controls| Group { title, is_open, controls };

    let mut source = vec![control("region", "Region", Text)];
    if metadata.frames > 1 {
        source.push(control("frame", "Frame", number("0", "999999", "1")));
    }
    if metadata.layout.is_none_or(|layout| layout.bands > 1) {
        source.push(control("bands", "Bands", Text));
    }
    if metadata.layout.is_none_or(|layout| layout.bit_depth > 8) {
        source.push(control("stretch", "Stretch", Text));
    }
    source.push(control("nodata", "No data", Text));
    source.push(control("unscale", "Unscale", Switch));
    source.push(control("expression", "Expression", Text));
    source.push(control("colormap_name", "Colour map", color_maps()));
    let algorithms = words(&[("none", "None"), ("hillshade", "Hillshade")]);
    source.push(control("algorithm", "Algorithm", algorithms));
    source.push(control("azimuth", "Light from", number("0", "360", "any")));
    source.push(control("angle_altitude", "Light height", number("-90", "90", "any")));
    source.push(control("z_exaggeration", "Exaggeration", number("0.001", "1000", "any")));
    let mut groups = vec![
        group(
            "Size",
            true,
            vec![
                control("width", "Columns", Cells { slider_max: 320 }),
                control("height", "Rows", Cells { slider_max: 0 }),
                control(
                    "fit",
                    "Fit",
                    words(&[("contain", "Contain"), ("cover", "Crop"), ("stretch", "Stretch")]),
                ),
            ],
        ),
        group(
            "Drawing",
            true,
            vec![
                control("symbols", "Characters", symbols()),
                control("match", "Match by", words(&[("shape", "Shape"), ("ramp", "Brightness")])),
                control(
                    "dither",
                    "Dither",
                    select(&[
                        ("none", "None"),
                        ("floyd-steinberg", "Floyd–Steinberg"),
                        ("bayer", "Bayer"),
                        ("blue-noise", "Blue noise"),
                    ]),
                ),
            ],
        ),
        group(
            "Colour",
            true,
            vec![
                control(
                    "color",
                    "Colours",
                    words(&[("none", "None"), ("16", "16"), ("256", "256"), ("full", "All")]),
                ),
                control(
                    "color_on",
                    "Colour applies to",
                    words(&[("foreground", "Text"), ("both", "Text and background")]),
                ),
                control("background", "Background", words(&[("dark", "Dark"), ("light", "Light")])),
                control("alpha", "Transparency", Text),
            ],
        ),
        group(
            "Tone",
            true,
            vec![
                control(
                    "tone",
                    "Tone",
                    words(&[("auto", "Auto"), ("natural", "Natural"), ("linear", "Linear")]),
                ),
                control("invert", "Invert", Switch),
                control("brightness", "Brightness", slider("-1", "1", "0.05")),
                control("contrast", "Contrast", slider("0", "3", "0.05")),
                control("gamma", "Gamma", slider("0.2", "4", "0.05")),
                control("sharpen", "Sharpen", slider("0", "5", "0.1")),
                control("cell", "Cell shape", number("0.1", "10", "0.001")),
            ],
        ),
    ];
    if !source.is_empty() {
        groups.push(group("Source", false, source));
    }
    groups
}

fn words(words: &[(&'static str, &'static str)]) -> Input {
    Segments(words.to_vec())
}

fn select(words: &[(&'static str, &'static str)]) -> Input {
    Select(words.iter().map(|(value, label)| ((*value).to_owned(), *label)).collect())
}

fn symbols() -> Input {
    select(&[
        ("ascii", "ASCII"),
        ("blocks", "Blocks"),
        ("half", "Half blocks"),
        ("quad", "Quadrants"),
        ("sextant", "Sextants"),
        ("octant", "Octants"),
        ("braille", "Braille"),
        ("ramp: .:-=+*#%@", "Ramp .:-=+*#%@"),
        ("ramp: ░▒▓█", "Ramp ░▒▓█"),
    ])
}

fn color_maps() -> Input {
    let label = |name: &'static str| if name == "none" { "None" } else { name };
    Select(ColorMapName::NAMES.iter().map(|name| ((*name).to_owned(), label(name))).collect())
}

/// Adds the requested value to a list that does not have it.
fn with_value(input: Input, value: &str) -> Input {
    match input {
        Select(mut offers) if offers.iter().all(|(offer, _)| offer != value) => {
            offers.push((value.to_owned(), "Custom"));
            Select(offers)
        }
        input => input,
    }
}
