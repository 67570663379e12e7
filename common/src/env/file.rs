//! The file `.env` of the working folder: adds its variables to the process's environment.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::names::{nearest, redact};

/// Lists every name that the file may contain: the settings, and those of Docker Compose.
const EXAMPLE: &str = include_str!("../../../.env.example");
/// Prefixes of names that libraries read, or other programs from the same file.
const FOREIGN: &[&str] = &["AWS_", "COMPOSE_", "DOCKER_", "RUST_"];

/// Loads the file, if there is one. `Ok` may have a warning. No message contains a value.
///
/// # Errors
/// The file cannot be read or parsed.
pub(super) fn load(path: &Path) -> Result<Option<String>, String> {
    let cannot_be_read = |err| format!(".env: cannot be read: {err}");
    match fs::metadata(path) {
        // such as the folder of a virtual environment of Python
        Ok(other) if !other.is_file() => {
            return Ok(Some(".env: not read, since it is not a file".to_owned()));
        }
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(cannot_be_read(err)),
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(cannot_be_read)?;
    let text = text.trim_start_matches('\u{feff}');
    let read = Cell::new(0);
    match dotenvy::from_read(ByLine { text, read: &read }) {
        Ok(()) => Ok(unknown_names(text)),
        Err(dotenvy::Error::LineParse(wrong, _)) => {
            let last = text.get(..read.get()).map_or(0, |read| read.lines().count());
            // a quote may have been opened some lines before
            let line = (last + 1).saturating_sub(wrong.lines().count().max(1));
            Err(format!(
                ".env, line {line}: expected NAME=value; a value with spaces needs quotes, as \
                 in NAME=\"one two\""
            ))
        }
        Err(err) => Err(format!(".env: cannot be read: {err}")),
    }
}

/// Reads one line at a time, so that `read` tells where the parser stopped.
struct ByLine<'a> {
    text: &'a str,
    read: &'a Cell<usize>,
}

impl io::Read for ByLine<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = &self.text.as_bytes()[self.read.get()..];
        let line = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let part = line.len().min(buf.len());
        buf[..part].copy_from_slice(&line[..part]);
        self.read.set(self.read.get() + part);
        Ok(part)
    }
}

/// A warning about names that no program reads, each with the one that may be meant.
fn unknown_names(text: &str) -> Option<String> {
    let known: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# ")?.split_once('=')?.0))
        .collect();
    let given = dotenvy::from_read_iter(text.as_bytes()).flatten().map(|(name, _)| name);
    let is_known = |name: &str| {
        known.contains(name) || FOREIGN.iter().any(|foreign| name.starts_with(foreign))
    };
    let unknown: Vec<String> = given
        .filter(|name| !is_known(name))
        .map(|name| match nearest(&name, known.iter().copied()) {
            Some(near) => format!("{} (is {near} meant?)", redact(&name)),
            None => redact(&name).to_owned(),
        })
        .collect();
    (!unknown.is_empty()).then(|| format!(".env: no program reads {}", unknown.join(", ")))
}
