//! Waits until the renders of an image are ready or have failed.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::{Pipeline, event::Event, summary::ImageSummary};
use crate::{
    account::principal::Principal,
    fault::Fault,
    image::{ImageId, Status},
};

impl Pipeline {
    /// The image once its status is not [`Status::Pending`], or after `max_wait`. `None` when no
    /// such image is stored, `reader` may not read it, or it was deleted meanwhile.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn wait_for<'a>(
        &'a self,
        id: ImageId,
        max_wait: Duration,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<ImageSummary>, Fault>> {
        Box::pin(async move {
            if max_wait.is_zero() {
                return self.summary(id, reader).await;
            }
            let deadline = Instant::now() + max_wait;
            let Some(mut events) = self.subscribe_to(id, None, reader).await? else {
                return Ok(None);
            };
            // the first event is how it is now
            let mut event = events.recv().await?;
            let pending = |event: &Event| match event {
                Event::Image(summary) => summary.status == Status::Pending,
                Event::Deleted(_) | Event::Reset => false,
            };
            while pending(&event) {
                match timeout_at(deadline, events.recv()).await {
                    Ok(next) => event = next?,
                    Err(_) => break,
                }
            }
            Ok(match event {
                Event::Image(summary) => Some(summary),
                Event::Deleted(_) | Event::Reset => None,
            })
        })
    }
}
