//! Names of settings: as flags, misspelled, and safe to print.

/// The flag of a setting, without its dashes.
pub(super) fn kebab(name: &str) -> String {
    name.replace('_', "-").to_lowercase()
}

/// The one of `names` that `name` may be a misspelling of.
pub(super) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |near: &&str| strsim::osa_distance(name, near);
    names.min_by_key(far).filter(|near| far(near) <= 2)
}

/// `word`, if it looks like a name; anything else may contain a secret.
pub(super) fn redact(word: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if word.chars().all(plain) { word } else { "…" }
}
