//! Shows images with how far their renders are.

use super::Pipeline;
use crate::{
    catalog::Page,
    fault::Fault,
    image::{Image, ImageId, Status},
    job::{Job, status},
    render::Render,
};

/// An image and where it stands.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The image.
    pub image: Image,
    /// Of its renders.
    pub status: Status,
}

impl Shown {
    /// An image that was stored this moment.
    pub fn fresh(image: Image) -> Self {
        Shown { image, status: Status::Pending }
    }
}

impl Pipeline {
    /// `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn show(&self, id: ImageId) -> Result<Option<Shown>, Fault> {
        let Some(image) = self.catalog().image(id).await? else { return Ok(None) };
        let status = status(&self.catalog().jobs_of(&[id]).await?);
        Ok(Some(Shown { image, status }))
    }

    /// Images, newest first, and whether there are more.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn list(&self, mut page: Page) -> Result<(Vec<Shown>, bool), Fault> {
        let limit = page.limit as usize;
        page.limit += 1;
        let mut images = self.catalog().images(&page).await?;
        let more = images.len() > limit;
        images.truncate(limit);
        Ok((self.with_status(images).await?, more))
    }

    /// Those of the images that are stored, in no order.
    pub(super) async fn shown(&self, ids: &[ImageId]) -> Result<Vec<Shown>, Fault> {
        match ids {
            [] => Ok(Vec::new()),
            ids => self.with_status(self.catalog().images_of(ids).await?).await,
        }
    }

    async fn with_status(&self, images: Vec<Image>) -> Result<Vec<Shown>, Fault> {
        let ids: Vec<ImageId> = images.iter().map(|image| image.id).collect();
        let jobs = self.catalog().jobs_of(&ids).await?;
        let shown = images.into_iter().map(|image| {
            let own: Vec<Job> = jobs.iter().filter(|job| job.image == image.id).cloned().collect();
            Shown { status: status(&own), image }
        });
        Ok(shown.collect())
    }

    /// Every stored render of an image and its newest job; `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn renders(&self, id: ImageId) -> Result<Option<(Vec<Render>, Option<Job>)>, Fault> {
        if self.catalog().image(id).await?.is_none() {
            return Ok(None);
        }
        let renders = self.catalog().renders(id).await?;
        let job = self.catalog().jobs_of(&[id]).await?.into_iter().next();
        Ok(Some((renders, job)))
    }
}
