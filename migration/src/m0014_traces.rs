//! The trace of each job (W3C Trace Context): null where none was recorded.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0014_traces", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &["ALTER TABLE jobs ADD COLUMN trace text"];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    "ALTER TABLE jobs ADD COLUMN IF NOT EXISTS trace text",
    "RESET lock_timeout",
];

const DOWN: &[&str] = &["ALTER TABLE jobs DROP COLUMN trace"];
