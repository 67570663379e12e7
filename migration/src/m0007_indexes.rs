//! Indexes for statements that read more the larger a table or the backlog was, and settings of
//! autovacuum for the tables whose rows change often.
//!
//! The step can be repeated: PostgreSQL builds an index beside running writes, outside of a
//! transaction, and may be interrupted in between.

use crate::statements::Statements;

pub(crate) const STEP: Statements =
    Statements { name: "m0007_indexes", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &[
    "CREATE INDEX IF NOT EXISTS images_by_sha256_and_id ON images (sha256, id)",
    "DROP INDEX IF EXISTS images_by_sha256",
    "CREATE INDEX IF NOT EXISTS jobs_struck ON jobs (engine, strikes)
        WHERE state = 'pending' AND strikes > 0",
    "CREATE INDEX IF NOT EXISTS blob_gc_reserved ON blob_gc (due_at) WHERE state = 'reserved'",
];

const POSTGRES: &[&str] = &[
    // an interrupted build leaves an index that is not used
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_sha256_and_id",
    "CREATE INDEX CONCURRENTLY images_by_sha256_and_id ON images (sha256, id)",
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_sha256",
    "DROP INDEX CONCURRENTLY IF EXISTS jobs_struck",
    "CREATE INDEX CONCURRENTLY jobs_struck ON jobs (engine, strikes)
        WHERE state = 'pending' AND strikes > 0",
    "DROP INDEX CONCURRENTLY IF EXISTS blob_gc_reserved",
    "CREATE INDEX CONCURRENTLY blob_gc_reserved ON blob_gc (due_at) WHERE state = 'reserved'",
    // a job changes its row about six times; the default waits until a fifth of the table is dead
    "ALTER TABLE jobs SET (
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.02)",
    "ALTER TABLE blob_gc SET (
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.02)",
    "ALTER TABLE changes SET (
        autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.02)",
];

const DOWN: &[&str] = &[
    "CREATE INDEX IF NOT EXISTS images_by_sha256 ON images (sha256)",
    "DROP INDEX IF EXISTS images_by_sha256_and_id",
    "DROP INDEX IF EXISTS jobs_struck",
    "DROP INDEX IF EXISTS blob_gc_reserved",
];
