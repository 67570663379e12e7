//! How many sign-ins a client may begin: each makes a row, and requests to a provider follow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;
use moka::sync::Cache;

/// The period in which sign-ins are counted.
const PERIOD: Duration = Duration::from_secs(60);
/// The most addresses that are counted at the same time.
const MAX_CLIENTS: u64 = 100_000;

/// Counts sign-ins by client address.
pub(crate) struct Rates {
    counts: Cache<IpNet, Arc<AtomicU32>>,
    max: u32,
}

impl Rates {
    /// At most `max` sign-ins per client and minute.
    pub fn new(max: u32) -> Self {
        let counts = Cache::builder().max_capacity(MAX_CLIENTS).time_to_live(PERIOD).build();
        Rates { counts, max }
    }

    /// Counts a sign-in of `client`. Returns whether it may begin.
    pub fn admit(&self, client: IpNet) -> bool {
        self.counts.get_with(client, Arc::default).fetch_add(1, Ordering::Relaxed) < self.max
    }
}
