//! Lists images, each with the status of its renders.

use super::{Pipeline, summary::ImageSummary};
use crate::{
    catalog::Page,
    fault::Fault,
    image::{Image, ImageId},
    job::{Job, status},
    render::Render,
};
use futures_util::future::BoxFuture;

/// What is stored of an image's renders.
pub struct StoredRenders {
    /// Newest engine version first.
    pub renders: Vec<Render>,
    /// The newest job of the image.
    pub job: Option<Job>,
}

impl Pipeline {
    /// One image; `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn summary(&self, id: ImageId) -> BoxFuture<'_, Result<Option<ImageSummary>, Fault>> {
        Box::pin(async move {
            let Some(image) = self.catalog().image(id).await? else { return Ok(None) };
            let status = status(&self.catalog().jobs_of(&[id]).await?);
            Ok(Some(ImageSummary { image, status }))
        })
    }

    /// A page of images, newest first, and whether there are more: newer ones if the page is after
    /// an image, otherwise older ones.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn list(&self, mut page: Page) -> BoxFuture<'_, Result<(Vec<ImageSummary>, bool), Fault>> {
        Box::pin(async move {
            let limit = page.limit as usize;
            page.limit += 1;
            let mut images = self.catalog().images(&page).await?;
            let more = images.len() > limit;
            images.truncate(limit);
            if page.after.is_some() {
                images.reverse();
            }
            Ok((self.with_status(images).await?, more))
        })
    }

    /// Those of the images that are stored, in no particular order.
    pub(super) async fn summaries(&self, ids: &[ImageId]) -> Result<Vec<ImageSummary>, Fault> {
        match ids {
            [] => Ok(Vec::new()),
            ids => self.with_status(self.catalog().images_of(ids).await?).await,
        }
    }

    async fn with_status(&self, images: Vec<Image>) -> Result<Vec<ImageSummary>, Fault> {
        let ids: Vec<ImageId> = images.iter().map(|image| image.id).collect();
        let jobs = self.catalog().jobs_of(&ids).await?;
        let summaries = images.into_iter().map(|image| {
            let own: Vec<Job> = jobs.iter().filter(|job| job.image == image.id).cloned().collect();
            ImageSummary { status: status(&own), image }
        });
        Ok(summaries.collect())
    }

    /// Every stored render of an image, newest engine version first, and its newest job; `None`
    /// when no such image is stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn renders(&self, id: ImageId) -> BoxFuture<'_, Result<Option<StoredRenders>, Fault>> {
        Box::pin(async move {
            if self.catalog().image(id).await?.is_none() {
                return Ok(None);
            }
            let renders = self.catalog().renders(id).await?;
            let job = self.catalog().jobs_of(&[id]).await?.into_iter().next();
            Ok(Some(StoredRenders { renders, job }))
        })
    }
}
