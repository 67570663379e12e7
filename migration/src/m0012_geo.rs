//! Where an image lies on the Earth, as a JSON object; null where its file does not say it.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0012_geo", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &["ALTER TABLE images ADD COLUMN geo text"];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    "ALTER TABLE images ADD COLUMN IF NOT EXISTS geo text",
    "RESET lock_timeout",
];

const DOWN: &[&str] = &["ALTER TABLE images DROP COLUMN geo"];
