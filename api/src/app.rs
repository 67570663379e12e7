//! The state that handlers share.

use std::sync::Arc;

use common::pipeline::Pipeline;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    response_budget::ResponseBudget,
    thumbnail_cache::{ThumbnailCache, thumbnail_cache},
};

/// The state that handlers share. Clones share the same limits.
#[derive(Clone)]
pub struct App {
    pub(crate) pipeline: Pipeline,
    pub(crate) config: Arc<Config>,
    pub(crate) metrics: PrometheusHandle,
    /// One permit per running upload.
    pub(crate) uploads: Arc<Semaphore>,
    /// One permit per open event stream.
    pub(crate) streams: Arc<Semaphore>,
    /// Cancelled at shutdown: ends event streams, and waits for renders.
    pub(crate) closing: CancellationToken,
    pub(crate) response_budget: ResponseBudget,
    pub(crate) thumbnails: ThumbnailCache,
}

impl App {
    /// Creates the state for one server. `metrics` renders what `/metrics` returns.
    pub fn new(pipeline: Pipeline, config: Config, metrics: PrometheusHandle) -> Self {
        App {
            pipeline,
            metrics,
            uploads: Arc::new(Semaphore::new(config.max_uploads)),
            streams: Arc::new(Semaphore::new(config.max_event_streams)),
            closing: CancellationToken::new(),
            response_budget: ResponseBudget::new(config.answer_memory_mib),
            thumbnails: thumbnail_cache(config.thumbnail_cache_bytes),
            config: Arc::new(config),
        }
    }
}
