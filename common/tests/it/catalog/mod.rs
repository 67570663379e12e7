//! Conformance tests of the catalog, on SQLite and PostgreSQL. A lease of zero length has ended
//! already, so no test waits for a clock.

use std::{collections::HashSet, future::Future, time::Duration};

use common::{
    account::principal::Principal,
    catalog::{Catalog, Config, Intent, NewRender, Page, Upload},
    env::Env,
    image::{Image, ImageId, Layout, Metadata},
    job::{Claim, JobId},
    store::{original_key, render_key},
};
use sea_orm::{ConnectionTrait, Statement};
use testkit::{env::servers, statements::expect_planned, wait::at_once};
use uuid::Uuid;

mod backfill;
mod cancellation;
mod changes;
mod clock;
mod images;
mod jobs;
mod migrations;
mod pages;
mod plans;
mod renders;
mod resumable;
mod retention;
mod rights;
mod transfers;
mod uploads;
mod users;

/// What all jobs are rendered with, unless a behaviour is about versions.
const ENGINE: u32 = 7;
const MAX_STRIKES: i32 = 3;
const LONG: Duration = Duration::from_secs(1_000);
const ENDED: Duration = Duration::ZERO;

fn metadata(content: &str) -> Metadata {
    Metadata {
        name: None,
        media_type: "image/png".into(),
        bytes: 5_000_000_000,
        width: 4_000_000_000,
        height: 1,
        frames: 2,
        layout: Some(Layout { bands: 224, bit_depth: 12, orientation: 8 }),
        band_names: vec![Some("B04 \"red\"".into()), None],
        geo: Some(Box::new(asciify::Geo {
            crs: Some(32_633),
            transform: [10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.5],
            dtype: "uint16".into(),
            nodata: Some(-9999.0),
            scales: vec![0.5, 1.0],
            offsets: Vec::new(),
            overviews: vec![2, 4],
        })),
        sha256: common::render::sha256_hex(content.as_bytes()),
    }
}

fn hash(spec: &str) -> String {
    common::render::sha256_hex(spec.as_bytes())
}

fn page(limit: u64) -> Page {
    Page { limit, ..Page::default() }
}

fn acquired(intent: Intent) -> Upload {
    match intent {
        Intent::Acquired(upload) => upload,
        other => panic!("not acquired: {other:?}"),
    }
}

async fn reserved(catalog: &Catalog, upload: &Upload) -> String {
    let blob = original_key(upload.image, upload.attempt);
    catalog.reserve_blobs(std::slice::from_ref(&blob), LONG).await.unwrap();
    blob
}

pub(crate) async fn stored(catalog: &Catalog, content: &str) -> (Image, JobId) {
    let upload =
        acquired(catalog.begin_upload(None, &metadata(content), None, LONG).await.unwrap());
    let (job, blob) = (JobId::generate(), reserved(catalog, &upload).await);
    let image =
        catalog.commit_upload(&upload, &blob, job, None, ENGINE).await.unwrap().stored().unwrap();
    (image, job)
}

/// The due jobs of `engine`, the longest due first.
async fn due_of(catalog: &Catalog, engine: u32) -> Vec<JobId> {
    let due = "SELECT id FROM jobs WHERE state = 'pending'";
    let now = catalog.time().await.unwrap().0;
    let sql = format!(
        "{due} AND engine = {engine} AND strikes < {MAX_STRIKES} AND due_at <= {now} ORDER BY due_at"
    );
    let db = catalog.connection();
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    rows.unwrap().iter().map(|row| JobId(row.try_get("", "id").unwrap())).collect()
}

/// Makes what `engine` lacks with these specs; returns how many jobs.
async fn backfilled(catalog: &Catalog, engine: u32, specs: &[&str]) -> u64 {
    catalog.backfill(&backfill::target(engine, specs)).await.unwrap()
}

async fn due(catalog: &Catalog) -> Vec<JobId> {
    due_of(catalog, ENGINE).await
}

/// A claim whose render has begun.
async fn claimed(catalog: &Catalog, job: JobId, lease: Duration) -> Claim {
    let claim = catalog.claim(job, ENGINE, "worker", lease, MAX_STRIKES).await.unwrap().unwrap();
    assert!(catalog.count_strike(&claim).await.unwrap());
    claim
}

/// A render whose blob is reserved.
async fn rendered(catalog: &Catalog, claim: &Claim, spec: &str) -> Vec<NewRender> {
    let spec_hash = hash(spec);
    let blob = format!("{}/{spec_hash}", render_key(claim));
    catalog.reserve_blobs(std::slice::from_ref(&blob), LONG).await.unwrap();
    let sha256 = spec_hash.clone();
    let (spec, offset) = (spec.to_owned(), 0);
    vec![NewRender { spec, spec_hash, blob, offset, sha256, bytes: 81, columns: 80, rows: 1 }]
}

/// Claims and finishes a job; the blob of its render.
async fn finish(catalog: &Catalog, job: JobId, engine: u32, spec: &str) -> String {
    let claim = catalog.claim(job, engine, "worker", LONG, MAX_STRIKES).await.unwrap().unwrap();
    let render = rendered(catalog, &claim, spec).await;
    assert!(catalog.finish(&claim, engine, &render).await.unwrap());
    render[0].blob.clone()
}

pub(crate) async fn removed(catalog: &Catalog, image: ImageId) -> Option<HashSet<String>> {
    let blobs = catalog
        .remove_image(image, &Principal::Open, |attempt| original_key(image, attempt))
        .await
        .unwrap();
    blobs.map(HashSet::from_iter)
}

async fn marked(catalog: &Catalog) -> HashSet<String> {
    let marked = catalog.claim_marked(99, ENDED).await.unwrap();
    marked.into_iter().map(|marked| marked.blob).collect()
}

/// Times are whole milliseconds.
async fn next_millisecond() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

// ---- backends

pub(crate) async fn on_sqlite<F: Future<Output = ()>>(behaviour: impl FnOnce(Catalog) -> F) {
    let temp = tempfile::tempdir().unwrap();
    let file = temp.path().join("not/there/yet/planet.db");
    behaviour(opened(&format!("sqlite://{}", file.display())).await).await;
}

pub(crate) async fn on_postgres<F: Future<Output = ()>>(behaviour: impl FnOnce(Catalog) -> F) {
    in_new_database(async |url| behaviour(opened(&url).await).await).await;
}

/// Calls `test` with the URL of an empty database.
async fn in_new_database(test: impl AsyncFnOnce(String)) {
    in_database_like("template1", test).await;
}

/// Calls `test` with the URL of a copy of that database, which has no connections.
async fn in_copy_of(url: &str, test: impl AsyncFnOnce(String)) {
    in_database_like(url.rsplit_once('/').unwrap().1, test).await;
}

async fn in_database_like(template: &str, test: impl AsyncFnOnce(String)) {
    let Some([server]) = servers("common", ["TEST_DATABASE_URL"]) else { return };
    let name = format!("planet_{}", Uuid::now_v7().simple());
    let admin = catalog_at(&server).await;
    let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
    admin.connection().execute_unprepared(&create).await.unwrap();
    test(url_of(&name)).await;
    let drop = format!("DROP DATABASE {name} WITH (FORCE)");
    admin.connection().execute_unprepared(&drop).await.unwrap();
}

/// A database of the server.
pub(crate) fn url_of(database: &str) -> String {
    let [server] = servers("common", ["TEST_DATABASE_URL"]).unwrap();
    let (host, _postgres) = server.rsplit_once('/').unwrap();
    format!("{host}/{database}")
}

/// An empty catalog, migrated by several at the same time. It runs only statements whose plans are
/// tested.
async fn opened(url: &str) -> Catalog {
    let mut catalog = catalog_at(url).await;
    assert!(catalog.check().await.is_err(), "it has no tables yet");
    at_once((0..4).map(|_| {
        let catalog = catalog.clone();
        async move { migration::up(catalog.connection()).await.unwrap() }
    }))
    .await;
    catalog.check().await.unwrap();
    catalog.observe(|statement| expect_planned(&statement.sql));
    catalog
}

pub(crate) async fn catalog_at(url: &str) -> Catalog {
    let config = Config::read(&mut Env::new([("DATABASE_URL", url)], []));
    Catalog::open(&config).await.unwrap()
}

/// The text in the only column of the only row.
pub(crate) async fn query(db: &impl ConnectionTrait, sql: &str) -> String {
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.unwrap().unwrap().try_get_by_index(0).unwrap()
}
