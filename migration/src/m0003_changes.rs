//! What changed when: a row for each image, kept by the database itself, whoever writes.
//!
//! A turn is a place in the order of changes. On SQLite it is counted up, in the order of commits.
//! On PostgreSQL it is the number of the transaction, which may commit late: readers ask the
//! database which of these have ended. Neither depends on a clock.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

const SQLITE: &[&str] = &[
    // a turn is never used again, even when the last row is forgotten
    "CREATE TABLE changes (
        turn     integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        image_id blob    NOT NULL UNIQUE,
        gone_at  bigint
    )",
    "CREATE INDEX changes_gone ON changes (gone_at) WHERE gone_at IS NOT NULL",
    "CREATE TRIGGER image_gone AFTER DELETE ON images WHEN OLD.state = 'stored' BEGIN
        DELETE FROM changes WHERE image_id = OLD.id;
        INSERT INTO changes (image_id, gone_at)
            VALUES (OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
    END",
    "CREATE TRIGGER job_new AFTER INSERT ON jobs BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
    "CREATE TRIGGER job_moved AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
];

const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER job_moved",
    "DROP TRIGGER job_new",
    "DROP TRIGGER image_gone",
    "DROP TABLE changes",
];

const POSTGRES: &[&str] = &[
    "CREATE TABLE changes (
        image_id uuid   NOT NULL PRIMARY KEY,
        turn     bigint NOT NULL,
        gone_at  bigint
    )",
    "CREATE INDEX changes_by_turn ON changes (turn, image_id)",
    "CREATE INDEX changes_gone ON changes (gone_at) WHERE gone_at IS NOT NULL",
    "CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed uuid;
        gone_at bigint;
    BEGIN
        IF TG_TABLE_NAME = 'images' THEN
            changed := OLD.id;
            gone_at := extract(epoch from clock_timestamp()) * 1000;
        ELSE
            changed := NEW.image_id;
        END IF;
        INSERT INTO changes VALUES (changed, pg_current_xact_id()::text::bigint, gone_at)
            ON CONFLICT (image_id) DO UPDATE SET turn = excluded.turn, gone_at = excluded.gone_at;
        RETURN NULL;
    END $$",
    // Triggers go by their names: this one after the cascade to the jobs, so that everybody locks
    // jobs before changes.
    "CREATE TRIGGER image_gone AFTER DELETE ON images
        FOR EACH ROW WHEN (OLD.state = 'stored') EXECUTE FUNCTION note_change()",
    "CREATE TRIGGER job_new AFTER INSERT ON jobs
        FOR EACH ROW EXECUTE FUNCTION note_change()",
    "CREATE TRIGGER job_moved AFTER UPDATE OF state ON jobs
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_change()",
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP TRIGGER job_moved ON jobs",
    "DROP TRIGGER job_new ON jobs",
    "DROP TRIGGER image_gone ON images",
    "DROP FUNCTION note_change",
    "DROP TABLE changes",
];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, SQLITE, POSTGRES).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, SQLITE_DOWN, POSTGRES_DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, sqlite: &[&str], postgres: &[&str]) -> Result<(), DbErr> {
    let statements = match manager.get_database_backend() {
        DbBackend::Postgres => postgres,
        _ => sqlite,
    };
    for sql in statements {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}
