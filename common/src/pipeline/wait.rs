//! Waits for renders: follows one image until they are ready, or failed.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Pipeline, Shown};
use crate::{
    fault::Fault,
    image::{ImageId, Status},
};

impl Pipeline {
    /// How the image stands once its renders are ready or failed, or after `patience`. `None` when no such image
    /// is stored, or no longer.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn wait_for(&self, id: ImageId, patience: Duration) -> Result<Option<Shown>, Fault> {
        if patience.is_zero() {
            return self.show(id).await;
        }
        let deadline = Instant::now() + patience;
        let Some(mut follower) = self.follow_one(id, None).await? else { return Ok(None) };
        // the first news is how it stands now
        let mut told = follower.next().await?;
        while told.shown.as_ref().is_some_and(|shown| shown.status == Status::Pending) {
            match timeout_at(deadline, follower.next()).await {
                Ok(next) => told = next?,
                Err(_) => break,
            }
        }
        Ok(told.shown.clone())
    }
}
