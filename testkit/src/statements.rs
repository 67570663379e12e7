//! The statements of the catalog whose plans are tested.
//!
//! `statements.txt` lists them by their shape, which is the same on PostgreSQL and SQLite. The tests
//! of plans, which are those of `common` in `catalog::plans`, run every one, and write the list. All
//! other tests fail if the catalog runs a statement that is not in it.

use std::{collections::BTreeSet, fs, sync::LazyLock};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/statements.txt");
/// The database's clock, in milliseconds, on PostgreSQL and on SQLite.
const CLOCKS: [&str; 2] = [
    "(extract(epoch from statement_timestamp()) * 1000)::bigint",
    "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
];
/// Only PostgreSQL locks rows, and needs types.
const POSTGRES: [&str; 4] =
    [" FOR UPDATE SKIP LOCKED", " FOR UPDATE", " FOR KEY SHARE", " MATERIALIZED"];

/// The shapes of all statements whose plans are tested.
///
/// # Panics
/// The list cannot be read.
pub fn planned() -> &'static BTreeSet<String> {
    static LIST: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let list = fs::read_to_string(FILE).expect("read the list of statements");
        list.lines().map(str::to_owned).collect()
    });
    &LIST
}

/// Writes the list.
///
/// # Panics
/// The file cannot be written.
pub fn write(shapes: &BTreeSet<String>) {
    let lines: String = shapes.iter().flat_map(|shape| [shape.as_str(), "\n"]).collect();
    fs::write(FILE, lines).expect("write the list of statements");
}

/// Checks that the plan of a statement is tested.
///
/// # Panics
/// It is a statement of the catalog, and its plan is not tested.
pub fn expect_planned(sql: &str) {
    let Some(shape) = shape(sql) else { return };
    assert!(
        planned().contains(shape.as_str()),
        "the plan of this statement is not tested. Let common/tests/it/catalog/plans/tour.rs run it, \
         then: UPDATE_STATEMENTS=1 cargo test -p common plans::\n{shape}\n{sql}"
    );
}

/// A statement without what differs between databases, values, and numbers of values. `None` for
/// those that the catalog did not build: its statements quote the names of tables.
pub fn shape(sql: &str) -> Option<String> {
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
    if !sql.contains('"') || !verbs.iter().any(|verb| sql.starts_with(verb)) {
        return None;
    }
    let mut shape = sql.replace('"', "");
    for clock in CLOCKS {
        shape = shape.replace(clock, "now");
    }
    for clause in POSTGRES {
        shape = shape.replace(clause, "");
    }
    let shape = without_casts(&without_numbers(&shape));
    // the values that are inserted, but not what follows them
    let shape = match shape.split_once(" VALUES ") {
        Some((insert, values)) => {
            let rest = [" ON CONFLICT", " RETURNING"].iter().find_map(|word| values.find(word));
            format!("{insert} VALUES{}", rest.map_or("", |at| &values[at..]))
        }
        None => shape,
    };
    Some(without_repetitions(&shape))
}

/// `$12` becomes `?`.
fn without_numbers(sql: &str) -> String {
    let mut parts = sql.split('$');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |sql, part| sql + "?" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// `CAST(a AS text)` becomes `a`.
fn without_casts(sql: &str) -> String {
    let mut parts = sql.split("CAST(");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |sql, part| match part.split_once(" AS text)") {
        Some((value, rest)) => sql + value + rest,
        None => sql + "CAST(" + part,
    })
}

/// Of a list of columns or values, the first and the last are left.
fn without_repetitions(sql: &str) -> String {
    let pieces: Vec<&str> = sql.split(", ").collect();
    let is_plain = |piece: &str| {
        piece.chars().all(|c| c.is_ascii_alphanumeric() || "_.?".contains(c))
            || piece.split_once(" AS ").is_some_and(|(column, alias)| {
                let is_name = |c: char| c.is_ascii_alphanumeric() || "_.".contains(c);
                column.chars().all(is_name) && alias.chars().all(is_name)
            })
    };
    let last = pieces.len() - 1;
    let kept = pieces.iter().enumerate().filter(|(nth, piece)| {
        let inside = *nth > 0 && *nth < last;
        !(inside && is_plain(piece))
    });
    let kept: Vec<&str> = kept.map(|(_, piece)| *piece).collect();
    // a list of values, however many
    let mut shape = kept.join(", ");
    while shape.contains("(?, ?)") {
        shape = shape.replace("(?, ?)", "(?)");
    }
    shape
}
