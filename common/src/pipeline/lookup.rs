//! Looks up an image and its renders: in memory if they are known, otherwise by one query.

use std::{sync::Arc, time::Instant};

use futures_util::future::BoxFuture;

use super::{
    Pipeline,
    known::{Known, KnownImages},
};
use crate::{
    account::{audit::audit_read, principal::Principal},
    catalog::Renders,
    fault::Fault,
    image::{Image, ImageId},
    render::{Render, spec_hash},
};

impl Pipeline {
    /// A stored image; `None` when no such image is stored, or `reader` may not read it. It takes one
    /// query, or none.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn image<'a>(
        &'a self,
        id: ImageId,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<Image>, Fault>> {
        Box::pin(async move {
            let image = match self.known() {
                Some(known) => {
                    self.known_image(known, id, reader).await?.map(|it| it.image.clone())
                }
                None => self.catalog().readable_image(id, reader).await?,
            };
            Ok(image.inspect(|image| audit_read(reader, image)))
        })
    }

    /// A stored image, and its stored render of `spec`, of engine `version` or else of the newest;
    /// `None` when no such image is stored, or `reader` may not read it. It takes one query, or
    /// none.
    pub(super) async fn image_and_render(
        &self,
        id: ImageId,
        canonical_spec: &str,
        version: Option<u32>,
        reader: &Principal,
    ) -> Result<Option<(Image, Option<Render>)>, Fault> {
        let found = self.find_image_and_render(id, canonical_spec, version, reader).await?;
        Ok(found.inspect(|(image, _)| audit_read(reader, image)))
    }

    async fn find_image_and_render(
        &self,
        id: ImageId,
        canonical_spec: &str,
        version: Option<u32>,
        reader: &Principal,
    ) -> Result<Option<(Image, Option<Render>)>, Fault> {
        let Some(known) = self.known() else {
            let which = Renders::Newest { spec_hash: &spec_hash(canonical_spec), engine: version };
            let found = self.catalog().image_with_renders(id, which, reader).await?;
            return Ok(found.map(|(image, renders)| (image, renders.into_iter().next())));
        };
        let Some(found) = self.known_image(known, id, reader).await? else { return Ok(None) };
        let is_meant = |render: &&Render| {
            render.spec == canonical_spec && version.is_none_or(|version| version == render.engine)
        };
        Ok(Some((found.image.clone(), found.renders.iter().find(is_meant).cloned())))
    }

    async fn known_image(
        &self,
        known: &KnownImages,
        id: ImageId,
        reader: &Principal,
    ) -> Result<Option<Arc<Known>>, Fault> {
        let is_fresh = |kept: &Arc<Known>| {
            *reader == Principal::Open
                || kept.read_at.elapsed() < self.config().accounts.rights_kept
        };
        let found = match known.get(id).filter(is_fresh) {
            Some(kept) => Some(kept),
            None => {
                let (count, read_at) = (known.count(), Instant::now());
                // with every right, so that it is kept for all readers
                let read = self.catalog().image_with_renders(id, Renders::All, &Principal::Open);
                read.await?.map(|(image, renders)| {
                    let read = Arc::new(Known { read_at, image, renders });
                    known.keep(&read, count);
                    read
                })
            }
        };
        Ok(found.filter(|found| reader.may_read(&found.image)))
    }
}
