//! The file `.env` of the working folder: its variables become the process's own.

use std::{
    cell::Cell,
    collections::BTreeSet,
    fs,
    io::{self, ErrorKind},
    path::Path,
};

use super::{nearest, shown};

/// Lists every name that the file may hold: our settings, and those of Docker Compose.
const EXAMPLE: &str = include_str!("../../../.env.example");
/// How names begin that libraries of ours read, or other programs out of the same file.
const FOREIGN: &[&str] = &["AWS_", "COMPOSE_", "DOCKER_", "RUST_"];

/// Loads the file, if there is one. `Ok` is what looks odd, `Err` why it is of no use; no value is
/// shown.
pub(super) fn load(path: &Path) -> Result<Option<String>, String> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(format!(".env: cannot be read: {err}")),
    };
    let text = text.trim_start_matches('\u{feff}');
    let read = Cell::new(0);
    match dotenvy::from_read(ByLine { text, read: &read }) {
        Ok(()) => Ok(doubt(text)),
        Err(dotenvy::Error::LineParse(wrong, _)) => {
            let last = text.get(..read.get()).map_or(0, |read| read.lines().count());
            // a quote may have been opened some lines before
            let line = (last + 1).saturating_sub(wrong.lines().count().max(1));
            Err(format!(
                ".env, line {line}: expected NAME=value; a value with spaces stands in quotes, as \
                 in NAME=\"one two\""
            ))
        }
        Err(err) => Err(format!(".env: cannot be read: {err}")),
    }
}

/// Hands out one line at a time: the parser does not say where it stopped.
struct ByLine<'a> {
    text: &'a str,
    read: &'a Cell<usize>,
}

impl io::Read for ByLine<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let rest = &self.text.as_bytes()[self.read.get()..];
        let line = rest.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let part = line.len().min(room.len());
        room[..part].copy_from_slice(&line[..part]);
        self.read.set(self.read.get() + part);
        Ok(part)
    }
}

/// Names that no program of ours reads, each with the one that may be meant.
fn doubt(text: &str) -> Option<String> {
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
            Some(near) => format!("{} (is {near} meant?)", shown(&name)),
            None => shown(&name).to_owned(),
        })
        .collect();
    (!unknown.is_empty()).then(|| format!(".env: no program of ours reads {}", unknown.join(", ")))
}
