//! Images: look up, list and remove them, with their jobs and renders.

use sea_orm::{
    EntityTrait, QueryFilter, QueryOrder, QuerySelect, entity::prelude::*, sea_query::LockType,
};

use super::{
    Bounded, Catalog,
    entity::{images, jobs, renders},
    location,
};
use crate::{
    fault::Fault,
    image::{Image, ImageId, Layout, Metadata, Millis},
    job::{Job, JobError, JobId, JobState},
    render::Render,
};

/// Which images to list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Only images older than this one.
    pub before: Option<ImageId>,
    /// Only images newer than this one: those nearest to it, oldest first.
    pub after: Option<ImageId>,
    /// Only images with this SHA-256, lower-case hex.
    pub sha256: Option<String>,
    /// At most this many.
    pub limit: u64,
}

impl Catalog {
    /// One stored image; `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>, Fault> {
        let row = images::Entity::find_by_id(id.0)
            .filter(images::Column::State.eq(images::State::Stored))
            .one(&self.db)
            .bounded("look up an image")
            .await?;
        Ok(row.map(Image::from))
    }

    /// A page of stored images, newest first; oldest first if the page is after an image.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images(&self, page: &Page) -> Result<Vec<Image>, Fault> {
        let mut query =
            images::Entity::find().filter(images::Column::State.eq(images::State::Stored));
        if let Some(id) = page.before {
            query = query.filter(images::Column::Id.lt(id.0));
        }
        if let Some(sha256) = &page.sha256 {
            query = query.filter(images::Column::Sha256.eq(sha256));
        }
        let query = match page.after {
            Some(id) => query.filter(images::Column::Id.gt(id.0)).order_by_asc(images::Column::Id),
            None => query.order_by_desc(images::Column::Id),
        };
        let rows = query.limit(page.limit).all(&self.db).bounded("list images").await?;
        Ok(rows.into_iter().map(Image::from).collect())
    }

    /// The jobs of those images, newest engine version first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn jobs_of(&self, ids: &[ImageId]) -> Result<Vec<Job>, Fault> {
        let rows = jobs::Entity::find()
            .filter(jobs::Column::ImageId.is_in(ids.iter().map(|id| id.0)))
            .order_by_desc(jobs::Column::Engine)
            .all(&self.db)
            .bounded("look up jobs")
            .await?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// Every stored render of an image, newest engine version first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn renders(&self, image: ImageId) -> Result<Vec<Render>, Fault> {
        let rows = renders::Entity::find()
            .filter(renders::Column::ImageId.eq(image.0))
            .order_by_desc(renders::Column::Engine)
            .order_by_asc(renders::Column::CreatedAt)
            .order_by_asc(renders::Column::Spec)
            .all(&self.db)
            .bounded("list renders")
            .await?;
        Ok(rows.into_iter().map(Render::from).collect())
    }

    /// The stored render of a spec, of `engine` or else of the newest engine version.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn render(
        &self,
        image: ImageId,
        spec_hash: &str,
        engine: Option<u32>,
    ) -> Result<Option<Render>, Fault> {
        let mut query = renders::Entity::find()
            .filter(renders::Column::ImageId.eq(image.0))
            .filter(renders::Column::SpecHash.eq(spec_hash));
        if let Some(engine) = engine {
            query = query.filter(renders::Column::Engine.eq(i64::from(engine)));
        }
        let row = query
            .order_by_desc(renders::Column::Engine)
            .one(&self.db)
            .bounded("look up a render")
            .await?;
        Ok(row.map(Render::from))
    }

    /// Removes an image with its jobs and renders, marks its blobs, and returns their keys.
    /// `original` makes the original's key from its attempt. `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is unavailable; the image may be removed nevertheless.
    pub async fn remove_image(
        &self,
        id: ImageId,
        original: impl Fn(i32) -> String,
    ) -> Result<Option<Vec<String>>, Fault> {
        let remove = async {
            let txn = self.begin().await?;
            // keeps a worker from adding renders between this query and the deletion
            let row = images::Entity::find_by_id(id.0)
                .filter(images::Column::State.eq(images::State::Stored))
                .lock(LockType::Update)
                .one(&txn)
                .await?;
            let Some(row) = row else {
                txn.rollback().await?;
                return Ok(None);
            };
            let blobs = self.mark_image(&txn, id, &original(row.attempt)).await?;
            images::Entity::delete_by_id(id.0).exec(&txn).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(Some(blobs))
        };
        remove.bounded("remove an image").await
    }
}

impl From<images::Model> for Image {
    fn from(row: images::Model) -> Self {
        Image {
            id: ImageId(row.id),
            attempt: row.attempt,
            metadata: Metadata {
                name: row.name,
                media_type: row.media_type,
                bytes: row.bytes as u64,
                width: row.width as u32,
                height: row.height as u32,
                frames: row.frames as u32,
                layout: match (row.bands, row.bit_depth, row.orientation) {
                    (Some(bands), Some(bit_depth), Some(orientation)) => Some(Layout {
                        bands: bands as u32,
                        bit_depth: bit_depth as u32,
                        orientation: orientation as u8,
                    }),
                    _ => None,
                },
                sha256: row.sha256,
            },
            created_at: Millis(row.created_at),
            stored_at: Millis(row.stored_at.unwrap_or(row.created_at)),
        }
    }
}

impl From<jobs::Model> for Job {
    fn from(row: jobs::Model) -> Self {
        Job {
            id: JobId(row.id),
            image: ImageId(row.image_id),
            engine: row.engine as u32,
            state: match row.state {
                jobs::State::Pending => JobState::Pending,
                jobs::State::Done => JobState::Done,
                jobs::State::Dead => JobState::Dead,
            },
            attempts: row.attempt,
            error: row.error.map(JobError::from),
            done_at: row.done_at.map(Millis),
        }
    }
}

impl From<renders::Model> for Render {
    fn from(row: renders::Model) -> Self {
        let (blob, offset) = location::parse(&row.blob);
        Render {
            spec: row.spec,
            engine: row.engine as u32,
            blob: blob.to_owned(),
            offset,
            sha256: row.sha256,
            bytes: row.bytes as u64,
            columns: row.columns as u32,
            rows: row.rows as u32,
            created_at: Millis(row.created_at),
        }
    }
}
