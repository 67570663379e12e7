//! Which changes the retention of engine versions has looked at; and renders without the indexes that
//! no statement uses: on `blob`, and of the primary key.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.
//! SQLite cannot drop a constraint without copying the table, so that the indexes stay there.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0008_retentions", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const TABLE: &str = "CREATE TABLE IF NOT EXISTS retentions (
    kept integer NOT NULL PRIMARY KEY,
    seen text    NOT NULL
)";

const SQLITE: &[&str] = &[TABLE];

const POSTGRES: &[&str] = &[
    TABLE,
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    // with one, logical replication goes on without a primary key
    "ALTER TABLE renders
        REPLICA IDENTITY USING INDEX renders_image_id_spec_hash_engine_key,
        DROP CONSTRAINT IF EXISTS renders_blob_key,
        DROP CONSTRAINT IF EXISTS renders_pkey",
    "RESET lock_timeout",
];

/// The indexes do not come back: no statement needs them.
const DOWN: &[&str] = &["DROP TABLE retentions"];
