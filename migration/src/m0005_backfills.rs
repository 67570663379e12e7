//! How far each backfill has come, and triggers that record its result and not its steps.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

/// Images from `low` to `high` were looked at, except those two. `token` counts the leaders.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS backfills (
    engine       integer NOT NULL,
    presets      text    NOT NULL,
    low          {uuid}  NOT NULL,
    high         {uuid}  NOT NULL,
    started_at   bigint  NOT NULL,
    seen_at      bigint  NOT NULL,
    leased_until bigint  NOT NULL,
    token        bigint  NOT NULL,
    PRIMARY KEY (engine, presets)
)";

pub(crate) const SQLITE: &[&str] = &[
    "DROP TRIGGER IF EXISTS job_inserted",
    "DROP TRIGGER IF EXISTS job_state_changed",
    "CREATE TRIGGER job_inserted AFTER INSERT ON jobs WHEN NOT NEW.backfill BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
    "CREATE TRIGGER job_state_changed AFTER UPDATE OF state ON jobs
        WHEN OLD.state <> NEW.state
            AND NOT (NEW.backfill AND OLD.state = 'done' AND NEW.state = 'pending') BEGIN
        DELETE FROM changes WHERE image_id = NEW.image_id;
        INSERT INTO changes (image_id) VALUES (NEW.image_id);
    END",
];

pub(crate) const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    // several statements at once are one transaction
    "DROP TRIGGER IF EXISTS job_inserted ON jobs;
    DROP TRIGGER IF EXISTS job_state_changed ON jobs;
    CREATE TRIGGER job_inserted AFTER INSERT ON jobs
        FOR EACH ROW WHEN (NOT NEW.backfill) EXECUTE FUNCTION record_change();
    CREATE TRIGGER job_state_changed AFTER UPDATE OF state ON jobs
        FOR EACH ROW WHEN (OLD.state <> NEW.state
            AND NOT (NEW.backfill AND OLD.state = 'done' AND NEW.state = 'pending'))
        EXECUTE FUNCTION record_change()",
    "RESET lock_timeout",
];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, statements) = match manager.get_database_backend() {
            DbBackend::Postgres => ("uuid", POSTGRES),
            _ => ("blob", SQLITE),
        };
        let db = manager.get_connection();
        db.execute_unprepared(&TABLE.replace("{uuid}", uuid)).await?;
        for sql in statements {
            db.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // the triggers stay: they need only columns of earlier steps
        manager.get_connection().execute_unprepared("DROP TABLE backfills").await.map(drop)
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}
