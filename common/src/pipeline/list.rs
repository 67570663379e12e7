//! Lists images, each with the status of its renders.

use super::{Pipeline, summary::ImageSummary};
use crate::{
    account::{audit::audit_read, principal::Principal},
    catalog::{Cursor, Page, Renders, Snapshot},
    fault::Fault,
    image::{Image, ImageId},
    job::{Job, status},
    render::Render,
};
use futures_util::future::BoxFuture;

/// A page of the list of images.
pub struct Listing {
    /// The images, in the order of the list whatever the direction of the page.
    pub images: Vec<ImageSummary>,
    /// Where the list goes on, in the direction of the page; `None` if this is its end.
    pub next: Option<Cursor>,
}

/// A number of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How many there are.
    pub images: u64,
    /// Whether there are no more.
    pub is_exact: bool,
}

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

    /// A page of the images that `reader` may read, in the order of the list. A search by name
    /// compares the names of the next [`max_searched_images`](super::Config::max_searched_images)
    /// images only.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn list<'a>(
        &'a self,
        page: Page,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Listing, Fault>> {
        Box::pin(async move {
            let page = self.searched(page, reader).await?;
            let limit = page.limit as usize;
            let more = Page { limit: page.limit + 1, ..page.clone() };
            let mut images = self.catalog().images_with_jobs(&more, reader).await?;
            let is_full = images.len() > limit;
            images.truncate(limit);
            let last = images.last().filter(|_| is_full);
            let next = last.map(|(image, _)| Cursor::of(image, page.sort)).or(page.until);
            if page.is_backward {
                images.reverse();
            }
            Ok(Listing { images: images.into_iter().map(summarize).collect(), next })
        })
    }

    /// How many images a list of `reader` has, whatever its page: up to
    /// [`max_searched_images`](super::Config::max_searched_images), and among as many of the first
    /// images of its order if it is a search by name.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn count<'a>(
        &'a self,
        page: Page,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Count, Fault>> {
        Box::pin(async move {
            let max = self.config().max_searched_images;
            let Page { owner, sha256, words, sort, .. } = page;
            let all = Page { owner, sha256, words, sort, limit: max + 1, ..Page::default() };
            let all = self.searched(all, reader).await?;
            let images = self.catalog().count_images(&all, reader).await?;
            Ok(Count { images: images.min(max), is_exact: images <= max && all.until.is_none() })
        })
    }

    /// The page, with the place up to which it is searched.
    async fn searched(&self, mut page: Page, reader: &Principal) -> Result<Page, Fault> {
        if !page.words.is_empty() {
            let max = self.config().max_searched_images;
            page.until = self.catalog().place_after(&page, max, reader).await?;
        }
        Ok(page)
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
