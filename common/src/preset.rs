//! A preset: a named set of render options. Every image is rendered in every preset in advance.

use asciify::{Bands, Spec};

use crate::env::Env;

/// The default of `PRESETS`.
const DEFAULT: &str = "default?width=80 small?width=40 large?width=160 color?width=80&color=full \
                       blocks?width=80&symbols=half&color=full&color_on=both";

/// The form of an entry.
const FORM: &str = "NAME?OPTIONS, as in default?width=80";

/// A name for a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// ASCII letters, digits and hyphens, such as `small`.
    pub name: String,
    /// The options.
    pub spec: Spec,
}

/// All presets. One of them is named `default`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presets(Vec<Preset>);

impl Presets {
    /// Reads `PRESETS`: entries `NAME?OPTIONS`, with options as in a URL, separated by white space.
    pub fn read(env: &mut Env) -> Self {
        let text = env.text(
            "PRESETS",
            DEFAULT,
            "renders made in advance: NAME?OPTIONS, separated by spaces; one must be named default",
        );
        Presets::parse(&text).unwrap_or_else(|error| {
            env.reject(format!("PRESETS: {error}"));
            Presets::default()
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut presets: Vec<Preset> = Vec::new();
        for (index, word) in text.split_whitespace().enumerate() {
            let nth = index + 1;
            let (name, options) =
                word.split_once('?').ok_or(format!("entry {nth}: expected {FORM}"))?;
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                return Err(format!(
                    "entry {nth}: a name may have letters, digits and hyphens only"
                ));
            }
            if presets.iter().any(|preset| preset.name == name) {
                return Err(format!("entry {nth}: {name} is defined twice"));
            }
            let spec = options.parse::<Spec>().map_err(|err| format!("{name}: {err}"))?;
            if spec.frame() > 0 || *spec.bands() != Bands::Auto {
                return Err(format!(
                    "{name}: frame and bands are not allowed, since not every image has them"
                ));
            }
            presets.push(Preset { name: name.to_owned(), spec });
        }
        match presets.iter().any(|preset| preset.name == "default") {
            true => Ok(Presets(presets)),
            false => Err("one preset must be named default, as in default?width=80".into()),
        }
    }

    /// The presets, in the order of the setting.
    pub fn iter(&self) -> impl Iterator<Item = &Preset> {
        self.0.iter()
    }

    /// The preset with that name.
    pub fn named(&self, name: &str) -> Option<&Preset> {
        self.0.iter().find(|preset| preset.name == name)
    }

    /// The preset `default`.
    pub fn main(&self) -> &Preset {
        self.named("default").expect("checked when the presets were read")
    }

    /// The first preset with these options.
    pub fn of(&self, spec: &Spec) -> Option<&Preset> {
        self.0.iter().find(|preset| preset.spec == *spec)
    }

    /// The distinct specs of all presets: what a job renders.
    pub fn specs(&self) -> Vec<Spec> {
        let mut specs: Vec<Spec> = Vec::new();
        for preset in &self.0 {
            if !specs.contains(&preset.spec) {
                specs.push(preset.spec.clone());
            }
        }
        specs
    }
}

impl Default for Presets {
    fn default() -> Self {
        Presets::parse(DEFAULT).expect("the built-in presets are valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_named_specs() {
        let presets = Presets::parse("default?width=80 wide?width=200&invert=true").unwrap();
        assert_eq!(presets.named("wide").unwrap().spec.to_string(), "width=200&invert=true");
        assert_eq!(presets.of(&"width=80".parse().unwrap()).unwrap().name, "default");
        assert_eq!(presets.named("tiny"), None);
    }

    #[test]
    fn two_names_for_one_spec_make_one_render() {
        let presets = Presets::parse("default?width=80 normal?width=80").unwrap();
        assert_eq!(presets.specs().len(), 1);
    }

    #[test]
    fn errors_are_reported() {
        let error = |text| Presets::parse(text).unwrap_err();
        assert_eq!(
            error("small?width=40"),
            "one preset must be named default, as in default?width=80"
        );
        assert_eq!(error("default"), "entry 1: expected NAME?OPTIONS, as in default?width=80");
        assert!(error("default?width=0").starts_with("default: width"));
        assert!(error("default?width=80 default?width=9").contains("defined twice"));
        assert!(error("default?width=80&bands=4").contains("not every image"));
    }
}
