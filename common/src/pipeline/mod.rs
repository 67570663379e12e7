//! The pipeline: the handles on every room, and the verbs over them, one a file.
//!
//! It is the only place that knows all rooms. The doors (HTTP, queue) call its verbs; the verbs
//! call the rooms; nothing calls back up.

use std::{path::PathBuf, sync::Arc, time::Duration};

use asciify::Limits;
use moka::future::Cache;
use tokio::sync::Semaphore;

use crate::{
    catalog::{self, Catalog},
    env::Env,
    fault::{Doing, Fault, at},
    preset::Presets,
    queue::{self, Queue},
    store::{self, Store},
};

mod check;
mod draw;
mod follow;
mod list;
mod remove;
mod render;
mod serve;
mod spool;
mod submit;
mod wait;

pub use check::{Checked, Closeness, check, counted, obituary};
pub use draw::DrawError;
pub use follow::{Follower, Told};
pub use list::Shown;
pub use render::{RenderError, Rendered};
pub use serve::{ServeError, Text, View};
pub use spool::{Spool, Spooled};
pub use submit::{SubmitError, Submitted};

const MIB: u64 = 1024 * 1024;

/// Everything that the house can be told.
pub struct Config {
    /// Where the catalog lives.
    pub catalog: catalog::Config,
    /// Where blobs live.
    pub store: store::Config,
    /// How workers hear of jobs.
    pub queue: queue::Config,
    /// What is rendered in advance.
    pub presets: Presets,
    /// What we agree to decode.
    pub limits: Limits,
    /// `MAX_UPLOAD_BYTES`.
    pub max_upload_bytes: u64,
    /// `SPOOL_DIR`: where uploads wait until they are stored.
    pub spool: PathBuf,
    /// `SPOOL_FREE_BYTES`: disk space that uploads leave free there.
    pub spool_free_bytes: u64,
    /// `UPLOAD_LEASE_S`: how long storing an upload may take.
    pub upload_lease: Duration,
    /// `BLOB_GRACE_S`: how long a blob may wait for the row that refers to it.
    pub blob_grace: Duration,
    /// `RENDER_CONCURRENCY`: renders at the same time in this process.
    pub render_concurrency: usize,
    /// `RENDER_MEMORY_MIB`: what is decoded and drawn at the same time in this process.
    pub render_memory_mib: u32,
    /// `RENDER_WAIT_S`: how long a reader waits for its turn.
    pub render_wait: Duration,
    /// `RENDER_LIMIT_S`: how long a render may take.
    pub render_limit: Duration,
    /// `CACHE_BYTES`: texts kept in memory.
    pub cache_bytes: u64,
    /// `POLL_S`: how often whoever follows images looks for changes that no news told of.
    pub poll: Duration,
    /// The version that new renders get.
    pub engine: u32,
}

impl Config {
    /// Reads every setting of the house.
    pub fn read(env: &mut Env) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let limits = Limits::default();
        let render_memory_mib = env.number(
            "RENDER_MEMORY_MIB",
            1536,
            1..=1 << 20,
            "memory for decoding and drawing at the same time in one process, in MiB",
        );
        Config {
            catalog: catalog::Config::read(env),
            store: store::Config::read(env),
            queue: queue::Config::read(env),
            presets: Presets::read(env),
            limits: Limits {
                max_side_px: env.number(
                    "MAX_SIDE_PX",
                    limits.max_side_px.into(),
                    1..=u32::MAX.into(),
                    "the longest side that we agree to decode, in pixels",
                ) as u32,
                max_pixels: env.number(
                    "MAX_PIXELS",
                    limits.max_pixels,
                    1..=u64::MAX,
                    "the most pixels that we agree to decode",
                ),
                max_frames: env.number(
                    "MAX_FRAMES",
                    limits.max_frames.into(),
                    1..=u32::MAX.into(),
                    "the most frames or pages of one file",
                ) as u32,
                max_decoded_bytes: env
                    .number(
                        "MAX_DECODED_BYTES",
                        limits.max_decoded_bytes,
                        1..=u64::MAX,
                        "the most memory that decoding one image may take, in bytes; never more than \
                         two thirds of RENDER_MEMORY_MIB",
                    )
                    .min(render_memory_mib * MIB / 3 * 2),
            },
            max_upload_bytes: env.number(
                "MAX_UPLOAD_BYTES",
                32 * MIB,
                1..=1 << 40,
                "the largest upload, in bytes",
            ),
            spool: env
                .text("SPOOL_DIR", "data/spool", "folder where uploads wait until they are stored")
                .into(),
            spool_free_bytes: env.number(
                "SPOOL_FREE_BYTES",
                64 * MIB,
                0..=u64::MAX,
                "disk space that uploads leave free where they wait, in bytes",
            ),
            upload_lease: env.period(
                "UPLOAD_LEASE_S",
                "30",
                "how long storing a received upload may take, in seconds",
            ),
            blob_grace: env.period(
                "BLOB_GRACE_S",
                "3600",
                "how long a blob or an unfinished upload may stay without an owner, in seconds",
            ),
            render_concurrency: match env.number(
                "RENDER_CONCURRENCY",
                0,
                0..=1024,
                "renders at the same time; 0 is one a core",
            ) {
                0 => cores,
                concurrency => concurrency as usize,
            },
            render_memory_mib: render_memory_mib as u32,
            render_wait: env.seconds(
                "RENDER_WAIT_S",
                "5",
                "how long a reader waits for a free core before 503, in seconds",
            ),
            render_limit: env.period(
                "RENDER_LIMIT_S",
                "120",
                "how long one render may take, in seconds",
            ),
            cache_bytes: env.number(
                "CACHE_BYTES",
                64 * MIB,
                0..=u64::MAX,
                "texts kept in memory for readers, in bytes",
            ),
            poll: env.period(
                "POLL_S",
                "5",
                "how often due jobs and changes that no hint told of are looked for, in seconds",
            ),
            engine: asciify::ENGINE_VERSION,
        }
    }
}

/// The whole house; clones share everything.
#[derive(Clone)]
pub struct Pipeline(Arc<House>);

struct House {
    config: Config,
    catalog: Catalog,
    store: Store,
    queue: Queue,
    cores: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    cache: Cache<serve::Key, Arc<serve::Drawn>>,
    line: follow::Line,
    replays: Semaphore,
}

impl Pipeline {
    /// The house over a catalog that is migrated and a store. (A broker may be away.)
    ///
    /// # Errors
    /// The spool folder cannot be made.
    pub async fn open(config: Config, catalog: Catalog, store: Store) -> Result<Self, Fault> {
        let folder = tokio::fs::create_dir_all(&config.spool).await;
        at(&config.spool, folder).doing("make the spool folder (SPOOL_DIR)")?;
        let queue = Queue::open(&config.queue, config.engine);
        let cache = Cache::builder()
            .max_capacity(config.cache_bytes)
            .weigher(|key: &serve::Key, drawn: &Arc<serve::Drawn>| key.weight(drawn))
            .build();
        let pipeline = Pipeline(Arc::new(House {
            cores: Arc::new(Semaphore::new(config.render_concurrency)),
            memory: Arc::new(Semaphore::new(config.render_memory_mib as usize)),
            config,
            catalog,
            store,
            queue,
            cache,
            line: follow::Line::default(),
            replays: Semaphore::new(follow::REPLAYS),
        }));
        pipeline.clean_spool().await?;
        Ok(pipeline)
    }

    /// What the house was told.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The catalog, for workers and operators.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The store, for the janitor.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The doorbell, for workers.
    pub fn queue(&self) -> &Queue {
        &self.0.queue
    }

    /// Asks every dependency whether it answers within a few seconds, by name.
    pub async fn check(&self) -> [(&'static str, Result<(), Fault>); 4] {
        let patience = Duration::from_secs(3);
        let (catalog, store, spool) = tokio::join!(
            tokio::time::timeout(patience, self.0.catalog.check()),
            tokio::time::timeout(patience, self.0.store.check()),
            store::has_room(&self.0.config.spool),
        );
        [
            (
                "database",
                catalog.unwrap_or_else(|late| Err(late).doing("ask the database in time")),
            ),
            ("store", store.unwrap_or_else(|late| Err(late).doing("ask the store in time"))),
            ("spool", spool.doing("write to the spool folder")),
            ("queue", self.0.queue.check()),
        ]
    }
}
