//! Direct access to the database.

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaOrm, DatabaseConnection, DbBackend,
    QueryResult, Statement,
};
use testkit::wait::eventually;
use uuid::Uuid;

/// The database of one test.
pub(crate) struct Database {
    pub url: String,
    db: DatabaseConnection,
}

impl Database {
    /// Creates an empty database on the server at `server`.
    pub(crate) async fn create(server: &str) -> Self {
        let name = format!("planet_{}", Uuid::now_v7().simple());
        let admin = connect(server).await;
        admin.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
        admin.close().await.unwrap();
        let (server, _postgres) = server.rsplit_once('/').unwrap();
        Database::at(format!("{server}/{name}")).await
    }

    /// The database at `url`.
    pub(crate) async fn at(url: String) -> Self {
        Database { db: connect(&url).await, url }
    }

    /// The rows of a query, with retries while the server restarts.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        eventually(sql, async || self.db.query_all_raw(statement.clone()).await.ok()).await
    }

    /// The first column of a query.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.rows(sql).await;
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// The result of a query for one number.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(&format!("SELECT CAST(({sql}) AS bigint)")).await;
        rows[0].try_get_by_index::<Option<i64>>(0).unwrap().unwrap_or(0)
    }

    /// Keys of the originals that rows refer to.
    pub(crate) async fn originals(&self) -> Vec<String> {
        let id = match self.db.get_database_backend() {
            DbBackend::Sqlite => "lower(hex(id))",
            _ => "CAST(id AS text)",
        };
        let sql = format!("SELECT {id}, attempt FROM images WHERE state = 'stored'");
        let key = |row: &QueryResult| {
            let id = Uuid::parse_str(&row.try_get_by_index::<String>(0).unwrap()).unwrap();
            format!("originals/{id}/{}", row.try_get_by_index::<i32>(1).unwrap())
        };
        self.rows(&sql).await.iter().map(key).collect()
    }
}

async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(2).sqlx_logging(false);
    SeaOrm::connect(options).await.unwrap()
}
