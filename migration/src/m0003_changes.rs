//! The latest change of each image, recorded by triggers.
//!
//! `seq` is the position in the order of changes. On SQLite it is a counter, in the order of
//! commits. On PostgreSQL it is the id of the transaction, which may commit late: readers ask the
//! database which transactions have ended. Neither depends on a clock.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

pub(crate) const SQLITE_IMAGE_DELETED: &str =
    "CREATE TRIGGER image_deleted AFTER DELETE ON images WHEN OLD.state = 'stored' BEGIN
        DELETE FROM changes WHERE image_id = OLD.id;
        INSERT INTO changes (image_id, deleted_at)
            VALUES (OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER));
    END";

const SQLITE: &[&str] = &[
    // with AUTOINCREMENT, no number is used again, even after the last row was deleted
    "CREATE TABLE changes (
        seq        integer NOT NULL PRIMARY KEY AUTOINCREMENT,
        image_id   blob    NOT NULL UNIQUE,
        deleted_at bigint
    )",
    "CREATE INDEX changes_deleted ON changes (deleted_at) WHERE deleted_at IS NOT NULL",
    SQLITE_IMAGE_DELETED,
    "CREATE TRIGGER job_inserted AFTER INSERT ON jobs BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
    "CREATE TRIGGER job_state_changed AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
];

const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER job_state_changed",
    "DROP TRIGGER job_inserted",
    "DROP TRIGGER image_deleted",
    "DROP TABLE changes",
];

pub(crate) const RECORD_CHANGE: &str =
    "CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed uuid;
        deleted_at bigint;
    BEGIN
        IF TG_TABLE_NAME = 'images' THEN
            changed := OLD.id;
            deleted_at := extract(epoch from clock_timestamp()) * 1000;
        ELSE
            changed := NEW.image_id;
        END IF;
        INSERT INTO changes VALUES (changed, pg_current_xact_id()::text::bigint, deleted_at)
            ON CONFLICT (image_id) DO UPDATE
            SET seq = excluded.seq, deleted_at = excluded.deleted_at;
        RETURN NULL;
    END $$";

pub(crate) const IMAGE_DELETED: &str = "CREATE TRIGGER image_deleted AFTER DELETE ON images
        FOR EACH ROW WHEN (OLD.state = 'stored') EXECUTE FUNCTION record_change()";

const POSTGRES: &[&str] = &[
    "CREATE TABLE changes (
        image_id   uuid   NOT NULL PRIMARY KEY,
        seq        bigint NOT NULL,
        deleted_at bigint
    )",
    "CREATE INDEX changes_by_seq ON changes (seq, image_id)",
    "CREATE INDEX changes_deleted ON changes (deleted_at) WHERE deleted_at IS NOT NULL",
    RECORD_CHANGE,
    // Triggers run in the order of their names: this one after the cascade to the jobs, so that
    // every transaction locks jobs before changes.
    IMAGE_DELETED,
    "CREATE TRIGGER job_inserted AFTER INSERT ON jobs
        FOR EACH ROW EXECUTE FUNCTION record_change()",
    "CREATE TRIGGER job_state_changed AFTER UPDATE OF state ON jobs
        FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION record_change()",
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP TRIGGER job_state_changed ON jobs",
    "DROP TRIGGER job_inserted ON jobs",
    "DROP TRIGGER image_deleted ON images",
    "DROP FUNCTION record_change",
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
