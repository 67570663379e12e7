//! The bands and stretches that keys step through.

use asciify::{Header, Spec};

/// The values of an option, one of which is chosen.
#[derive(Debug, Clone)]
pub(crate) struct Choices {
    option: &'static str,
    values: Vec<String>,
    chosen: usize,
}

/// Stretches: all are percentiles of the whole picture, so that panning does not change them.
const STRETCHES: [&str; 5] = ["auto", "2%:98%", "0.5%:99.5%", "0%:100%", "none"];

/// Composites of instruments whose bands have these names: Sentinel-2 (natural colours, near infrared,
/// shortwave infrared), and names of colours.
const NAMED_COMPOSITES: [[&str; 3]; 6] = [
    ["b4", "b3", "b2"],
    ["b8", "b4", "b3"],
    ["b12", "b8a", "b4"],
    ["red", "green", "blue"],
    ["nir", "red", "green"],
    ["swir", "nir", "red"],
];

/// Composites of files that name no bands, by their numbers: natural colours and near infrared of
/// Sentinel-2 and Landsat 8 in the order of their bands, or of blue, green, red and near infrared.
const NUMBERED_COMPOSITES: [[u32; 3]; 3] = [[3, 2, 1], [4, 3, 2], [5, 4, 3]];

/// The most single bands that are stepped through.
const MAX_BANDS: u32 = 64;

impl Choices {
    /// The value that `spec` has, then the others.
    fn new(option: &'static str, given: String, others: impl Iterator<Item = String>) -> Self {
        let mut values = vec![given];
        for value in others {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Self { option, values, chosen: 0 }
    }

    /// Ranges of values.
    pub(crate) fn stretches(spec: &Spec) -> Self {
        Self::new("stretch", spec.stretch().to_string(), STRETCHES.map(str::to_owned).into_iter())
    }

    /// Composites, and each band alone, of a file.
    pub(crate) fn bands(spec: &Spec, header: &Header) -> Self {
        let count = header.bands;
        let names: Vec<String> =
            header.band_names.iter().flatten().map(|name| name.to_lowercase()).collect();
        let named = NAMED_COMPOSITES.iter().map(|bands| bands.map(str::to_owned)).filter(|bands| {
            bands.iter().all(|band| names.contains(band) || names.contains(&padded(band)))
        });
        let numbered = NUMBERED_COMPOSITES
            .iter()
            // three bands are the composite that auto is
            .filter(|bands| names.is_empty() && count > 3 && bands.iter().all(|it| *it <= count))
            .map(|bands| bands.map(|band| band.to_string()));
        let singles = (1..=count.min(MAX_BANDS)).filter(|_| count > 1).map(|it| it.to_string());
        let composites = named.chain(numbered).map(|bands| bands.join(","));
        let all = ["auto".to_owned()].into_iter().chain(composites).chain(singles);
        Self::new("bands", spec.bands().to_string(), all)
    }

    /// The next value, or the one before.
    pub(crate) fn step(&mut self, is_forward: bool) {
        let count = self.values.len();
        self.chosen = (self.chosen + if is_forward { 1 } else { count - 1 }) % count;
    }

    /// Whether there is anything to choose from.
    pub(crate) fn has_several(&self) -> bool {
        self.values.len() > 1
    }

    /// The chosen value.
    pub(crate) fn value(&self) -> &str {
        &self.values[self.chosen]
    }

    /// Sets the option.
    pub(crate) fn apply(&self, spec: &mut Spec) {
        spec.set(self.option, self.value()).expect("each value is one that the option accepts");
    }
}

/// `b04` for `b4`: both are usual.
fn padded(band: &str) -> String {
    match band.strip_prefix('b') {
        Some(digit) if digit.len() == 1 => format!("b0{digit}"),
        _ => band.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use asciify::{Limits, probe_header};
    use std::io::Cursor;

    /// What `step` comes to, from the first to the last.
    fn all(mut choices: Choices) -> Vec<String> {
        let count = choices.values.len();
        let step = |_| {
            let value = choices.value().to_owned();
            choices.step(true);
            value
        };
        (0..count).map(step).collect()
    }

    fn header(bands: u32, names: &[&str]) -> Header {
        let grey = probe_header(Cursor::new(b"P2 1 1 255 0"), &Limits::default());
        let band_names = names.iter().map(|name| Some((*name).to_owned())).collect();
        Header { bands, band_names, ..grey.expect("a picture of one pixel") }
    }

    #[test]
    fn bands_are_composites_and_single_ones() {
        let bands = |count, names: &[&str], spec: &str| {
            let spec = spec.parse().expect("a spec");
            all(Choices::bands(&spec, &header(count, names))).join(" ")
        };
        assert_eq!(bands(1, &[], ""), "auto");
        assert_eq!(bands(3, &[], ""), "auto 1 2 3");
        assert_eq!(bands(4, &[], ""), "auto 3,2,1 4,3,2 1 2 3 4");
        assert_eq!(bands(4, &[], "bands=4,1,2"), "4,1,2 auto 3,2,1 4,3,2 1 2 3 4");
        let named = ["B02", "B03", "B04", "B08"];
        assert_eq!(bands(4, &named, ""), "auto b4,b3,b2 b8,b4,b3 1 2 3 4");
        assert_eq!(bands(3, &["Red", "NIR", "Green"], ""), "auto nir,red,green 1 2 3");
        assert!(bands(65_535, &[], "").ends_with(" 63 64"));
    }

    #[test]
    fn steps_go_round_both_ways() {
        let spec: Spec = "stretch=0:3000".parse().expect("a spec");
        let mut stretches = Choices::stretches(&spec);
        assert_eq!(stretches.value(), "0:3000");
        stretches.step(false);
        assert_eq!(stretches.value(), "none");
        stretches.step(true);
        stretches.step(true);
        assert_eq!(stretches.value(), "auto");
        for value in all(stretches.clone()) {
            let mut spec = Spec::default();
            spec.set("stretch", &value).expect("an accepted value");
        }
    }
}
