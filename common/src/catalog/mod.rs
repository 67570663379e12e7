//! The catalog: images, jobs and renders in a database, which is the source of truth.
//!
//! Chosen by one URL: `sqlite:FILE` on this machine, `postgres://…` for several. Only this folder
//! uses SeaORM. All times come from the database's clock. Every later write of an upload or a
//! worker carries its attempt as a fencing token: a process that was overtaken changes nothing.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, ExprTrait, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
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

mod backfill;
mod backlog;
mod blob_gc;
mod changes;
mod clock;
mod entity;
mod geo;
mod images;
mod instance_lock;
mod jobs;
mod location;
mod page;
mod resumable;
mod retention;
mod rights;
mod sessions;
mod shares;
mod sign_ins;
mod snapshot;
mod tokens;
mod transfer;
mod transfer_accounts;
mod uploads;
mod user_admin;
mod users;

pub use backfill::{BackfillLead, BackfillStep, BackfillTarget};
pub use backlog::{Backlog, JobPosition, MAX_COUNTED};
pub use blob_gc::MarkedBlob;
pub use changes::Change;
pub(crate) use clock::TOLERANCE;
pub use images::Renders;
pub use instance_lock::{InstanceLock, Sharing};
pub use jobs::NewRender;
pub use page::{Cursor, Page, Sort};
pub use resumable::{NewUpload, Received};
pub use snapshot::{ChangeSeq, Snapshot};
pub use tokens::NewToken;
pub use transfer::{ImageRows, ReferredBlob, was_moved};
pub use uploads::{Allowance, Committed, Intent, Upload};
pub use user_admin::{UploadRate, UserChange};

/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections to SQLite for leases: writers wait for each other anyway.
const LEASE_CONNECTIONS: u32 = 1;

/// Where the catalog is.
pub struct Config {
    location: Location,
    url: String,
    connections: u32,
}

fn connections(env: &mut Env) -> u32 {
    let help = "most connections to the database that one process opens";
    env.number("DATABASE_CONNECTIONS", 10, 2..=1000, help) as u32
}

/// The two kinds of database.
enum Location {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

impl Config {
    /// Reads `DATABASE_URL` and `DATABASE_CONNECTIONS`.
    pub fn read(env: &mut Env) -> Self {
        let (location, url) = env.parsed(
            "DATABASE_URL",
            "sqlite://data/planet.db",
            "sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE, with parameters that \
             SQLite or libpq knows",
            "database of images, renders and jobs: sqlite://FILE or postgres://…",
            |url| Location::parse(url).map(|location| (location, url.to_owned())),
        );
        Config { location, url, connections: connections(env) }
    }

    /// Reads `MOVE_TO_DATABASE`: the database to which a move leads, if it changes.
    pub fn read_target(env: &mut Env) -> Option<Self> {
        let target = env.parsed(
            "MOVE_TO_DATABASE",
            "",
            "nothing, or a URL as that of DATABASE_URL",
            "database to which planet-admin move leads; the same one if empty",
            |url| match url {
                "" => Some(None),
                url => Location::parse(url).map(|location| Some((location, url.to_owned()))),
            },
        );
        let (location, url) = target?;
        Some(Config { location, url, connections: connections(env) })
    }

    /// Where the catalog is, without credentials: an absolute path, or `HOST:PORT/DATABASE`.
    pub fn location(&self) -> String {
        match &self.location {
            Location::File(file) => {
                std::path::absolute(file).as_ref().unwrap_or(file).display().to_string()
            }
            Location::Server(server) => {
                let database = server.get_database().unwrap_or_default();
                format!("{}:{}/{database}", server.get_host(), server.get_port())
            }
        }
    }
}

impl Location {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        match scheme {
            // a database in memory would be lost with the process
            "sqlite" if rest.contains(":memory:") => None,
            "sqlite" => {
                let options: SqliteConnectOptions = url.parse().ok()?;
                let file = options.get_filename().to_owned();
                (file.file_name().is_some() && Url::parse(url).is_ok())
                    .then_some(Location::File(file))
            }
            "postgres" | "postgresql" => Some(Location::Server(Box::new(url.parse().ok()?))),
            _ => None,
        }
    }
}

/// How long a query may take: longer than the database's own limit for a statement, since a
/// connection that hangs returns nothing at all.
const QUERY_TIMEOUT: Duration = Duration::from_secs(12);

/// A query with a time limit.
trait Bounded<T>: Future<Output = Result<T, DbErr>> + Sized {
    /// The result, or a fault after [`QUERY_TIMEOUT`]; the query may have been executed all the
    /// same. `doing` completes the sentence "could not …".
    fn bounded(self, doing: &'static str) -> impl Future<Output = Result<T, Fault>> {
        async move {
            metrics::counter!("planet_database_calls_total", "call" => doing).increment(1);
            let started = Instant::now();
            let result = tokio::time::timeout(QUERY_TIMEOUT, self).await;
            let took = started.elapsed().as_secs_f64();
            metrics::histogram!("planet_database_seconds", "call" => doing).record(took);
            if !matches!(result, Ok(Ok(_))) {
                metrics::counter!("planet_database_failures_total", "call" => doing).increment(1);
            }
            result.doing(doing)?.doing(doing)
        }
    }
}

impl<T, F: Future<Output = Result<T, DbErr>>> Bounded<T> for F {}

/// A connection pool; clones share it.
#[derive(Clone)]
pub struct Catalog {
    db: DatabaseConnection,
    /// For leases, of uploads and of jobs. SQLite does not sync these commits by themselves: only
    /// what follows from a lease has to outlive a power failure, and the next commit of `db` syncs
    /// everything before it. (Nor does a lease outlive its process there.)
    lease_db: DatabaseConnection,
}

impl Catalog {
    /// Opens an existing database; `None` when the SQLite file does not exist.
    ///
    /// # Errors
    /// The database is unavailable, or refuses the connection.
    pub fn find(config: &Config) -> BoxFuture<'_, Result<Option<Self>, Fault>> {
        Box::pin(async move {
            match &config.location {
                Location::File(file) if !file.is_file() => Ok(None),
                _ => Catalog::open(config).await.map(Some),
            }
        })
    }

    /// Opens the database. Creates the SQLite file and its folder when they are missing.
    ///
    /// # Errors
    /// The database is unavailable, or refuses the connection.
    pub fn open(config: &Config) -> BoxFuture<'_, Result<Self, Fault>> {
        Box::pin(async move {
            match &config.location {
                Location::File(file) => {
                    let folder = file.parent().unwrap_or(file);
                    at(folder, tokio::fs::create_dir_all(folder).await)
                        .doing("create the database's folder (DATABASE_URL)")?;
                    if file.exists() && !file.is_file() {
                        let why = format!("{} is not a file", file.display());
                        return Err(Fault::new("open the database (DATABASE_URL)", why));
                    }
                }
                // the pool would report only a timeout, not the reason
                Location::Server(server) => {
                    let first =
                        tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(server))
                            .await;
                    let first = first.doing("reach the database (DATABASE_URL) in time")?;
                    let first = first.doing("connect to the database (DATABASE_URL)")?;
                    first.close().await.doing("talk to the database (DATABASE_URL)")?;
                }
            }
            let db = connect(config, config.connections, SqliteSynchronous::Full).await?;
            let lease_db = match &config.location {
                Location::File(_) => {
                    connect(config, LEASE_CONNECTIONS, SqliteSynchronous::Normal).await?
                }
                Location::Server(_) => db.clone(),
            };
            Ok(Catalog { db, lease_db })
        })
    }

    /// The connection pool, for migrations.
    pub fn connection(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Open connections of the pool, and how many of them are idle.
    pub fn connections(&self) -> (u32, u32) {
        let (open, idle) = match self.db.get_database_backend() {
            DbBackend::Sqlite => {
                let pool = self.db.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
            _ => {
                let pool = self.db.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
        };
        (open, std::cmp::min(u32::try_from(idle).unwrap_or(u32::MAX), open))
    }

    /// Calls `observe` with each statement that this clone runs from now on: for tests of plans.
    pub fn observe(&mut self, observe: impl Fn(&Statement) + Send + Sync + 'static) {
        let observe = Arc::new(observe);
        for db in [&mut self.db, &mut self.lease_db] {
            let observe = observe.clone();
            db.set_metric_callback(move |info| observe(info.statement));
        }
    }

    /// Checks that the database answers and has the schema, and that SQLite can write.
    ///
    /// # Errors
    /// It does not.
    pub async fn check(&self) -> Result<(), Fault> {
        let probe = "SELECT 1 FROM images WHERE 1 = 0";
        self.db.execute_unprepared(probe).bounded("query the database").await?;
        if self.db.get_database_backend() == DbBackend::Sqlite {
            // a number that is not used
            let write = "PRAGMA user_version = 1";
            self.db.execute_unprepared(write).bounded("write to the database").await?;
        }
        Ok(())
    }

    /// Begins a transaction that will write. It takes SQLite's write lock now: a transaction that
    /// begins with a read and writes later would fail instead of waiting.
    async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let db = self.db.clone();
        // A task, which is not dropped with this future: SQLx does not roll back a transaction whose
        // BEGIN was sent and not answered. What others then write on that connection would not be
        // committed.
        let begun = tokio::spawn(async move { db.begin_with_options(options).await });
        begun.await.map_err(|err| DbErr::Custom(err.to_string()))?
    }

    /// The database's clock, in milliseconds since 1970 (UTC).
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

/// A connection pool.
async fn connect(
    config: &Config,
    connections: u32,
    synchronous: SqliteSynchronous,
) -> Result<DatabaseConnection, Fault> {
    let mut options = ConnectOptions::new(&config.url);
    options
        .max_connections(connections)
        .connect_timeout(CONNECT_TIMEOUT)
        .acquire_timeout(CONNECT_TIMEOUT)
        .statement_timeout(Duration::from_secs(10))
        .test_before_acquire_if_idle_for(Duration::from_secs(5))
        .sqlx_logging(false)
        // When the disk is full, SQLite rolls a transaction back by itself. SQLx does not notice,
        // and would run every later one on that connection as a nested one.
        .map_sqlx_sqlite_before_acquire(|connection, _| {
            let idle = !connection.is_in_transaction();
            Box::pin(async move { Ok(idle) })
        })
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL: a confirmed commit survives power loss
                .synchronous(synchronous)
                .busy_timeout(Duration::from_secs(10))
        });
    Database::connect(options).await.doing("open the database (DATABASE_URL)")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
