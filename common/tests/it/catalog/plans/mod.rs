//! No statement of the catalog reads more as the tables grow.
//!
//! A tour calls every method of the catalog. Its statements are recorded, and run again, each with
//! its real values, as the database explains it. The list of their shapes is what all other tests
//! compare their statements with, see `testkit::statements`.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use common::catalog::Catalog;
use sea_orm::Statement;
use testkit::statements;

mod filling;
mod postgres;
mod sqlite;
mod tour;

/// Tables that have a row or more for each image.
const GROWING: [&str; 5] = ["images", "jobs", "renders", "changes", "blob_gc"];

/// Whether a statement may read more as the tables grow: a search by name that goes to the end of the
/// list, as it does in lists with fewer images than a search looks at.
fn is_known(shape: &str) -> bool {
    let is_search = shape.contains(".name ~ ") || shape.contains(" GLOB ");
    is_search && !shape.contains(" >= ") && !shape.contains(" <= ")
}

/// The statements of the tour in that catalog, with their values, in the order in which they ran.
async fn recorded(mut catalog: Catalog) -> Vec<Statement> {
    let statements = Arc::<Mutex<Vec<Statement>>>::default();
    let seen = statements.clone();
    catalog.observe(move |statement| {
        if statements::shape(&statement.sql).is_some() {
            seen.lock().unwrap().push(statement.clone());
        }
    });
    tour::run(&catalog).await;
    std::mem::take(&mut *statements.lock().unwrap())
}

/// Checks the list of statements, or writes it.
#[expect(clippy::disallowed_methods, reason = "the variable is for this test alone")]
fn compare_with_list<'a>(database: &str, explained: impl IntoIterator<Item = &'a Statement>) {
    let shapes = explained.into_iter().filter_map(|statement| statements::shape(&statement.sql));
    let shapes: BTreeSet<String> = shapes.collect();
    if std::env::var_os("UPDATE_STATEMENTS").is_some() {
        return statements::write(database, &shapes);
    }
    let listed = statements::planned(database);
    let [new, gone] = [&shapes - &listed, &listed - &shapes];
    let how = "UPDATE_STATEMENTS=1 cargo test -p common plans::";
    assert!(new.is_empty() && gone.is_empty(), "new: {new:#?}\ngone: {gone:#?}\nlist them: {how}");
}

#[test]
#[should_panic(expected = "scripts/servers start")]
fn a_list_of_statements_is_not_emptied() {
    statements::write("none", &BTreeSet::new());
}

/// A method without a statement in the tour would have no tested plan.
#[test]
fn the_tour_calls_every_method_of_the_catalog() {
    // what neither reads nor writes a table that grows
    let exempt = ["connection", "connections", "observe", "check"];
    let tour = concat!(include_str!("tour.rs"), include_str!("../mod.rs"));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog");
    let mut methods = 0;
    for entry in fs::read_dir(sources).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let Some((_, catalog)) = source.split_once("impl Catalog {") else { continue };
        let catalog = catalog.split("\n}\n").next().unwrap();
        for line in catalog.split("    pub ").skip(1) {
            let Some((_, signature)) = line.split_once("fn ") else { continue };
            let (name, arguments) = signature.split_once('(').unwrap();
            let is_method = arguments.split(')').next().unwrap().contains("self");
            if is_method && !line.starts_with('(') && !exempt.contains(&name) {
                methods += 1;
                assert!(tour.contains(&format!(".{name}(")), "{name} is not called");
            }
        }
    }
    assert!(methods > 30, "{methods} methods");
}

/// Statements that the catalog does not build are not recognised: these read no table that grows.
#[test]
fn the_catalog_writes_no_other_statement_by_hand() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog");
    let mut by_hand = Vec::new();
    for entry in fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        let source = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let calls = ["Statement::from", "execute_unprepared", "query_all_raw(", "execute_raw("];
        let count = calls.iter().map(|call| source.matches(call).count()).sum::<usize>();
        by_hand.extend((count > 0).then_some((name, count)));
    }
    by_hand.sort();
    let known = [("changes.rs", 1), ("mod.rs", 2), ("transfer.rs", 7)];
    assert_eq!(by_hand, known.map(|(file, count)| (file.to_owned(), count)));
}
