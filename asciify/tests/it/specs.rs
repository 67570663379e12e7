//! Options: one canonical form for specs that mean the same, and helpful messages.

use std::collections::HashSet;

use asciify::{OPTIONS, Spec, SpecError};

#[test]
fn specs_that_mean_the_same_have_one_form() {
    for (forms, canonical) in [
        (
            &[
                "",
                "width=80",
                "width=080",
                "fit=contain",
                "fit=cover",
                "width=80&fit=stretch",
                "invert=false",
                "cell=0.5",
            ][..],
            "width=80",
        ),
        (&["height=12", "cell=0.500&height=12", "height=12&fit=cover"], "height=12"),
        (&["width=9&height=8&fit=contain", "height=8&width=9"], "width=9&height=8"),
        (
            &["invert=true&cell=1.250&fit=cover&height=8&width=9"],
            "width=9&height=8&fit=cover&cell=1.25&invert=true",
        ),
        (&["cell=2&width=3", "cell=2.000&width=3"], "width=3&cell=2"),
        (&["cell=0.105"], "width=80&cell=0.105"),
        (&["symbols=ascii"], "width=80"),
        (&["alpha=FF8000", "alpha=#ff8000", "alpha=%23Ff8000"], "width=80&alpha=%23ff8000"),
        (
            &["gamma=1.0&contrast=1&brightness=-0&sharpen=0.000", "dither=bayer", "color_on=both"],
            "width=80",
        ),
        (
            &["sharpen=0.50&gamma=2.20&brightness=-0.1&color=16&match=ramp&dither=bayer"],
            "width=80&match=ramp&color=16&dither=bayer&brightness=-0.1&gamma=2.2&sharpen=0.5",
        ),
        (
            &["expression=(b8-b4)/(b8%2Bb4)", "expression=(B8-B4)/( b8 b4 )&bands=4,3,2"],
            "width=80&expression=%28b8-b4%29%2F%28b8%2Bb4%29",
        ),
        (&["expression=none&colormap_name=none&algorithm=none&azimuth=7"], "width=80"),
        (
            &["azimuth=45.000&algorithm=hillshade&angle_altitude=30&unscale=true"],
            "width=80&unscale=true&algorithm=hillshade&angle_altitude=30",
        ),
        (
            &["colormap_name=RdYlGn_r&region=0,0,1,1"],
            "width=80&region=0%2C0%2C1%2C1&colormap_name=rdylgn_r",
        ),
        (&["symbols=chars:@ %40x", "symbols=chars:x@ @"], "width=80&symbols=chars:%20%40x"),
        (
            &["symbols=ramp: -%2B%26", "symbols=ramp:%20-+%26&match=ramp"],
            "width=80&symbols=ramp:%20-%2B%26",
        ),
    ] {
        let specs: HashSet<Spec> =
            forms.iter().map(|form| form.parse().expect("a valid spec")).collect();
        assert_eq!(specs.len(), 1, "{forms:?}");
        for spec in specs {
            assert_eq!(spec.to_string(), canonical);
            assert_eq!(canonical.parse(), Ok(spec));
        }
    }
}

#[test]
fn the_message_for_a_bad_value_says_what_is_accepted() {
    for text in [
        "width=0",
        "width=1001",
        "width=+5",
        "width=-5",
        "width= 5",
        "width=",
        "width",
        "width=99999999999",
        "height=1e2",
        "fit=Cover",
        "fit=",
        "cell=.5",
        "cell=0.",
        "cell=0.0999",
        "cell=0.09",
        "cell=10.001",
        "cell=-1",
        "cell=NaN",
        "invert=1",
        "invert",
        "alpha=#ff800",
        "alpha=+f8000",
        "brightness=1.001",
        "brightness=--1",
        "contrast=-1",
        "gamma=0",
        "sharpen=+1",
        "dither=random",
        "color=15",
        "color_on=background",
        "symbols=Ascii",
        "symbols=chars:",
        "symbols=chars:ä",
        "symbols=ramp:x",
        "symbols=ramp:.\u{7}",
        "symbols=ramp:.%FF",
        "colormap_name=jet2",
        "colormap_name=none_r",
        "algorithm=contours",
        "azimuth=360.5",
        "angle_altitude=91",
        "z_exaggeration=0",
        // a wide and a combining character
        "symbols=ramp:.月",
        "symbols=ramp:.\u{300}",
    ] {
        let name = text.split('=').next().expect("a first part");
        let option = OPTIONS.iter().find(|option| option.name == name).expect("a known option");
        let err = text.parse::<Spec>().expect_err(text);
        assert_eq!(err, SpecError::BadValue { name: option.name, accepts: option.accepts() });
        assert!(err.to_string().contains(&option.accepts()), "{err}");
    }
}

#[test]
fn unknown_and_repeated_options_are_refused() {
    assert_eq!("width=1&width=1".parse::<Spec>(), Err(SpecError::Repeated { name: "width" }));
    for text in ["colour=red", "width=1&", "&", "Width=1"] {
        let err = text.parse::<Spec>().expect_err(text);
        assert!(matches!(err, SpecError::UnknownOption { .. }), "{text}");
        assert!(OPTIONS.iter().all(|option| err.to_string().contains(option.name)), "{err}");
    }
    let long = format!("{}=1", "x".repeat(100_000)).parse::<Spec>().expect_err("no such option");
    assert!(long.to_string().len() < 500, "a message must not echo everything");
}

#[test]
fn a_failed_set_changes_nothing() {
    let mut spec: Spec = "width=9&height=8&fit=cover".parse().expect("a valid spec");
    let before = spec.clone();
    assert!(spec.set("fit", "squeeze").is_err() && spec.set("cell", "99").is_err());
    assert_eq!(spec, before);
}
