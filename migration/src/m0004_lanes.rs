//! The lane of a job, how often it was postponed in a row, and the index by which workers find due
//! jobs.
//!
//! Programs that do not know the columns make fresh jobs. The step can be repeated: PostgreSQL builds
//! the index beside running writes, outside of a transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0004_lanes", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &[
    "ALTER TABLE jobs ADD COLUMN backfill boolean NOT NULL DEFAULT false",
    "ALTER TABLE jobs ADD COLUMN faults integer NOT NULL DEFAULT 0",
    "CREATE INDEX jobs_due ON jobs (engine, backfill, due_at) WHERE state = 'pending'",
];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    "ALTER TABLE jobs
        ADD COLUMN IF NOT EXISTS backfill boolean NOT NULL DEFAULT false,
        ADD COLUMN IF NOT EXISTS faults integer NOT NULL DEFAULT 0",
    "RESET lock_timeout",
    // an interrupted build leaves an index that is not used
    "DROP INDEX CONCURRENTLY IF EXISTS jobs_due",
    "CREATE INDEX CONCURRENTLY jobs_due ON jobs (engine, backfill, due_at)
        WHERE state = 'pending'",
];

const DOWN: &[&str] = &[
    "DROP INDEX IF EXISTS jobs_due",
    "ALTER TABLE jobs DROP COLUMN faults",
    "ALTER TABLE jobs DROP COLUMN backfill",
];
