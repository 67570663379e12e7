//! Test support: servers, processes, fault injection, and clients.

pub(crate) mod accounts;
pub(crate) mod bombs;
pub(crate) mod broker;
pub(crate) mod bucket;
pub(crate) mod collector;
pub(crate) mod crowd;
pub(crate) mod database;
pub(crate) mod embedded;
pub(crate) mod events;
pub(crate) mod hostile;
pub(crate) mod invariants;
pub(crate) mod link;
pub(crate) mod pictures;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod reader;
pub(crate) mod s3_server;
pub(crate) mod servers;
pub(crate) mod site;
pub(crate) mod sync_counter;
pub(crate) mod test_client;
