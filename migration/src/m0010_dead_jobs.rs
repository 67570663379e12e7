//! The index of dead jobs, by which they are listed and counted for each engine version.
//!
//! The step can be repeated: PostgreSQL builds an index beside running writes, outside of a
//! transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0010_dead_jobs", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] =
    &["CREATE INDEX IF NOT EXISTS jobs_dead ON jobs (engine, image_id) WHERE state = 'dead'"];

const POSTGRES: &[&str] = &[
    // an interrupted build leaves an index that is not used
    "DROP INDEX CONCURRENTLY IF EXISTS jobs_dead",
    "CREATE INDEX CONCURRENTLY jobs_dead ON jobs (engine, image_id) WHERE state = 'dead'",
];

const DOWN: &[&str] = &["DROP INDEX IF EXISTS jobs_dead"];
