//! How an image's pixels are stored; null for images that were stored before this step.

use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

const COLUMNS: [&str; 3] = ["bands", "bit_depth", "orientation"];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |column| format!("ALTER TABLE images ADD COLUMN {column} bigint")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, |column| format!("ALTER TABLE images DROP COLUMN {column}")).await
    }
}

async fn run(manager: &SchemaManager<'_>, sql: fn(&str) -> String) -> Result<(), DbErr> {
    for column in COLUMNS {
        manager.get_connection().execute_unprepared(&sql(column)).await?;
    }
    Ok(())
}
