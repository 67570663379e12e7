//! The catalog: what is stored, what is to be done, what was made; the truth of the house.
//!
//! Chosen by one URL: `sqlite:FILE` on this machine, `postgres://…` for several. SeaORM lives in
//! this folder alone. Every time is the database's own clock, and every later write of an upload or
//! a worker carries its attempt, so that whoever was overtaken changes nothing.

use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, ExprTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sea_query::{Expr, SimpleExpr},
};
use sqlx::{
    Connection,
    sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    env::Env,
    fault::{Doing, Fault},
};

mod backlog;
mod entity;
mod images;
mod jobs;
mod loose;
mod uploads;

pub use images::Page;
pub use jobs::Finished;
pub use uploads::{Intent, Upload};

/// Where the catalog lives.
pub struct Config {
    url: String,
    connections: u32,
}

impl Config {
    /// `DATABASE_URL` and `DATABASE_CONNECTIONS`.
    pub fn read(env: &mut Env) -> Self {
        let url = env.url(
            "DATABASE_URL",
            "sqlite://data/planet.db",
            &["sqlite", "postgres", "postgresql"],
            "what is stored and what is to be done: sqlite://FILE or postgres://…",
        );
        let connections = env.number(
            "DATABASE_CONNECTIONS",
            10,
            2..=1000,
            "the most connections that one process opens",
        );
        Config { url: url.into(), connections: connections as u32 }
    }
}

impl Config {
    /// Where the catalog lives, in words without secrets.
    pub fn place(&self) -> String {
        match sqlite_file(&self.url) {
            Some(file) => file.to_owned(),
            None => "the database server".to_owned(),
        }
    }
}

/// A handle on the database; clones share its connections.
#[derive(Clone)]
pub struct Catalog {
    db: DatabaseConnection,
}

impl Catalog {
    /// Opens the database; makes SQLite's file and its folder where they are missing.
    ///
    /// # Errors
    /// The database is out of reach, or refuses us.
    pub async fn open(config: &Config) -> Result<Self, Fault> {
        if let Some(file) = sqlite_file(&config.url)
            && let Some(folder) = Path::new(file).parent()
        {
            tokio::fs::create_dir_all(folder).await.doing("make the database's folder")?;
        }
        let mut options = ConnectOptions::new(&config.url);
        options
            .max_connections(config.connections)
            .connect_timeout(Duration::from_secs(5))
            .acquire_timeout(Duration::from_secs(5))
            .statement_timeout(Duration::from_secs(10))
            .test_before_acquire_if_idle_for(Duration::from_secs(5))
            .sqlx_logging(false)
            // SQLite ends a transaction by itself when the disk is full. SQLx does not notice, and
            // would take every later one on that connection for a nested one.
            .map_sqlx_sqlite_before_acquire(|connection, _| {
                let idle = !connection.is_in_transaction();
                Box::pin(async move { Ok(idle) })
            })
            .map_sqlx_sqlite_opts(|sqlite| {
                sqlite
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // a commit that was answered survives power loss
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(10))
            });
        let db = Database::connect(options).await.doing("connect to the database")?;
        Ok(Catalog { db })
    }

    /// The connection itself, for the migration.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Whether the database answers, has our schema, and (SQLite's disk) has room.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), Fault> {
        let probe = "SELECT 1 FROM images WHERE 1 = 0";
        self.db.execute_unprepared(probe).await.doing("ask the database")?;
        if self.db.get_database_backend() == DbBackend::Sqlite {
            // a number that nobody reads
            let write = "PRAGMA user_version = 1";
            self.db.execute_unprepared(write).await.doing("write to the database")?;
        }
        Ok(())
    }

    /// A transaction that may write: SQLite's lock is taken now, since a read that turns into a
    /// write later fails at once instead of waiting.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        self.db.begin_with_options(options).await
    }

    /// The database's clock, in milliseconds.
    fn now(&self) -> SimpleExpr {
        Expr::cust(match self.db.get_database_backend() {
            DbBackend::Sqlite => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
            _ => "(extract(epoch from statement_timestamp()) * 1000)::bigint",
        })
    }

    fn after(&self, wait: Duration) -> SimpleExpr {
        self.now().add(millis(wait))
    }

    fn before(&self, age: Duration) -> SimpleExpr {
        self.now().sub(millis(age))
    }
}

/// The file behind a SQLite URL; `None` for other databases and for one in memory.
fn sqlite_file(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (path != ":memory:").then_some(path)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
