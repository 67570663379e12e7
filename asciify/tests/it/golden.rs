//! Golden files: the output changes only together with `ENGINE_VERSION`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p asciify golden` writes the files of a new version. It leaves
//! files that differ alone; only `UPDATE_GOLDEN=force` overwrites, for a version never released.

use std::path::{Path, PathBuf};

use asciify::{ENGINE_VERSION, write};
use image::DynamicImage;

use testkit::pictures;

const SPECS: [&str; 8] = [
    "width=32",
    "width=20&invert=true",
    "height=10",
    "width=24&height=12&fit=cover",
    "width=24&height=6&fit=stretch&cell=0.6",
    "width=32&match=ramp",
    "width=24&tone=natural",
    "width=24&background=light&tone=linear",
];

/// Symbols, for the pictures with most detail.
const SYMBOLS: [&str; 8] =
    ["blocks", "half", "quad", "sextant", "octant", "braille", "chars:.oO@", "ramp: ░▒▓█"];

/// Colours, for a picture that has some: ANSI output, with ESC as a visible character.
const COLOURS: [&str; 6] = [
    "width=6&color=full",
    "width=6&color=16&color_on=both",
    "width=6&color=256&symbols=quad&color_on=both",
    "width=6&color=full&background=light",
    "width=6&color=full&symbols=half&color_on=both&gamma=1.5&brightness=-0.1&contrast=1.2",
    "width=6&color=256&match=ramp&invert=true",
];

/// Tones, for a picture of many.
const TONES: [&str; 7] = [
    "width=24&match=ramp&dither=floyd-steinberg",
    "width=24&match=ramp&dither=bayer",
    "width=24&match=ramp&dither=blue-noise",
    "width=24&brightness=0.2",
    "width=24&contrast=2",
    "width=24&gamma=2",
    "width=24&sharpen=2",
];

fn cases() -> Vec<(String, String)> {
    let pictures: [(&str, DynamicImage); 10] = [
        ("gradient", pictures::gradient()),
        ("disc", pictures::disc()),
        ("checker", pictures::checker()),
        ("alpha", pictures::alpha()),
        ("one-pixel", pictures::one_pixel()),
        ("tall", pictures::tall()),
        ("wide", pictures::wide()),
        ("deep", pictures::deep()),
        ("noise", pictures::noise()),
        ("word", pictures::word()),
    ];
    let mut cases = Vec::new();
    for (name, picture) in &pictures {
        let file = pictures::png(picture);
        for spec in SPECS {
            let file_name = format!("{name}.{}.txt", spec.replace('&', "_").replace('=', "-"));
            cases.push((file_name, pictures::text(&file, spec)));
        }
        if ["gradient", "disc", "deep"].contains(name) {
            for symbols in SYMBOLS {
                let kind = symbols.split(':').next().unwrap_or(symbols);
                let spec = format!("width=20&symbols={symbols}");
                cases.push((format!("{name}.{kind}.txt"), pictures::text(&file, &spec)));
            }
        }
    }
    let file = pictures::png(&pictures::deep());
    for spec in TONES {
        let file_name = format!("deep.{}.txt", spec.replace('&', "_").replace('=', "-"));
        cases.push((file_name, pictures::text(&file, spec)));
    }
    let file = pictures::png(&pictures::lopsided());
    for spec in COLOURS {
        let file_name = format!("lopsided.{}.txt", spec.replace('&', "_").replace('=', "-"));
        let text =
            write::ansi(&pictures::drawn(&file, spec).expect("a picture")).replace('\u{1b}', "␛");
        cases.push((file_name, text));
    }
    cases
}

#[test]
fn golden_files_change_with_the_engine_version_only() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{ENGINE_VERSION}"));
    let update = update();
    if update.is_some() {
        std::fs::create_dir_all(&folder).expect("the source tree is writable");
    }
    assert!(
        folder.is_dir(),
        "{} is missing: run UPDATE_GOLDEN=1 cargo test -p asciify golden",
        folder.display()
    );

    let mut differing = Vec::new();
    for (name, drawn) in cases() {
        let path = folder.join(&name);
        match (std::fs::read_to_string(&path).ok(), update.as_deref()) {
            (Some(kept), _) if kept == drawn => {}
            (_, Some("force")) | (None, Some(_)) => write(&path, &drawn),
            (kept, _) => differing
                .push(format!("{name}\nkept:\n{}\ndrawn:\n{drawn}", kept.unwrap_or_default())),
        }
    }
    assert!(
        differing.is_empty(),
        "the output changed: raise ENGINE_VERSION, then refresh by UPDATE_GOLDEN=1\n\n{}",
        differing.join("\n")
    );
}

#[test]
fn no_golden_file_is_left_over() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{ENGINE_VERSION}"));
    let known: Vec<String> = cases().into_iter().map(|(name, _)| name).collect();
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let name =
            entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned();
        assert!(known.contains(&name), "no case draws {name}");
    }
}

fn write(path: &PathBuf, text: &str) {
    std::fs::write(path, text).expect("the source tree is writable");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a switch of this test alone, no setting of the service"
)]
fn update() -> Option<String> {
    std::env::var("UPDATE_GOLDEN").ok().filter(|value| !value.is_empty())
}
