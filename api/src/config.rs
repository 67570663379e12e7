//! What the HTTP door can be told.

use std::{net::SocketAddr, time::Duration};

use common::env::Env;

/// The settings of the HTTP door.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BIND`.
    pub bind: SocketAddr,
    /// `MAX_UPLOADS`: uploads at the same time.
    pub max_uploads: usize,
    /// `UPLOAD_IDLE_S`: how long a client may pause while it sends.
    pub upload_idle: Duration,
    /// `DRAIN_S`: how long running requests may take after a stop.
    pub drain: Duration,
}

impl Config {
    /// Reads the door's settings.
    pub fn read(env: &mut Env) -> Self {
        Config {
            bind: env.parsed(
                "BIND",
                "127.0.0.1:8080",
                "an address and a port, such as 127.0.0.1:8080",
                "address at which the service listens",
                |text| text.parse().ok(),
            ),
            max_uploads: env.number("MAX_UPLOADS", 64, 1..=100_000, "uploads at the same time")
                as usize,
            upload_idle: env.period(
                "UPLOAD_IDLE_S",
                "30",
                "how long a client may pause while it sends an upload, in seconds",
            ),
            drain: env.seconds(
                "DRAIN_S",
                "25",
                "how long running work may take after a stop was asked for, in seconds",
            ),
        }
    }
}
