//! Options: any text is a spec with a canonical form, or is refused.

use asciify::{OPTIONS, Spec};

/// Specs, and each option alone.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let specs = [
        "",
        "width=40&height=20&fit=cover&cell=0.625&invert=true",
        "match=ramp&tone=natural&background=light&alpha=%23ff8000&dither=bayer",
        "symbols=octant&color=256&color_on=both",
        "symbols=ramp:%20%E2%96%91%E2%96%93&brightness=-0.25&contrast=1.5&gamma=2.2&sharpen=0.001",
        "symbols=chars:%20%23%26%3C%E2%96%80&frame=7&bands=4,3,2&stretch=-100:3000.5",
        "bands=2&stretch=none&width=1000",
        "region=5,7,1000,1&width=40",
        "region=pct:12.5,0.000001,33.333333,100&fit=cover&height=3&width=9",
        "bands=B8A,near%20red,2",
        "expression=(b8-b4)/(b8%2Bb4)&colormap_name=rdylgn_r&stretch=-1:1",
        "expression=where((NIR>=1e3)%26(b2!=0)|-b1**2<.5,log10(B8A),min(b1%20b2,3));b1;sqrt(b2)",
        "algorithm=hillshade&azimuth=315.5&angle_altitude=-3&z_exaggeration=10&bands=1",
        "width=1&width=2",
    ];
    // and each option alone, with the text of what it accepts
    let alone = OPTIONS.iter().map(|option| format!("{}={}", option.name, option.accepts()));
    let all = specs.into_iter().map(str::to_owned).chain(alone);
    all.map(|spec| (spec.clone(), spec.into_bytes())).collect()
}

/// Parses a text, and writes the spec again.
pub fn attack(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let spec: Spec = match text.parse() {
        Ok(spec) => spec,
        Err(err) => {
            let message = err.to_string();
            let is_printable = !message.contains(asciify::is_display_control);
            assert!(message.len() < 1000 && is_printable, "{message:?}");
            return;
        }
    };
    let written = spec.to_string();
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()), "{written:?}");
    let again: Spec = written.parse().expect(&written);
    assert_eq!((&again, again.to_string()), (&spec, written));

    for (width, height) in [(0, 0), (1, u32::MAX), (u32::MAX, 1), (640, 480), (u32::MAX, u32::MAX)]
    {
        let (columns, rows) = spec.size(width, height);
        assert!((1..=1000).contains(&columns) && (1..=1000).contains(&rows), "{text}");
        spec.working_bytes(width, height);
    }
}
