//! Lists images, each with the status of its renders.

use super::{Pipeline, summary::ImageSummary};
use crate::{
    account::{audit::audit_read, principal::Principal},
    catalog::{Page, Renders, Snapshot},
    fault::Fault,
    image::{Image, ImageId},
    job::{Job, status},
    render::Render,
};
use futures_util::future::BoxFuture;

/// What is stored of an image's renders.
pub struct StoredRenders {
    /// The image.
    pub summary: ImageSummary,
    /// Newest engine version first.
    pub renders: Vec<Render>,
    /// The newest job of the image.
    pub job: Option<Job>,
}

impl Pipeline {
    /// One image; `None` when no such image is stored, or `reader` may not read it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn summary<'a>(
        &'a self,
        id: ImageId,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<ImageSummary>, Fault>> {
        Box::pin(async move {
            let found = self.catalog().image_with_jobs(id, reader).await?.map(summarize);
            Ok(found.inspect(|summary| audit_read(reader, &summary.image)))
        })
    }

    /// A page of the images that `reader` may read, newest first, and whether there are more: newer ones if the page is after
    /// an image, otherwise older ones.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn list<'a>(
        &'a self,
        mut page: Page,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<(Vec<ImageSummary>, bool), Fault>> {
        Box::pin(async move {
            let limit = page.limit as usize;
            page.limit += 1;
            let mut images = self.catalog().images_with_jobs(&page, reader).await?;
            let more = images.len() > limit;
            images.truncate(limit);
            if page.after.is_some() {
                images.reverse();
            }
            Ok((images.into_iter().map(summarize).collect(), more))
        })
    }

    /// Which changes are committed now. As long as that is the same, so are the lists of images.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn snapshot(&self) -> BoxFuture<'_, Result<Snapshot, Fault>> {
        Box::pin(async move { self.catalog().snapshot().await })
    }

    /// Those of the images that are stored, in no particular order.
    pub(super) async fn summaries(&self, ids: &[ImageId]) -> Result<Vec<ImageSummary>, Fault> {
        match ids {
            [] => Ok(Vec::new()),
            ids => Ok(self.catalog().images_of(ids).await?.into_iter().map(summarize).collect()),
        }
    }

    /// An image with every stored render, newest engine version first, and its newest job; `None`
    /// when no such image is stored, or `reader` may not read it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn renders<'a>(
        &'a self,
        id: ImageId,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<StoredRenders>, Fault>> {
        Box::pin(async move {
            let found = self.catalog().image_with_renders(id, Renders::All, reader).await?;
            let Some((image, renders)) = found else { return Ok(None) };
            audit_read(reader, &image);
            let jobs = self.catalog().jobs_of(&[id]).await?;
            let summary = ImageSummary { image, status: status(&jobs) };
            Ok(Some(StoredRenders { summary, renders, job: jobs.into_iter().next() }))
        })
    }
}

fn summarize((image, jobs): (Image, Vec<Job>)) -> ImageSummary {
    ImageSummary { status: status(&jobs), image }
}
