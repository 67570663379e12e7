//! What was read of the credentials of requests, kept for `RIGHTS_KEPT_S`.

use std::{sync::Arc, time::Duration};

use common::account::{principal::Principal, user::User};
use moka::sync::Cache;

/// Credentials that are kept at the same time.
const MAX_KEPT: u64 = 10_000;

/// Who makes a request.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    pub principal: Principal,
    /// `None` for anyone else than a user.
    pub user: Option<Arc<User>>,
}

/// What was read of credentials a moment ago, by their hashes.
pub(crate) struct Credentials(Cache<String, Asker>);

impl Credentials {
    /// Keeps what was read for `rights_kept`.
    pub fn new(rights_kept: Duration) -> Self {
        let capacity = if rights_kept.is_zero() { 0 } else { MAX_KEPT };
        Credentials(Cache::builder().max_capacity(capacity).time_to_live(rights_kept).build())
    }

    /// Who was read with the credentials of that hash.
    pub fn get(&self, hash: &str) -> Option<Asker> {
        self.0.get(hash)
    }

    /// Keeps who was read.
    pub fn keep(&self, hash: String, asker: Asker) {
        self.0.insert(hash, asker);
    }

    /// Forgets everything: rights were changed by this process.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }
}
