//! The statements of the catalog whose plans are tested.
//!
//! `statements/` has a list for each database, by their shape. The tests of plans, which are those of
//! `common` in `catalog::plans`, run every one, and write the lists. All other tests fail if the
//! catalog runs a statement that is in neither.

use std::{collections::BTreeSet, fs, sync::LazyLock};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/statements");
/// The databases, each with its list.
const DATABASES: [&str; 2] = ["postgres", "sqlite"];
/// The database's clock, in milliseconds, on PostgreSQL and on SQLite.
const CLOCKS: [&str; 2] = [
    "(extract(epoch from statement_timestamp()) * 1000)::bigint",
    "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
];
const VERBS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
/// What only migrations read.
const OF_MIGRATIONS: [&str; 3] = ["seaql_migrations", "information_schema", "sqlite_master"];
/// Only PostgreSQL locks rows, and needs types.
const POSTGRES: [&str; 5] = [
    " FOR UPDATE SKIP LOCKED",
    " FOR UPDATE",
    " FOR NO KEY UPDATE",
    " FOR KEY SHARE",
    " MATERIALIZED",
];

/// The shapes of the statements whose plans are tested on `postgres` or `sqlite`.
///
/// # Panics
/// The list cannot be read.
pub fn planned(database: &str) -> BTreeSet<String> {
    let list = fs::read_to_string(file(database)).expect("read a list of statements");
    list.lines().map(str::to_owned).collect()
}

/// Writes the list of that database.
///
/// # Panics
/// There is no statement, or the file cannot be written.
pub fn write(database: &str, shapes: &BTreeSet<String>) {
    assert!(
        !shapes.is_empty(),
        "no statement ran on {database}, so its list stays: start the servers first, by \
         scripts/servers start /tmp/servers && . /tmp/servers/env"
    );
    let lines: String = shapes.iter().flat_map(|shape| [shape.as_str(), "\n"]).collect();
    fs::write(file(database), lines).expect("write a list of statements");
}

fn file(database: &str) -> String {
    format!("{FOLDER}/{database}.txt")
}

/// Checks that the plan of a statement is tested.
///
/// # Panics
/// It is a statement of the catalog, and its plan is not tested.
pub fn expect_planned(sql: &str) {
    static LISTS: LazyLock<[BTreeSet<String>; 2]> = LazyLock::new(|| DATABASES.map(planned));
    let Some(shape) = shape(sql) else { return };
    assert!(
        LISTS.iter().any(|list| list.contains(&shape)),
        "the plan of this statement is not tested. Let common/tests/it/catalog/plans/tour.rs run it, \
         then: UPDATE_STATEMENTS=1 cargo test -p common plans::\n{shape}\n{sql}"
    );
}

/// A statement without what differs between databases, values, and numbers of values. `None` for
/// those that the catalog did not build: its statements quote the names of tables.
pub fn shape(sql: &str) -> Option<String> {
    let is_built = sql.contains('"') && VERBS.iter().any(|verb| sql.starts_with(verb));
    if !is_built || OF_MIGRATIONS.iter().any(|table| sql.contains(table)) {
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
    Some(without_repeated_conditions(&without_repetitions(&shape)))
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

/// One condition of several that are the same, such as for the words of a search.
fn without_repeated_conditions(sql: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for condition in sql.split(" AND ") {
        if kept.last().is_some_and(|last| condition.starts_with(last)) {
            kept.pop();
        }
        kept.push(condition);
    }
    kept.join(" AND ")
}
