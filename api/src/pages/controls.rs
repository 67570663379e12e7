//! The engine's options as controls of a form, with the values that a page was asked with.

use asciify::{OPTIONS, Spec};
use common::image::Metadata;

/// Controls that belong together.
pub(super) struct Group {
    pub title: &'static str,
    pub is_open: bool,
    pub controls: Vec<Control>,
}

/// One option.
pub(super) struct Control {
    pub name: &'static str,
    pub label: &'static str,
    pub help: &'static str,
    pub kind: Kind,
    pub value: String,
    /// What is left out of an address.
    pub default: &'static str,
}

/// How an option is chosen.
pub(super) enum Kind {
    /// One of a few words, all in sight.
    Segments(Vec<(&'static str, &'static str)>),
    /// One of many; a value that is none of them is there as well.
    Select(Vec<(String, &'static str)>),
    /// A number that is found by sliding.
    Range { min: &'static str, max: &'static str, step: &'static str },
    /// A number of cells: `slide` is the longest that a slider offers.
    Cells { slide: u32 },
    /// A number.
    Number { min: &'static str, max: &'static str, step: &'static str },
    /// Anything else.
    Text,
    /// On or off.
    Switch,
}

use Kind::{Cells, Number, Range, Segments, Select, Switch, Text};

/// Every option that makes sense for an image, as `spec` has it.
pub(super) fn groups(spec: &Spec, metadata: &Metadata) -> Vec<Group> {
    let canonical = spec.to_string();
    let values: Vec<(String, String)> =
        form_urlencoded::parse(canonical.as_bytes()).into_owned().collect();
    let control = |name, label, default: &'static str, kind| {
        let value = values.iter().find(|(option, _)| option == name);
        let value = value.map_or_else(|| default.to_owned(), |(_, value)| value.clone());
        let help = OPTIONS.iter().find(|option| option.name == name).map_or("", |it| it.help);
        Control { name, label, help, kind: kind_with(kind, &value), value, default }
    };
    let slider = |min, max, step| Range { min, max, step };
    let number = |min, max, step| Number { min, max, step };
    let group = |title, is_open, controls| Group { title, is_open, controls };

    let mut source = Vec::new();
    if metadata.frames > 1 {
        source.push(control("frame", "Frame", "0", number("0", "999999", "1")));
    }
    if metadata.layout.is_none_or(|layout| layout.bands > 1) {
        source.push(control("bands", "Bands", "auto", Text));
    }
    if metadata.layout.is_none_or(|layout| layout.bit_depth > 8) {
        source.push(control("stretch", "Stretch", "auto", Text));
    }
    let mut groups = vec![
        group(
            "Size",
            true,
            vec![
                control("width", "Columns", "80", Cells { slide: 320 }),
                control("height", "Rows", "", Cells { slide: 0 }),
                control(
                    "fit",
                    "Fit",
                    "contain",
                    words(&[("contain", "Whole"), ("cover", "Crop"), ("stretch", "Stretch")]),
                ),
            ],
        ),
        group(
            "Characters",
            true,
            vec![
                control("symbols", "Drawn with", "ascii", symbols()),
                control(
                    "match",
                    "Chosen by",
                    "shape",
                    words(&[("shape", "Shape"), ("ramp", "Brightness")]),
                ),
                control(
                    "dither",
                    "Dither",
                    "none",
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
                    "none",
                    words(&[("none", "None"), ("16", "16"), ("256", "256"), ("full", "All")]),
                ),
                control(
                    "color_on",
                    "Coloured",
                    "foreground",
                    words(&[("foreground", "Text"), ("both", "Both")]),
                ),
                control(
                    "background",
                    "Ground",
                    "dark",
                    words(&[("dark", "Dark"), ("light", "Light")]),
                ),
                control("alpha", "Transparent", "auto", Text),
            ],
        ),
        group(
            "Tone",
            true,
            vec![
                control(
                    "tone",
                    "Range",
                    "auto",
                    words(&[("auto", "Auto"), ("natural", "Natural"), ("linear", "Linear")]),
                ),
                control("invert", "Negative", "false", Switch),
                control("brightness", "Brightness", "0", slider("-1", "1", "0.05")),
                control("contrast", "Contrast", "1", slider("0", "3", "0.05")),
                control("gamma", "Gamma", "1", slider("0.2", "4", "0.05")),
                control("sharpen", "Sharpen", "0", slider("0", "5", "0.1")),
                control("cell", "Cell shape", "0.5", number("0.1", "10", "0.001")),
            ],
        ),
    ];
    if !source.is_empty() {
        groups.push(group("Source", false, source));
    }
    groups
}

fn words(words: &[(&'static str, &'static str)]) -> Kind {
    Segments(words.to_vec())
}

fn select(words: &[(&'static str, &'static str)]) -> Kind {
    Select(words.iter().map(|(value, label)| ((*value).to_owned(), *label)).collect())
}

fn symbols() -> Kind {
    select(&[
        ("ascii", "ASCII"),
        ("blocks", "Blocks"),
        ("half", "Half blocks"),
        ("quad", "Quarters"),
        ("sextant", "Sextants"),
        ("octant", "Octants"),
        ("braille", "Braille"),
        ("ramp: .:-=+*#%@", "Ramp .:-=+*#%@"),
        ("ramp: ░▒▓█", "Ramp ░▒▓█"),
    ])
}

/// A value that was asked for is among those that are offered.
fn kind_with(kind: Kind, value: &str) -> Kind {
    match kind {
        Select(mut offers) if offers.iter().all(|(offer, _)| offer != value) => {
            offers.push((value.to_owned(), "As asked"));
            Select(offers)
        }
        kind => kind,
    }
}
