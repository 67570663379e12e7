//! Serves a text: a stored one where there is one, else drawn now, once for all who ask.
//!
//! A look is answered by the catalog alone, so that a reader who has the text already costs neither
//! the store nor a core; the text itself comes from memory, the store or the engine.

use std::{sync::Arc, time::Instant};

use asciify::Spec;

use super::{
    Pipeline,
    draw::{DrawError, Stages},
};
use crate::{
    fault::{Doing, Fault},
    image::{Image, ImageId, Millis},
    render::{Render, spec_hash},
};

/// What a reader gets to see, before the text itself is fetched.
#[derive(Debug, Clone)]
pub struct View {
    /// The image.
    pub image: Image,
    /// What was asked.
    pub spec: Spec,
    /// The engine version of the text.
    pub version: u32,
    stored: Option<Render>,
}

/// A text on its way to a reader.
#[derive(Debug, Clone)]
pub struct Text {
    drawn: Arc<Drawn>,
    /// Whether it was in memory already.
    pub hit: bool,
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No such image is stored.
    #[error("no such image")]
    NoImage,
    /// The image is there, that version of its render is not.
    #[error("no render of version {version} is stored for these options")]
    NoVersion {
        /// What was asked.
        version: u32,
    },
    /// No picture.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl View {
    /// When a worker stored the text, if one did.
    pub fn stored_at(&self) -> Option<Millis> {
        self.stored.as_ref().map(|render| render.created_at)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    image: ImageId,
    spec: Spec,
    version: u32,
}

impl Key {
    /// What an entry takes in memory, in bytes.
    pub(super) fn weight(&self, drawn: &Drawn) -> u32 {
        let bytes = drawn.text.len() + size_of::<Key>() + size_of::<Drawn>() + 256;
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

#[derive(Debug)]
pub(super) struct Drawn {
    text: String,
    stages: Stages,
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.drawn.text.as_bytes()
    }
}

impl Text {
    /// Rows of characters, as [`asciify::write::ansi`] writes them.
    pub fn as_str(&self) -> &str {
        &self.drawn.text
    }

    /// How long each stage took, by name; empty when the text was in memory.
    pub fn stages(&self) -> &[(&'static str, std::time::Duration)] {
        if self.hit { &[] } else { &self.drawn.stages }
    }
}

impl Pipeline {
    /// Looks for the render of `spec`: that of `version`, else the newest that is stored, else the
    /// one that would be drawn now.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn look(
        &self,
        id: ImageId,
        spec: Spec,
        version: Option<u32>,
    ) -> Result<View, ServeError> {
        let image = self.catalog().image(id).await?.ok_or(ServeError::NoImage)?;
        let mut stored = self.catalog().render(id, &spec_hash(&spec), version).await?;
        if let (Some(version), None) = (version, &stored) {
            return Err(ServeError::NoVersion { version });
        }
        let engine = self.config().engine;
        if version.is_none() && self.config().presets.of(&spec).is_none() {
            // Nobody makes a newer one of what is no preset any more.
            stored = stored.filter(|render| render.engine >= engine);
        }
        let version = stored.as_ref().map_or(engine, |render| render.engine);
        Ok(View { image, spec, version, stored })
    }

    /// The text of a view. Concurrent calls for the same one do the work once.
    ///
    /// # Errors
    /// See [`ServeError`]; all who waited for the same work share its error.
    pub async fn text(&self, view: &View) -> Result<Text, Arc<ServeError>> {
        let key = Key { image: view.image.id, spec: view.spec.clone(), version: view.version };
        let entry = self.0.cache.entry(key).or_try_insert_with(self.fetch(view)).await?;
        let hit = !entry.is_fresh();
        metrics::counter!("planet_cache_total", "outcome" => if hit { "hit" } else { "miss" })
            .increment(1);
        Ok(Text { drawn: entry.into_value(), hit })
    }

    async fn fetch(&self, view: &View) -> Result<Arc<Drawn>, ServeError> {
        if let Some(render) = &view.stored {
            let started = Instant::now();
            match self.store().get(&render.blob).await? {
                Some(bytes) => {
                    let text = String::from_utf8(bytes.into()).doing("read a stored render")?;
                    let stages = vec![("store", started.elapsed())];
                    return Ok(Arc::new(Drawn { text, stages }));
                }
                None => self.explain_missing(view, render).await?,
            }
        }
        let patience = Some(self.config().render_wait);
        let (grids, stages) = self.draw(&view.image, vec![view.spec.clone()], patience).await?;
        let text = grids.first().map(asciify::write::ansi).unwrap_or_default();
        Ok(Arc::new(Drawn { text, stages }))
    }

    /// A stored render has no blob: because its image was deleted this very moment, or because the
    /// store lost it. Then it can be drawn again as long as its engine is ours.
    async fn explain_missing(&self, view: &View, render: &Render) -> Result<(), ServeError> {
        if self.catalog().image(view.image.id).await?.is_none() {
            return Err(ServeError::NoImage);
        }
        tracing::error!(blob = render.blob, "a stored render is missing in the store");
        metrics::counter!("planet_missing_blobs_total", "kind" => "render").increment(1);
        match render.engine == self.config().engine {
            true => Ok(()),
            false => Err(Fault::new("read a stored render", "it is missing in the store").into()),
        }
    }
}
