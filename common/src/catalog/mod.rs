//! The catalog: what is stored, what is to be done, what was made; the truth of the house.
//!
//! Chosen by one URL: `sqlite:FILE` on this machine, `postgres://…` for several. SeaORM lives in
//! this folder alone. Every time is the database's own clock, and every later write of an upload or
//! a worker carries its attempt, so that whoever was overtaken changes nothing.

use std::{path::PathBuf, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, ExprTrait, SqliteTransactionMode, TransactionOptions, TransactionTrait,
    sea_query::{Expr, SimpleExpr},
};
use sqlx::{
    Connection,
    postgres::{PgConnectOptions, PgConnection},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use url::Url;

use crate::{
    env::Env,
    fault::{Doing, Fault, at},
};

mod alone;
mod backlog;
mod changes;
mod entity;
mod images;
mod jobs;
mod loose;
mod uploads;

pub use alone::Alone;
pub use changes::{Change, Turn, Window};
pub use images::Page;
pub use jobs::Finished;
pub use loose::Condemned;
pub use uploads::{Intent, Upload};

/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the catalog lives.
pub struct Config {
    place: Place,
    url: String,
    connections: u32,
}

/// The two kinds of database.
enum Place {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

impl Config {
    /// `DATABASE_URL` and `DATABASE_CONNECTIONS`.
    pub fn read(env: &mut Env) -> Self {
        let (place, url) = env.parsed(
            "DATABASE_URL",
            "sqlite://data/planet.db",
            "sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE, with parameters that \
             SQLite or libpq knows",
            "what is stored and what is to be done: sqlite://FILE or postgres://…",
            |url| Place::parse(url).map(|place| (place, url.to_owned())),
        );
        let connections = env.number(
            "DATABASE_CONNECTIONS",
            10,
            2..=1000,
            "the most connections that one process opens",
        );
        Config { place, url, connections: connections as u32 }
    }

    /// Where the catalog lives, in words without secrets.
    pub fn place(&self) -> String {
        match &self.place {
            Place::File(file) => {
                std::path::absolute(file).as_ref().unwrap_or(file).display().to_string()
            }
            Place::Server(server) => {
                let database = server.get_database().unwrap_or_default();
                format!("{}:{}/{database}", server.get_host(), server.get_port())
            }
        }
    }
}

impl Place {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        match scheme {
            // what is only in memory would be forgotten with the process
            "sqlite" if rest.contains(":memory:") => None,
            "sqlite" => {
                let options: SqliteConnectOptions = url.parse().ok()?;
                let file = options.get_filename().to_owned();
                (file.file_name().is_some() && Url::parse(url).is_ok()).then_some(Place::File(file))
            }
            "postgres" | "postgresql" => Some(Place::Server(Box::new(url.parse().ok()?))),
            _ => None,
        }
    }
}

/// How long to wait for the answer to one question: longer than the database itself takes for a
/// statement, since a link that hangs says nothing at all.
const ANSWER: Duration = Duration::from_secs(12);

/// A question to the database.
trait Asking<T>: Future<Output = Result<T, DbErr>> + Sized {
    /// Its answer, or a fault after [`ANSWER`]: it may have been carried out all the same.
    fn asking(self, doing: &'static str) -> impl Future<Output = Result<T, Fault>> {
        async move { tokio::time::timeout(ANSWER, self).await.doing(doing)?.doing(doing) }
    }
}

impl<T, F: Future<Output = Result<T, DbErr>>> Asking<T> for F {}

/// A handle on the database; clones share its connections.
#[derive(Clone)]
pub struct Catalog {
    db: DatabaseConnection,
}

impl Catalog {
    /// Opens the database as it is, and makes no file: `None` where there is none.
    ///
    /// # Errors
    /// The database is out of reach, or refuses us.
    pub async fn find(config: &Config) -> Result<Option<Self>, Fault> {
        match &config.place {
            Place::File(file) if !file.is_file() => Ok(None),
            _ => Catalog::open(config).await.map(Some),
        }
    }

    /// Opens the database; makes SQLite's file and its folder where they are missing.
    ///
    /// # Errors
    /// The database is out of reach, or refuses us.
    pub async fn open(config: &Config) -> Result<Self, Fault> {
        match &config.place {
            Place::File(file) => {
                let folder = file.parent().unwrap_or(file);
                at(folder, tokio::fs::create_dir_all(folder).await)
                    .doing("make the database's folder (DATABASE_URL)")?;
            }
            // the pool would only say that it took too long
            Place::Server(server) => {
                let first = tokio::time::timeout(CONNECT, PgConnection::connect_with(server)).await;
                let first = first.doing("reach the database (DATABASE_URL) in time")?;
                let first = first.doing("connect to the database (DATABASE_URL)")?;
                first.close().await.doing("talk to the database (DATABASE_URL)")?;
            }
        }
        let mut options = ConnectOptions::new(&config.url);
        options
            .max_connections(config.connections)
            .connect_timeout(CONNECT)
            .acquire_timeout(CONNECT)
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
        let db = Database::connect(options).await;
        let db = db.doing("open the database (DATABASE_URL)")?;
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
        self.db.execute_unprepared(probe).asking("ask the database").await?;
        if self.db.get_database_backend() == DbBackend::Sqlite {
            // a number that nobody reads
            let write = "PRAGMA user_version = 1";
            self.db.execute_unprepared(write).asking("write to the database").await?;
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

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
