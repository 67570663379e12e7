//! A site: several processes with one database, one queue and one bucket.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use testkit::wait::eventually;
use uuid::Uuid;

use super::{
    broker::Broker,
    bucket::{ACCESS_KEY, Bucket, SECRET_KEY},
    database::Database,
    invariants::{Deployment, assert_invariants},
    link::Link,
    process::{Process, free_port},
    servers::Servers,
    test_client::{StoredImage, TestClient},
};

/// Settings of all programs: short timeouts, so that recovery from a fault takes seconds.
pub(crate) const SHORT_WAITS: [(&str, &str); 14] = [
    ("PRESETS", "default?width=80 small?width=40 large?width=160&invert=true"),
    ("LEASE_S", "3"),
    ("POLL_S", "0.5"),
    ("BACKOFF_MIN_S", "0.2"),
    ("BACKOFF_MAX_S", "1"),
    ("JANITOR_S", "1"),
    ("BLOB_GRACE_S", "4"),
    ("UPLOAD_LEASE_S", "3"),
    ("DRAIN_S", "10"),
    ("RENDER_CONCURRENCY", "2"),
    ("WORKER_CLAIMS", "2"),
    ("STARTUP_WAIT_S", "30"),
    ("READY_GRACE_S", "0.5"),
    ("METRICS_INTERVAL_S", "0"),
];

/// Everything but the processes, which a test starts and stops.
pub(crate) struct Site {
    pub bucket: Bucket,
    pub database: Database,
    /// The token with which [`Site::assert_invariants`] reads, if there are accounts.
    pub admin_token: Option<String>,
    settings: Vec<(&'static str, String)>,
    folder: TempDir,
}

/// A running `planet-api`.
pub(crate) struct Api {
    pub process: Process,
    pub url: String,
}

/// A running `planet-worker`.
pub(crate) struct Worker {
    pub process: Process,
    pub metrics: String,
}

impl Site {
    /// A site with a migrated database.
    pub(crate) async fn open(servers: &Servers) -> Self {
        let site = Site::without_schema(servers).await;
        assert!(site.migrate().ended().await.success());
        site
    }

    /// A site with an empty database.
    pub(crate) async fn without_schema(servers: &Servers) -> Self {
        let folder = TempDir::new().unwrap();
        let bucket = Bucket::serve(&folder.path().join("s3")).await;
        let database = Database::create(&servers.database).await;
        let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
        settings.extend([
            ("DATABASE_URL", database.url.clone()),
            ("QUEUE_URL", servers.queue.clone()),
            ("QUEUE_NAME", format!("test.{}", Uuid::now_v7())),
            ("STORE_URL", format!("s3://{}", bucket.name())),
            ("AWS_ENDPOINT_URL_S3", bucket.url.clone()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]);
        Site { bucket, database, admin_token: None, settings, folder }
    }

    /// Changes one setting of processes that start from now on.
    pub(crate) fn set(&mut self, name: &'static str, value: &str) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.to_owned()));
    }

    /// The value of a setting.
    pub(crate) fn setting(&self, name: &str) -> &str {
        let found = self.settings.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("{name} is not set")).1.as_str()
    }

    /// Resets a setting to its default.
    pub(crate) fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| *known != name);
    }

    /// Processes that start from now on connect to the database over a link.
    pub(crate) async fn link_to_database(&mut self) -> Link {
        let url = self.database.url.clone();
        let server = url.split('@').nth(1).unwrap().split('/').next().unwrap();
        let link = Link::to(server).await;
        self.set("DATABASE_URL", &url.replace(server, &link.address));
        link
    }

    /// They connect to the broker over a link.
    pub(crate) async fn link_to_broker(&mut self, servers: &Servers) -> Link {
        let server = servers.queue.split('@').nth(1).unwrap().split('/').next().unwrap();
        let link = Link::to(server).await;
        self.set("QUEUE_URL", &servers.queue.replace(server, &link.address));
        link
    }

    /// They connect to the store over a link.
    pub(crate) async fn link_to_store(&mut self) -> Link {
        let link = Link::to(self.bucket.url.trim_start_matches("http://")).await;
        self.set("AWS_ENDPOINT_URL_S3", &format!("http://{}", link.address));
        link
    }

    /// Direct access to the queue of the site.
    pub(crate) async fn broker(&self, servers: &Servers) -> Broker {
        let name = self.settings.iter().find(|(name, _)| *name == "QUEUE_NAME");
        Broker::of(&servers.queue, &name.unwrap().1).await
    }

    /// They connect to the database directly.
    pub(crate) fn unlink_database(&mut self) {
        let url = self.database.url.clone();
        self.set("DATABASE_URL", &url);
    }

    pub(crate) fn migrate(&self) -> Process {
        self.admin(&["migrate"])
    }

    /// Starts `planet-admin`.
    pub(crate) fn admin(&self, args: &[&str]) -> Process {
        let program = Path::new(env!("CARGO_BIN_EXE_planet-admin"));
        Process::start_with(program, args, self.folder.path(), &self.settings)
    }

    /// The output of `planet-admin check`.
    pub(crate) fn check(&self) -> Output {
        self.admin_output(&["check"])
    }

    /// Runs `planet-admin`; its output.
    pub(crate) fn admin_output(&self, args: &[&str]) -> Output {
        let mut admin = Command::new(env!("CARGO_BIN_EXE_planet-admin"));
        let settings = self.settings.iter().map(|(name, value)| (name, value));
        admin.args(args).current_dir(self.folder.path()).env_clear().envs(settings);
        tokio::task::block_in_place(|| admin.output().unwrap())
    }

    /// Starts an API process, and waits until it is ready.
    pub(crate) async fn api(&self) -> Api {
        self.api_at("127.0.0.1:0").await
    }

    /// Starts an API process at this address, and waits until it is ready.
    pub(crate) async fn api_at(&self, bind: &str) -> Api {
        let program = Path::new(env!("CARGO_BIN_EXE_planet-api"));
        let process = self.start(program, ("BIND", bind));
        let url = process.address().await;
        TestClient::of(&[&url]).wait_for_readyz(0, true).await;
        Api { process, url }
    }

    /// Starts a worker, and waits until it runs.
    pub(crate) async fn worker(&self) -> Worker {
        let bind = format!("127.0.0.1:{}", free_port());
        let process = self.start(&worker_program(), ("METRICS_BIND", &bind));
        let what = "a worker is up";
        eventually(what, async || process.log().contains("the worker is up").then_some(())).await;
        Worker { process, metrics: format!("http://{bind}/metrics") }
    }

    /// A new spool folder: processes of different machines share none.
    fn start(&self, program: &Path, bind: (&'static str, &str)) -> Process {
        let mut settings = self.settings.clone();
        settings.push((bind.0, bind.1.to_owned()));
        settings.push(("SPOOL_DIR", format!("spool-{}", Uuid::now_v7())));
        Process::start(program, self.folder.path(), &settings)
    }

    /// The worker that claimed the job of the render `key`.
    pub(crate) async fn holder(&self, key: &str, workers: &[Worker]) -> usize {
        let job = key.split('/').nth(1).unwrap();
        let sql = format!("SELECT worker FROM jobs WHERE id = '{job}'");
        let name = self.database.texts(&sql).await.remove(0);
        let is = |worker: &Worker| name.ends_with(&format!("/{}", worker.process.id()));
        workers.iter().position(is).unwrap_or_else(|| panic!("{name} is none of ours"))
    }

    /// Checks the invariants with these API processes and workers.
    pub(crate) async fn assert_invariants(
        &self,
        apis: &[&Api],
        workers: &[&Worker],
        kept: &[StoredImage],
    ) {
        let urls: Vec<&str> = apis.iter().map(|api| api.url.as_str()).collect();
        let mut metrics: Vec<String> = urls.iter().map(|url| format!("{url}/metrics")).collect();
        metrics.extend(workers.iter().map(|worker| worker.metrics.clone()));
        let deployment = Deployment {
            test_client: match &self.admin_token {
                Some(token) => TestClient::of(&urls).with_token(token),
                None => TestClient::of(&urls),
            },
            database: &self.database,
            blobs: self.bucket.folder(),
            metrics,
        };
        assert_invariants(&deployment, kept).await;
    }
}

/// The path of a program of another crate: Cargo has no variable for it.
fn worker_program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_planet-api")).with_file_name("planet-worker")
}
