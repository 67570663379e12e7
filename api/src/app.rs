//! The state that handlers share.

use std::{ops::Deref, sync::Arc};

use common::pipeline::Pipeline;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    backlog_sampler::BacklogSampler,
    config::Config,
    credentials::Credentials,
    encoding_permits::EncodingPermits,
    page_cache::PageCache,
    readiness::Readiness,
    representation_cache::{RepresentationCache, representation_cache},
    response_budget::ResponseBudget,
    running_uploads::RunningUploads,
    sign_in::SignIn,
    thumbnail_cache::{ThumbnailCache, thumbnail_cache},
    upload_slots::UploadSlots,
};

/// The state that handlers share. It is cloned several times a request, so clones are one pointer.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What the clones of an [`App`] share.
pub struct Shared {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: PrometheusHandle,
    pub(crate) backlog: Arc<BacklogSampler>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) uploads: UploadSlots,
    /// The resumable ones.
    pub(crate) running_uploads: RunningUploads,
    /// One permit per open stream of events or of frames.
    pub(crate) streams: Arc<Semaphore>,
    /// Cancelled when the process is asked to stop: it is not ready any more.
    pub(crate) stopping: CancellationToken,
    /// Cancelled at shutdown: ends event streams, and waits for renders.
    pub(crate) closing: CancellationToken,
    pub(crate) response_budget: ResponseBudget,
    /// For writing renders in other formats than text.
    pub(crate) writers: EncodingPermits,
    pub(crate) representations: RepresentationCache,
    pub(crate) pages: PageCache,
    pub(crate) thumbnails: ThumbnailCache,
    pub(crate) credentials: Credentials,
    /// `None`: the service has no accounts.
    pub(crate) sign_in: Option<Arc<SignIn>>,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Creates the state for one server. `metrics` renders what `/metrics` returns.
    pub fn new(pipeline: Pipeline, config: Config, metrics: PrometheusHandle) -> Self {
        let cache_bytes = pipeline.config().cache_bytes;
        let response_budget = ResponseBudget::new(config.answer_memory_mib);
        App(Arc::new(Shared {
            metrics,
            backlog: Arc::new(BacklogSampler::new(config.metrics_interval)),
            readiness: Arc::new(Readiness::new(config.ready_grace)),
            uploads: UploadSlots::new(config.upload_slots),
            running_uploads: RunningUploads::default(),
            streams: Arc::new(Semaphore::new(config.max_event_streams)),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            writers: EncodingPermits::new(),
            representations: representation_cache(cache_bytes / 8 * 3),
            pages: PageCache::new(cache_bytes / 16, pipeline.clone(), response_budget.clone()),
            response_budget,
            thumbnails: thumbnail_cache(config.thumbnail_cache_bytes),
            credentials: Credentials::new(pipeline.config().accounts.rights_kept),
            sign_in: config.accounts.clone().map(|accounts| Arc::new(SignIn::new(accounts))),
            pipeline,
            config: Arc::new(config),
        }))
    }
}
