//! The names of an image's bands, as a JSON array; null where the file names none.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0006_band_names", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &["ALTER TABLE images ADD COLUMN band_names text"];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    "ALTER TABLE images ADD COLUMN IF NOT EXISTS band_names text",
    "RESET lock_timeout",
];

const DOWN: &[&str] = &["ALTER TABLE images DROP COLUMN band_names"];
