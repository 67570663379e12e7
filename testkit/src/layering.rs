//! Imports inside a crate run one way: no circle of files, and no import through `lib.rs`.

use std::{collections::BTreeMap, fs, path::Path};

/// Checks the imports of the crate in the folder `manifest_dir`, its `CARGO_MANIFEST_DIR`.
///
/// `use super::Item` in a child imports its parent. `pub use` only forwards names: it does not
/// count.
///
/// # Panics
/// With the names of the files, if their `use` lines have a circle or import through `lib.rs`.
pub fn assert_layered(manifest_dir: &str) {
    let src = Path::new(manifest_dir).join("src");
    let mut sources = BTreeMap::new();
    read(&src, "", &mut sources);
    check(&sources).unwrap_or_else(|error| panic!("{}: {error}", src.display()));
}

/// Adds the sources below `folder` by module path, without the roots of library and programs.
fn read(folder: &Path, module: &str, sources: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("a file").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a UTF-8 name");
        let name = match (module, stem) {
            ("", "lib" | "main" | "bin") => continue,
            ("", stem) => stem.to_owned(),
            (module, "mod") => module.to_owned(),
            (module, stem) => format!("{module}::{stem}"),
        };
        match path.is_dir() {
            true => read(&path, &name, sources),
            false => sources.extend([(name, fs::read_to_string(&path).expect("a source"))]),
        }
    }
}

fn check(sources: &BTreeMap<String, String>) -> Result<(), String> {
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (file, source) in sources {
        let imports = graph.entry(file).or_default();
        for path in imports_of(source, file) {
            let prefixes = path.match_indices("::").map(|(at, _)| &path[..at]).chain([&path[..]]);
            let target = prefixes.filter_map(|prefix| sources.get_key_value(prefix)).last();
            let target = target.ok_or_else(|| format!("{file} imports {path} through lib.rs"))?.0;
            imports.extend((target != file).then_some(target.as_str()));
        }
    }
    // remove files whose imports were all removed; those that stay are on a circle, or import one
    while let Some(free) = graph.iter().find(|(_, to)| to.iter().all(|to| !graph.contains_key(to)))
    {
        let free = *free.0;
        graph.remove(free);
    }
    match graph.is_empty() {
        true => Ok(()),
        false => Err(format!("a circle of imports is among {:?}", graph.keys())),
    }
}

/// The paths, from the crate's root, that the private `use` items of `file` import.
fn imports_of(source: &str, file: &str) -> Vec<String> {
    let code = source.lines().take_while(|line| *line != "#[cfg(test)]");
    let mut code = code.map(|line| line.split("//").next().unwrap_or_default().trim());
    let mut paths = Vec::new();
    while let Some(line) = code.next() {
        let Some(tree) = line.strip_prefix("use ") else { continue };
        let mut tree = tree.replace(' ', "");
        while !tree.ends_with(';') {
            tree.push_str(&code.next().expect("a use item ends with a semicolon").replace(' ', ""));
        }
        expand(tree.trim_end_matches(';'), "", &mut paths);
    }
    let parent = file.rsplit_once("::").map_or("", |(parent, _)| parent);
    let absolute = |path: String| {
        let (base, rest) = match path.split_once("::")? {
            ("crate", rest) => ("", rest),
            ("self", rest) => (file, rest),
            ("super", rest) => (parent, rest),
            _ => return None,
        };
        Some(format!("{base}::{rest}").trim_start_matches(':').to_owned())
    };
    paths.into_iter().filter_map(absolute).collect()
}

/// Adds the paths in a tree such as `a::{b, c::{d, e}}`, without white space.
fn expand(tree: &str, base: &str, paths: &mut Vec<String>) {
    let Some((prefix, group)) = tree.split_once('{') else {
        return paths.extend((!tree.is_empty()).then(|| format!("{base}{tree}")));
    };
    let (base, mut depth, mut start) = (format!("{base}{prefix}"), 0, 0);
    for (at, sign) in group.char_indices() {
        match (sign, depth) {
            (',' | '}', 0) => {
                expand(&group[start..at], &base, paths);
                start = at + 1;
            }
            ('{', _) => depth += 1,
            ('}', _) => depth -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_and_imports_through_the_root_are_found() {
        let checked = |sources: [(&str, &str); 4]| {
            check(&sources.map(|(name, text)| (name.to_owned(), text.to_owned())).into())
        };
        let a =
            ("a", "use std::fmt;\nuse crate::{\n    b::{self, c::Thing}, // why\n    d::X,\n};\n");
        let (b, c, d) = (("b", "pub use self::c::Thing;"), ("b::c", "use super::Y;"), ("d", ""));
        assert_eq!(checked([a, b, c, d]), Ok(()));
        let circle = checked([a, b, c, ("d", "use crate::a::Z;")]).unwrap_err();
        assert!(circle.contains(r#"["a", "d"]"#), "{circle}");
        assert!(checked([a, ("b", "use self::c::Thing;"), c, d]).unwrap_err().contains("circle"));
        assert!(checked([a, b, c, ("d", "use crate::Thing;")]).unwrap_err().contains("lib.rs"));
    }
}
