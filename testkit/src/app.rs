//! The service in a temporary folder, on a real port.
//!
//! Every response is checked against the contract of all responses: see
//! [`Answer::keeps_the_contract`].

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use common::{
    catalog::{Catalog, Sharing},
    env::Env,
    pipeline::{self, Pipeline},
    store::Store,
    telemetry,
};
use reqwest::{
    Client, Method, RequestBuilder,
    header::{HeaderMap, HeaderValue},
    multipart::{Form, Part},
};
use sea_orm::{ConnectionTrait, Statement};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use crate::{
    statements::expect_planned,
    wait::{INTERVAL, TIMEOUT, soon},
};

/// How long a test waits for an answer or a condition before it fails. It is shorter than the
/// service's own timeouts of 25 s and more, so that none of these ends the wait.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// The running service. It stops when this is dropped.
pub struct TestApp {
    /// Its pipeline, for direct access to catalog, store and queue.
    pub pipeline: Pipeline,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// Stops the service.
    pub stop: CancellationToken,
    /// Settings of the workers that the test runs.
    pub worker: worker::Config,
    folder: Arc<TempDir>,
    client: Client,
    router: Router,
    serving: JoinHandle<()>,
    _stops_when_dropped: DropGuard,
}

impl TestApp {
    /// Starts the service with the settings of tests.
    pub async fn spawn() -> Self {
        TestApp::with(&[]).await
    }

    /// Starts the service with some settings changed.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        TestApp::open(folder, settings, |_| {}).await
    }

    /// Stops the service, and starts it again in the same folder.
    pub async fn restart(
        self,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut pipeline::Config),
    ) -> Self {
        let TestApp { pipeline, stop, folder, serving, client, router, .. } = self;
        stop.cancel();
        drop((client, router));
        soon("the end of the service", serving).await.expect("a task that does not panic");
        pipeline.catalog().connection().clone().close().await.expect("close the database");
        // with its instance lock
        drop(pipeline);
        TestApp::open(folder, settings, change).await
    }

    async fn open(
        folder: Arc<TempDir>,
        settings: &[(&str, &str)],
        change: impl FnOnce(&mut pipeline::Config),
    ) -> Self {
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut vars = vec![
            ("DATABASE_URL".to_owned(), format!("sqlite://{}", at("planet.db"))),
            ("STORE_URL".to_owned(), format!("file:{}", at("blobs"))),
            ("SPOOL_DIR".to_owned(), at("spool")),
            ("QUEUE_URL".to_owned(), "memory:".to_owned()),
            ("POLL_S".to_owned(), "0.05".to_owned()),
            ("DRAIN_S".to_owned(), "5".to_owned()),
            ("READY_GRACE_S".to_owned(), "0".to_owned()),
            ("METRICS_INTERVAL_S".to_owned(), "0".to_owned()),
        ];
        vars.extend(settings.iter().map(|(name, value)| (name.to_string(), value.to_string())));
        let mut env = Env::new(vars, []);
        let mut config = pipeline::Config::read(&mut env);
        let api = api::Config::read(&mut env);
        let worker = worker::Config::read(&mut env);
        assert_eq!(env.errors(), [] as [&str; 0]);
        // tests are independent of the current engine version
        config.engine = 1;
        change(&mut config);

        let lock =
            config.catalog.instance_lock(Sharing::Exclusive).await.expect("no other service");
        let mut catalog = Catalog::open(&config.catalog).await.expect("open the database");
        migration::up(catalog.connection()).await.expect("migrate the database");
        catalog.observe(|statement| expect_planned(&statement.sql));
        let store = Store::open(&config.store).await.expect("open the store");
        let pipeline = Pipeline::open(config, catalog, store, lock).await;
        let pipeline = pipeline.expect("open the pipeline");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let stop = CancellationToken::new();
        let app = api::App::new(pipeline.clone(), api, telemetry::install_metrics());
        let router = api::router(app.clone());
        let serving = tokio::spawn(api::serve(listener, app, stop.clone()));
        TestApp {
            pipeline,
            address,
            _stops_when_dropped: stop.clone().drop_guard(),
            stop,
            worker,
            folder,
            client: client(),
            router,
            serving,
        }
    }

    /// A request to the service, to be sent with [`send`](Self::send).
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// Sends a request, and checks the contract of its response.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.expect("an answer");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.expect("a whole body").to_vec();
        let answer = Answer { method, path, status, headers, body };
        answer.keeps_the_contract();
        answer
    }

    /// As [`send`](Self::send), but without a network: also requests that no client library sends.
    pub async fn oneshot(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a whole body").to_vec();
        let status = head.status.as_u16();
        let answer = Answer { method, path, status, headers: head.headers, body };
        answer.keeps_the_contract();
        answer
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// GET with headers.
    pub async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::GET, path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, HeaderValue::from_str(value).expect("a header"))
        });
        self.send(request).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Posts a bare body.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, "/images").body(body)).await
    }

    /// Posts a form with one file.
    pub async fn post_form(&self, part: &str, name: &str, bytes: &[u8]) -> Answer {
        let form = Form::new()
            .part(part.to_owned(), Part::bytes(bytes.to_vec()).file_name(name.to_owned()));
        self.send(self.request(Method::POST, "/images").multipart(form)).await
    }

    /// Uploads an image; it must be accepted.
    pub async fn upload(&self, bytes: impl Into<Vec<u8>>) -> Uploaded {
        Uploaded::from(&self.post(bytes.into()).await.is(201))
    }

    /// Runs exactly `jobs` jobs, as a worker does.
    pub async fn work(&self, jobs: u64) {
        let done =
            soon("the jobs", worker::process_backlog(&self.pipeline, &self.worker, jobs)).await;
        let done = done.expect("drain");
        assert_eq!(done, jobs, "jobs worked off");
    }

    /// Starts a worker in the background.
    pub fn spawn_worker(&self) -> JoinHandle<()> {
        let health = worker::Health::new(self.worker.hang);
        let (pipeline, config) = (self.pipeline.clone(), self.worker.clone());
        tokio::spawn(worker::run(pipeline, config, health, self.stop.clone()))
    }

    /// Runs the janitor once.
    pub async fn clean_up(&self) {
        worker::clean_up(&self.pipeline, &self.worker).await.expect("clean up");
    }

    /// The text at `path`; the status must be 200.
    pub async fn text(&self, path: &str) -> String {
        self.get(path).await.is(200).text()
    }

    /// The folder of database, blobs and spool.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The original's file in the store.
    pub fn original(&self, image: &Uploaded) -> PathBuf {
        let digit = &image.id[image.id.len() - 1..];
        self.folder().join("blobs/originals").join(digit).join(format!("{}.1", image.id))
    }

    /// Everything that refused or deleted uploads must not leave behind: spooled files, rows,
    /// blobs.
    pub async fn leftovers(&self) -> Vec<String> {
        let mut left = files(&self.folder().join("spool"));
        left.extend(files(&self.folder().join("blobs")));
        for rows in ["images", "jobs", "renders", "blob_gc WHERE state = 'reserved'"] {
            let count = self.count(rows).await;
            if count > 0 {
                left.push(format!("{count} rows in {rows}"));
            }
        }
        left
    }

    /// Waits until nothing is left behind: a broken connection is noticed with a delay.
    pub async fn nothing_is_left(&self) {
        let mut left = Vec::new();
        let gone = timeout(ANSWER_TIMEOUT, async {
            loop {
                left = self.leftovers().await;
                if left.is_empty() {
                    return;
                }
                sleep(INTERVAL).await;
            }
        });
        let gone = gone.await;
        assert!(gone.is_ok(), "left behind: {left:?}");
    }

    /// Waits until an upload is being spooled.
    pub async fn an_upload_is_spooled(&self) {
        let spool = self.folder().join("spool");
        until("an upload is being spooled", async || !files(&spool).is_empty()).await;
    }

    /// The number of rows in `rows`: a table, with a WHERE clause if necessary.
    pub async fn count(&self, rows: &str) -> i64 {
        let db = self.pipeline.catalog().connection();
        let sql = format!("SELECT COUNT(*) AS n FROM {rows}");
        let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
        row.expect("count rows").expect("a count").try_get("", "n").expect("a number")
    }

    /// Runs a statement.
    pub async fn execute(&self, sql: &str) {
        let db = self.pipeline.catalog().connection();
        db.execute_unprepared(sql).await.expect("run a statement");
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// With `what`, after [`ANSWER_TIMEOUT`].
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = timeout(ANSWER_TIMEOUT, async {
        while !condition().await {
            sleep(INTERVAL).await;
        }
    });
    assert!(holds.await.is_ok(), "not within {ANSWER_TIMEOUT:?}: {what}");
}

/// A client that does not change requests and responses, and gives up on silence.
pub fn client() -> Client {
    let plain = Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    let plain = plain.read_timeout(TIMEOUT);
    plain.no_gzip().no_brotli().no_zstd().build().expect("a client")
}

/// Every file below `folder`.
pub fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path.display().to_string()],
        })
        .collect()
}

/// An uploaded image.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The id.
    pub id: String,
    /// `/images/{id}`
    pub at: String,
    /// The body of the response to the upload.
    pub json: Value,
}

impl From<&Answer> for Uploaded {
    fn from(answer: &Answer) -> Self {
        let json = answer.json();
        let id = json["id"].as_str().expect("an id").to_owned();
        Uploaded { at: format!("/images/{id}"), id, json }
    }
}

/// A completely received response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The method of the request.
    pub method: Method,
    /// The path of the request.
    pub path: String,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// Checks the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{} {}: {}", self.method, self.path, self.describe());
        self
    }

    /// Checks that it is a problem of this kind, with all of `words` in its detail.
    #[track_caller]
    pub fn tells_problem(self, slug: &str, words: &[&str]) -> Self {
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{}", self.describe());
        let detail = problem["detail"].as_str().expect("a detail");
        for word in words {
            assert!(detail.contains(word), "{word:?} is missing in {detail:?}");
        }
        self
    }

    /// A header's value; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|err| panic!("{err}: {}", self.describe()))
    }

    /// The engine version of a text.
    pub fn version(&self) -> u32 {
        self.header("render-version").parse().expect("Render-Version")
    }

    /// Where the text came from: `memory`, `store`, or `render`.
    pub fn source(&self) -> &'static str {
        let timing = self.header("server-timing");
        match self.header("cache-status") {
            "planet; hit" => "memory",
            "planet; fwd=miss; stored" if timing.starts_with("store;dur=") => "store",
            "planet; fwd=miss; stored" if timing.contains("render;dur=") => "render",
            other => panic!("Cache-Status: {other}, Server-Timing: {timing}"),
        }
    }

    fn describe(&self) -> String {
        format!("{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }

    /// The contract of all responses: a request id, no copy in shared caches, a problem for every
    /// error, and never a 500.
    #[track_caller]
    pub fn keeps_the_contract(&self) {
        let shown = format!("{} {}: {}", self.method, self.path, self.describe());
        let id = self.header("x-request-id");
        assert!(!id.is_empty(), "no X-Request-Id: {shown}");
        let caching = self.header("cache-control");
        let is_private = caching.starts_with("private") || caching == "no-store";
        // only in a service with accounts: see the tests of who may read what
        let is_public_image = caching.starts_with("public, ") && self.path.starts_with("/images/");
        let is_asset = self.path.starts_with("/assets/");
        assert!(is_private || is_public_image || is_asset, "Cache-Control: {shown}");
        if self.method == Method::HEAD {
            assert!(self.body.is_empty(), "{shown}");
            return;
        }
        // has a body of its own
        if self.status < 400 || self.path == "/readyz" {
            return;
        }
        if self.header("content-type") == "text/html; charset=utf-8" {
            let page = self.text();
            assert!(page.contains("/problems/") && page.contains(id), "{shown}");
            return;
        }
        assert_eq!(self.header("content-type"), "application/problem+json", "{shown}");
        let problem = self.json();
        let slug = problem["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/"));
        let kind = api::KINDS.iter().find(|kind| Some(kind.slug) == slug);
        let kind = kind.unwrap_or_else(|| panic!("an unknown kind: {shown}"));
        assert_eq!(problem["title"], kind.title, "{shown}");
        assert_eq!(problem["status"], self.status, "{shown}");
        assert_eq!(kind.status.as_u16(), self.status, "{shown}");
        // without secrets, as of a link
        let instance = problem["instance"].as_str().expect("an address");
        let is_masked = instance.split('/').any(|segment| segment == "-");
        assert!(is_masked || instance == self.path, "{shown}");
        assert!(is_masked || !self.path.starts_with("/s/"), "{shown}");
        assert_eq!(problem["request_id"], id, "{shown}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{shown}");
        assert_eq!(problem.as_object().map(|members| members.len()), Some(6), "{shown}");
        assert!(self.status != 500, "{shown}");
        if matches!(self.status, 409 | 429 | 503) {
            assert!(self.header("retry-after").parse::<u32>().is_ok(), "{shown}");
        }
        if self.status == 405 {
            assert!(!self.header("allow").is_empty(), "{shown}");
        }
    }
}
