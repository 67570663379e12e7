//! Serves a text: the stored render if there is one, else drawn now, once for concurrent requests.
//!
//! [`Pipeline::resolve`] needs the catalog only, so that a conditional request costs neither a read
//! of the store nor a core. [`Pipeline::text`] takes the text from the cache, the store or the
//! engine.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use asciify::Spec;
use futures_util::{FutureExt, future::BoxFuture};

use super::{
    Pipeline,
    cache::{CacheKey, CachedText},
    draw::{DrawError, Purpose},
};
use crate::{
    account::principal::Principal,
    catalog::Renders,
    fault::{Doing, Fault},
    image::{Image, ImageId, Millis},
    render::Render,
};

/// Which text a request gets; the text itself is not fetched yet.
#[derive(Debug, Clone)]
pub struct ResolvedRender {
    /// The image.
    pub image: Image,
    /// The options.
    pub spec: Spec,
    /// Their canonical form.
    pub canonical_spec: String,
    /// The engine version of the text.
    pub version: u32,
    stored: Option<Render>,
}

/// A rendered text; clones share it.
#[derive(Debug, Clone)]
pub struct Text {
    cached: Arc<CachedText>,
    /// Whether it was in the cache, or another call was fetching it.
    pub hit: bool,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No such image is stored, or the reader may not read it.
    #[error("no such image")]
    NoImage,
    /// The image is stored, and this version of its render is not.
    #[error("no render of version {version} is stored for these options")]
    NoVersion {
        /// The engine version of the request.
        version: u32,
    },
    /// The image was not drawn.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ResolvedRender {
    /// When a worker stored the text; `None` when no stored render is used.
    pub fn stored_at(&self) -> Option<Millis> {
        self.stored.as_ref().map(|render| render.created_at)
    }

    /// Length of the stored text, in bytes; `None` when no stored render is used.
    pub fn stored_bytes(&self) -> Option<u64> {
        self.stored.as_ref().map(|render| render.bytes)
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.cached.text.as_bytes()
    }
}

impl Text {
    /// Rows of characters, as [`asciify::write::ansi`] writes them.
    pub fn as_str(&self) -> &str {
        &self.cached.text
    }

    /// How long each stage took, by name; empty when the text was in the cache.
    pub fn stages(&self) -> &[(&'static str, std::time::Duration)] {
        if self.hit { &[] } else { &self.cached.stages }
    }
}

impl Pipeline {
    /// Resolves `spec` to a render: the stored one of engine `version`; without `version`, the
    /// newest that is stored, else one that is drawn on demand.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub fn resolve<'a>(
        &'a self,
        id: ImageId,
        spec: Spec,
        version: Option<u32>,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<ResolvedRender, ServeError>> {
        Box::pin(async move {
            let canonical_spec = spec.to_string();
            let found = self.image_and_render(id, &canonical_spec, version, reader).await?;
            let (image, mut stored) = found.ok_or(ServeError::NoImage)?;
            if let (Some(version), None) = (version, &stored) {
                return Err(ServeError::NoVersion { version });
            }
            let engine = self.config().engine;
            if version.is_none() && self.config().presets.of(&spec).is_none() {
                // Not a preset any more: no worker will replace an old render.
                stored = stored.filter(|render| render.engine >= engine);
            }
            let version = stored.as_ref().map_or(engine, |render| render.engine);
            Ok(ResolvedRender { image, spec, canonical_spec, version, stored })
        })
    }

    /// The text of a resolved render. Concurrent calls for the same one do the work once. Dropping
    /// the future of the last of them cancels it.
    ///
    /// # Errors
    /// See [`ServeError`]; concurrent calls share the error.
    pub fn text<'a>(
        &'a self,
        render: &'a ResolvedRender,
    ) -> BoxFuture<'a, Result<Text, Arc<ServeError>>> {
        Box::pin(async move {
            let key = CacheKey {
                image: render.image.id,
                spec: render.spec.clone(),
                version: render.version,
            };
            let (cached, hit) = match self.0.cache.get(&key).await {
                Some(cached) => (cached, true),
                None => {
                    let begin = || {
                        let fetch = self.clone().fetch_to_cache(key.clone(), render.clone());
                        // a panic would leave the other callers waiting
                        let fetch = AssertUnwindSafe(fetch).catch_unwind();
                        fetch.map(|done| done.unwrap_or_else(|_| Err(Arc::new(panicked())))).boxed()
                    };
                    let (flight, is_first) = self.0.flights.join(key.clone(), begin);
                    (flight.await?, !is_first)
                }
            };
            metrics::counter!("planet_cache_total", "outcome" => if hit { "hit" } else { "miss" })
                .increment(1);
            Ok(Text { cached, hit })
        })
    }

    async fn fetch_to_cache(
        self,
        key: CacheKey,
        render: ResolvedRender,
    ) -> Result<Arc<CachedText>, Arc<ServeError>> {
        // the previous flight may have ended since the caller looked
        if let Some(cached) = self.0.cache.get(&key).await {
            return Ok(cached);
        }
        let cached = self.fetch(&render).await.map_err(Arc::new)?;
        self.0.cache.insert(key, cached.clone()).await;
        Ok(cached)
    }

    async fn fetch(&self, render: &ResolvedRender) -> Result<Arc<CachedText>, ServeError> {
        if let Some(stored) = &render.stored {
            let started = Instant::now();
            match self.store().get_part(&stored.blob, stored.range()).await? {
                Some(bytes) => {
                    let text = String::from_utf8(bytes.into()).doing("read a stored render")?;
                    let stages = vec![("store", started.elapsed())];
                    return Ok(Arc::new(CachedText { text, stages }));
                }
                None => self.explain_missing_render(render.image.id, stored).await?,
            }
        }
        let max_wait = self.config().render_wait;
        if render.spec.frame() > 0
            && render.image.metadata.may_move()
            && let Some((drawing, stages)) =
                self.draw_frame(&render.image, &render.spec, max_wait).await?
        {
            return Ok(Arc::new(CachedText { text: drawing.text, stages }));
        }
        let purpose = Purpose::Request { max_wait };
        let (drawings, stages) =
            self.draw(&render.image, vec![render.spec.clone()], purpose).await?;
        let text = drawings.into_iter().map(|drawing| drawing.text).next().unwrap_or_default();
        Ok(Arc::new(CachedText { text, stages }))
    }

    /// A stored render has no blob: its image or its version was deleted meanwhile, or the store lost
    /// the blob. `Ok` when it can be drawn again, since this process has its engine version.
    async fn explain_missing_render(&self, id: ImageId, render: &Render) -> Result<(), ServeError> {
        let found = self.catalog().image_with_renders(id, Renders::All, &Principal::Open).await?;
        let (_, renders) = found.ok_or(ServeError::NoImage)?;
        if renders.iter().all(|other| other.blob != render.blob) {
            return Err(ServeError::NoVersion { version: render.engine });
        }
        tracing::error!(blob = render.blob, "a stored render is missing in the store");
        metrics::counter!("planet_missing_blobs_total", "kind" => "render").increment(1);
        match render.engine == self.config().engine {
            true => Ok(()),
            false => Err(Fault::new("read a stored render", "it is missing in the store").into()),
        }
    }
}

fn panicked() -> ServeError {
    Fault::new("fetch a text", "the task panicked").into()
}
