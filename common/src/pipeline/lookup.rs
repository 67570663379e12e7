//! Looks up an image and its renders: in memory if they are known, otherwise by one query.

use std::sync::Arc;

use asciify::Spec;
use futures_util::future::BoxFuture;

use super::{
    Pipeline,
    known::{Known, KnownImages},
};
use crate::{
    catalog::Renders,
    fault::Fault,
    image::{Image, ImageId},
    render::{Render, spec_hash},
};

impl Pipeline {
    /// A stored image; `None` when no such image is stored. It takes one query, or none.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn image(&self, id: ImageId) -> BoxFuture<'_, Result<Option<Image>, Fault>> {
        Box::pin(async move {
            match self.known() {
                Some(known) => Ok(self.known_image(known, id).await?.map(|it| it.image.clone())),
                None => self.catalog().image(id).await,
            }
        })
    }

    /// A stored image, and its stored render of `spec`, of engine `version` or else of the newest;
    /// `None` when no such image is stored. It takes one query, or none.
    pub(super) async fn image_and_render(
        &self,
        id: ImageId,
        spec: &Spec,
        version: Option<u32>,
    ) -> Result<Option<(Image, Option<Render>)>, Fault> {
        let Some(known) = self.known() else {
            let which = Renders::Newest { spec_hash: &spec_hash(spec), engine: version };
            let found = self.catalog().image_with_renders(id, which).await?;
            return Ok(found.map(|(image, renders)| (image, renders.into_iter().next())));
        };
        let Some(found) = self.known_image(known, id).await? else { return Ok(None) };
        let spec = spec.to_string();
        let is_meant = |render: &&Render| {
            render.spec == spec && version.is_none_or(|version| version == render.engine)
        };
        Ok(Some((found.image.clone(), found.renders.iter().find(is_meant).cloned())))
    }

    async fn known_image(
        &self,
        known: &KnownImages,
        id: ImageId,
    ) -> Result<Option<Arc<Known>>, Fault> {
        if let Some(kept) = known.get(id) {
            return Ok(Some(kept));
        }
        let count = known.count();
        let found = self.catalog().image_with_renders(id, Renders::All).await?;
        Ok(found.map(|(image, renders)| {
            let read = Arc::new(Known { image, renders });
            known.keep(&read, count);
            read
        }))
    }
}
