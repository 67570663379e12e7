//! What the HTTP door can be told.

use std::{net::SocketAddr, time::Duration};

use common::{env::Env, program::drain_limit};

use crate::{hosts::Hosts, incoming::Pace};

/// The settings of the HTTP door.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BIND`.
    pub bind: SocketAddr,
    /// `ALLOWED_HOSTS`: names of this service.
    pub(crate) allowed_hosts: Hosts,
    /// `MAX_CONNECTIONS`: clients at the same time; more are told to come again.
    pub max_connections: usize,
    /// `MAX_EVENT_STREAMS`: clients that follow events at the same time.
    pub max_event_streams: usize,
    /// `HEADER_TIMEOUT_S`: how long a connection may take to send a request's head.
    pub header_timeout: Duration,
    /// `ANSWER_IDLE_S`: how long a client may pause while it reads an answer.
    pub answer_idle: Duration,
    /// `ANSWER_MEMORY_MIB`: texts on their way at the same time.
    pub answer_memory_mib: u32,
    /// `MAX_UPLOADS`: uploads at the same time.
    pub max_uploads: usize,
    /// `UPLOAD_IDLE_S` and `UPLOAD_MIN_RATE`: how fast a client has to send.
    pub(crate) upload_pace: Pace,
    /// `DRAIN_S`: how long running requests may take after a stop.
    pub drain: Duration,
}

impl Config {
    /// Reads the door's settings.
    pub fn read(env: &mut Env) -> Self {
        let bind = env.parsed(
            "BIND",
            "127.0.0.1:8080",
            "an address and a port, such as 127.0.0.1:8080",
            "address at which the service listens",
            |text| text.parse().ok(),
        );
        Config {
            bind,
            allowed_hosts: env.parsed(
                "ALLOWED_HOSTS",
                "",
                "names with commas between, such as planet.example.org, or * for every name",
                "names under which clients may ask, beside numeric addresses and names without a \
                 dot; when empty: none if BIND is this machine only, else every name",
                |text| Hosts::parse(text, bind),
            ),
            max_connections: env.number(
                "MAX_CONNECTIONS",
                512,
                1..=100_000,
                "connections at the same time; more get 503. Each takes a file descriptor, with an \
                 upload two",
            ) as usize,
            max_event_streams: env.number(
                "MAX_EVENT_STREAMS",
                256,
                0..=100_000,
                "clients that follow events at the same time; each takes one of the connections",
            ) as usize,
            header_timeout: env.period(
                "HEADER_TIMEOUT_S",
                "30",
                "how long a connection may take to send the next request's head, in seconds",
            ),
            answer_idle: env.period(
                "ANSWER_IDLE_S",
                "60",
                "how long a client may pause while it reads an answer, in seconds",
            ),
            answer_memory_mib: env.number(
                "ANSWER_MEMORY_MIB",
                512,
                1..=1 << 20,
                "texts on their way to readers at the same time, in MiB; more get 503",
            ) as u32,
            max_uploads: env.number("MAX_UPLOADS", 64, 1..=100_000, "uploads at the same time")
                as usize,
            upload_pace: Pace {
                idle: env.period(
                    "UPLOAD_IDLE_S",
                    "30",
                    "how long a client may pause while it sends an upload, in seconds",
                ),
                min_rate: env.number(
                    "UPLOAD_MIN_RATE",
                    8192,
                    0..=u64::MAX,
                    "bytes a second that an uploading client must reach on average, after the first \
                     pause; 0 is any",
                ),
            },
            drain: drain_limit(env),
        }
    }
}
