//! The pipeline: the operations of the service, one per file, over catalog, store and queue.
//!
//! Only the pipeline uses all three. The HTTP API and the workers call its operations; the
//! operations call catalog, store and queue; nothing calls back up.
//!
//! They return boxed futures, so that their state machines, with those of the database, the store and
//! the broker inside, are compiled once, here, and not again in every crate that awaits them.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, atomic::AtomicU32},
    time::Duration,
};

use asciify::Limits;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use self::{
    cache::{CacheKey, CachedText, TextCache, text_cache},
    event::Hub,
    flights::Flights,
    known::KnownImages,
    playbacks::Playbacks,
};
use crate::{
    account::settings,
    catalog::{self, Catalog, InstanceLock, JobPosition},
    env::Env,
    fault::{Doing, Fault, at},
    periods::{Periods, max_upload_bytes},
    preset::Presets,
    queue::{self, Queue},
    store::{self, Readers, Store},
};

mod account;
mod adopt_object;
mod audit;
mod cache;
mod decoding;
mod draw;
mod event;
mod finish;
mod flights;
mod jobs;
mod known;
mod list;
mod lookup;
mod maintenance;
mod original;
mod play;
mod playbacks;
mod probe;
mod receive;
mod remove;
mod render;
mod reread;
mod retention;
mod serve;
mod sign_in;
mod spool;
mod submit;
mod submit_error;
mod subscribe;
mod summary;
mod transfer;
mod values;
mod visibility;
mod wait;

pub use adopt_object::{AdoptError, Adoption, adopt_object};
pub use audit::{AuditEvent, AuditOptions, AuditReport, audit, describe_dead_job, pluralize};
pub use decoding::Decoding;
pub use draw::DrawError;
pub use event::Event;
pub use jobs::Conclusion;
pub use list::{Count, Listing, StoredRenders};
pub use maintenance::CleanUp;
pub use receive::{ReceiveError, Receiver};
pub use remove::ChangeError;
pub use render::{RenderError, Rendered};
pub use serve::{ResolvedRender, ServeError, Text};
pub use sign_in::{NewSession, SIGN_IN_LIFETIME};
pub use spool::{Spool, Spooled};
pub use submit::Submitted;
pub use submit_error::SubmitError;
pub use subscribe::Subscription;
pub use summary::ImageSummary;
pub use transfer::{TransferEvent, TransferReport, TransferRoute, transfer, transfer_concurrency};
pub use values::BandValue;

const MIB: u64 = 1024 * 1024;
/// How long a check waits for an answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// The settings of the pipeline and of what it opens.
pub struct Config {
    /// Where the catalog is.
    pub catalog: catalog::Config,
    /// Where blobs are stored.
    pub store: store::Config,
    /// How workers are notified of jobs.
    pub queue: queue::Config,
    /// `PRESETS`: what is rendered in advance.
    pub presets: Presets,
    /// `MAX_SIDE_PX`, `MAX_PIXELS`, `MAX_FRAMES`, `MAX_DECODED_BYTES`: what is decoded at most.
    pub limits: Limits,
    /// `MAX_UPLOAD_BYTES`: the largest upload.
    pub max_upload_bytes: u64,
    /// `SPOOL_DIR`: folder for uploads until they are stored.
    pub spool: PathBuf,
    /// `SPOOL_FREE_BYTES`: disk space that uploads leave free there, in bytes.
    pub spool_free_bytes: u64,
    /// `UPLOAD_EXPIRES_S`: how long an unfinished upload is kept after its last request.
    pub upload_expires: Duration,
    /// `MAX_OPEN_UPLOADS`: unfinished uploads of one user, or of a service without accounts.
    pub max_open_uploads: u64,
    /// `UPLOAD_LEASE_S`: how long storing an upload may take, without the time for its bytes.
    pub upload_lease: Duration,
    /// `STORE_MIN_RATE`: the time for its bytes.
    pub store_min_rate: store::MinRate,
    /// `LEASE_S`: how long a claim on a job is valid after it was last extended.
    pub lease: Duration,
    /// `BACKOFF_MAX_S`: the longest wait before a retry of a job.
    pub backoff_max: Duration,
    /// `BLOB_GRACE_S`: how long a blob may exist before a row refers to it.
    pub blob_grace: Duration,
    /// `RENDER_CONCURRENCY`: renders at the same time in this process.
    pub render_concurrency: usize,
    /// `LARGE_IMAGE_PX`: jobs of images with more pixels leave a core to others.
    pub large_image_px: u64,
    /// `RENDER_MEMORY_MIB`: memory for all renders of this process together, in MiB.
    pub render_memory_mib: u32,
    /// `ORIGINALS_MEMORY_MIB`: memory for what is held of originals, in MiB: half for the parts that
    /// are read, and half for parts that were read, from which other readers are served.
    pub originals_memory_mib: u32,
    /// `PLAYBACK_MEMORY_MIB`: memory for animations that are decoded up to a frame, in MiB.
    pub playback_memory_mib: u32,
    /// `RENDER_WAIT_S`: how long a reader waits for each permit to render.
    pub render_wait: Duration,
    /// `RENDER_LIMIT_S`: how long one render may take.
    pub render_limit: Duration,
    /// `CACHE_BYTES`: memory for answers to readers, in bytes: half for texts, 3/8 for
    /// representations of them in other formats and codings, and 1/16 each for what is known of
    /// images and for pages of the list.
    pub cache_bytes: u64,
    /// `POLL_S`: interval at which workers poll due jobs, and subscriptions poll changes.
    pub poll: Duration,
    /// `MAX_REPLAYED_EVENTS`: changes that a subscription is sent that missed them.
    pub max_replayed_events: u64,
    /// `MAX_SEARCHED_IMAGES`: images whose names one request compares, and the most that are
    /// counted.
    pub max_searched_images: u64,
    /// What users may do.
    pub accounts: settings::Settings,
    /// The engine version of new renders.
    pub engine: u32,
}

impl Config {
    /// Reads every setting.
    pub fn read(env: &mut Env) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let Periods { upload_lease, lease, backoff_max, blob_grace, .. } = Periods::read(env);
        let Decoding { limits, render_memory_mib, render_limit } = Decoding::read(env);
        let max_upload_bytes = max_upload_bytes(env);
        let originals_memory_mib = env.number(
            "ORIGINALS_MEMORY_MIB",
            256,
            2..=1 << 20,
            "memory for the parts of original files that one process reads from S3, or has read, in \
             MiB",
        );
        Config {
            catalog: catalog::Config::read(env),
            store: store::Config::read(env),
            queue: queue::Config::read(env),
            presets: Presets::read(env),
            limits,
            max_upload_bytes,
            spool: env
                .text("SPOOL_DIR", "data/spool", "folder for uploads until they are stored")
                .into(),
            spool_free_bytes: env.number(
                "SPOOL_FREE_BYTES",
                64 * MIB,
                0..=u64::MAX,
                "disk space that uploads leave free in SPOOL_DIR, in bytes",
            ),
            store_min_rate: store::MinRate::read(env),
            upload_expires: env.period(
                "UPLOAD_EXPIRES_S",
                "86400",
                "how long an upload that was not sent as a whole is kept after its last request, in \
                 seconds",
            ),
            max_open_uploads: env.number(
                "MAX_OPEN_UPLOADS",
                100,
                1..=1_000_000,
                "uploads of one user that are not sent as a whole yet; without accounts, of all \
                 clients together",
            ),
            upload_lease,
            lease,
            backoff_max,
            blob_grace,
            render_concurrency: match env.number(
                "RENDER_CONCURRENCY",
                0,
                0..=1024,
                "renders at the same time in one process; 0 means one per core",
            ) {
                0 => cores,
                concurrency => concurrency as usize,
            },
            large_image_px: env.number(
                "LARGE_IMAGE_PX",
                32_000_000,
                0..=u64::MAX,
                "pixels above which an image is large: jobs of large images leave one core to others, \
                 if there is more than one",
            ),
            render_memory_mib,
            originals_memory_mib: originals_memory_mib as u32,
            playback_memory_mib: env.number(
                "PLAYBACK_MEMORY_MIB",
                64,
                0..=1 << 20,
                "memory for animations that are being played, in MiB; larger ones cannot be played",
            ) as u32,
            render_wait: env.seconds(
                "RENDER_WAIT_S",
                "5",
                "how long a request waits for a free core before it gets 503, in seconds",
            ),
            render_limit,
            cache_bytes: env.number(
                "CACHE_BYTES",
                64 * MIB,
                0..=u64::MAX,
                "memory for renders that were requested, in each format, and for pages of the list, in \
                 bytes",
            ),
            poll: env.period(
                "POLL_S",
                "5",
                "interval at which due jobs and changed images are polled, in seconds",
            ),
            max_replayed_events: env.number(
                "MAX_REPLAYED_EVENTS",
                1_000,
                0..=1_000_000,
                "most events of the past that an event stream begins or continues with",
            ),
            max_searched_images: env.number(
                "MAX_SEARCHED_IMAGES",
                20_000,
                1..=10_000_000,
                "most images whose names one request compares, and that it counts",
            ),
            accounts: settings::Settings::read(env),
            engine: asciify::ENGINE_VERSION,
        }
    }

    /// Memory for the readers of originals, in MiB.
    fn readers_memory_mib(&self) -> u32 {
        self.originals_memory_mib / 2
    }

    /// The periods after which rows fall due.
    pub(crate) fn periods(&self) -> Periods {
        let Config { upload_lease, lease, backoff_max, blob_grace, .. } = *self;
        let transfer = self.store_min_rate.time_of(self.max_upload_bytes);
        Periods { upload_lease, transfer, lease, backoff_max, blob_grace }
    }
}

/// The service without its HTTP API and its workers; clones share everything.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

struct Inner {
    config: Config,
    catalog: Catalog,
    store: Store,
    queue: Queue,
    /// One permit per render.
    render_permits: Arc<Semaphore>,
    /// One permit per job that waits for a core or renders.
    job_permits: Arc<Semaphore>,
    /// One permit per job of a large image that is drawn or about to be: one less than cores, but
    /// at least one.
    large_permits: Arc<Semaphore>,
    /// One permit per job of a large image that is claimed: half as many as jobs are claimed by
    /// default.
    large_claims: Semaphore,
    /// Jobs of large images that were postponed since one had a permit.
    postponed: AtomicU32,
    /// One permit per MiB of decoded pixels and samples.
    memory_permits: Arc<Semaphore>,
    originals: Readers,
    /// One permit per MiB that readers of originals hold.
    original_permits: Arc<Semaphore>,
    cache: TextCache,
    /// `None` if other processes may write to the database.
    known: Option<KnownImages>,
    _lock: Option<InstanceLock>,
    /// The texts that are being fetched.
    flights: Flights<CacheKey, Result<Arc<CachedText>, Arc<ServeError>>>,
    playbacks: Playbacks,
    hub: Hub,
    /// The last job that was looked at for whether it is superseded.
    superseded: Mutex<Option<JobPosition>>,
}

impl Pipeline {
    /// The pipeline over a migrated catalog and a store. The broker may be away. Only with an
    /// exclusive `lock` of the catalog, it keeps in memory what it knows of images.
    ///
    /// # Errors
    /// The spool folder cannot be created.
    pub fn open(
        config: Config,
        catalog: Catalog,
        store: Store,
        lock: Option<InstanceLock>,
    ) -> BoxFuture<'static, Result<Self, Fault>> {
        Box::pin(async move {
            let folder = tokio::fs::create_dir_all(&config.spool).await;
            at(&config.spool, folder).doing("create the spool folder (SPOOL_DIR)")?;
            let queue = Queue::open(&config.queue, config.engine);
            let pipeline = Pipeline(Arc::new(Inner {
                render_permits: Arc::new(Semaphore::new(config.render_concurrency)),
                job_permits: Arc::new(Semaphore::new(config.render_concurrency)),
                large_permits: Arc::new(Semaphore::new((config.render_concurrency - 1).max(1))),
                large_claims: Semaphore::new(2 * config.render_concurrency),
                postponed: AtomicU32::new(0),
                memory_permits: Arc::new(Semaphore::new(config.render_memory_mib as usize)),
                originals: Readers::new(
                    store.clone(),
                    u64::from(config.originals_memory_mib - config.readers_memory_mib()) * MIB,
                ),
                original_permits: Arc::new(Semaphore::new(config.readers_memory_mib() as usize)),
                cache: text_cache(config.cache_bytes / 2),
                known: lock
                    .as_ref()
                    .filter(|lock| lock.is_exclusive())
                    .map(|_| KnownImages::new(config.cache_bytes / 16)),
                _lock: lock,
                flights: Flights::new(),
                playbacks: Playbacks::new(u64::from(config.playback_memory_mib) * MIB),
                config,
                catalog,
                store,
                queue,
                hub: Hub::new(),
                superseded: Mutex::default(),
            }));
            pipeline.clean_spool().await?;
            Ok(pipeline)
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The catalog. Outside of tests, call the operations of the pipeline instead.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// What is known of images; `None` if it is not kept.
    fn known(&self) -> Option<&KnownImages> {
        self.0.known.as_ref()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    fn originals(&self) -> &Readers {
        &self.0.originals
    }

    /// The queue. Outside of tests, call the operations of the pipeline instead.
    pub fn queue(&self) -> &Queue {
        &self.0.queue
    }

    /// Readiness: checks each dependency, with its name, and waits a few seconds at most.
    pub fn check(&self) -> BoxFuture<'_, [(&'static str, Result<(), Fault>); 4]> {
        Box::pin(async move {
            let (database, store, spool) = tokio::join!(
                self.check_database(),
                self.check_store(),
                store::check_writable(&self.0.config.spool),
            );
            [
                ("database", database),
                ("store", store),
                ("spool", spool.doing("write to the spool folder")),
                ("queue", self.0.queue.check()),
            ]
        })
    }

    /// Checks the database and the store, without which no job can be done.
    ///
    /// # Errors
    /// One of them is unavailable, or does not answer within a few seconds.
    pub fn check_storage(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            self.check_database().await?;
            self.check_store().await
        })
    }

    async fn check_database(&self) -> Result<(), Fault> {
        let checked = tokio::time::timeout(CHECK_TIMEOUT, self.0.catalog.check()).await;
        checked.doing("get an answer from the database in time")?
    }

    async fn check_store(&self) -> Result<(), Fault> {
        let checked = tokio::time::timeout(CHECK_TIMEOUT, self.0.store.check()).await;
        checked.doing("get an answer from the store in time")?
    }
}
