//! The settings of the HTTP API.

use std::{net::SocketAddr, time::Duration};

use common::{env::Env, fault::Fault, pipeline::Pipeline, program::drain_limit};

use crate::{
    client_address::TrustedProxies,
    hosts::Hosts,
    request_body::BodyMinRate,
    sign_in::{self, Switch},
    upload_slots::SlotLimits,
};

/// The settings of the HTTP API. Each field names its environment variable.
#[derive(Debug, Clone)]
pub struct Config {
    /// `BIND`: the listening address.
    pub bind: SocketAddr,
    /// `ALLOWED_HOSTS`: host names of this service.
    pub(crate) allowed_hosts: Hosts,
    /// `MAX_CONNECTIONS`: connections at the same time; further ones get 503.
    pub max_connections: usize,
    /// `MAX_EVENT_STREAMS`: streams of events and of frames at the same time; further ones get 503.
    pub max_event_streams: usize,
    /// `HEADER_TIMEOUT_S`: how long a client may take to send the head of a request.
    pub header_timeout: Duration,
    /// `HALF_CLOSE_GRACE_S`: how long a client that has closed its side may wait for more of a
    /// response.
    pub half_close_grace: Duration,
    /// `ANSWER_IDLE_S` and `ANSWER_MIN_RATE`: how fast a client has to read a response.
    pub(crate) answer_min_rate: BodyMinRate,
    /// `ANSWER_MEMORY_MIB`: memory for responses that are being sent, in MiB; beyond it, 503.
    pub answer_memory_mib: u32,
    /// `THUMBNAIL_CACHE_BYTES`: size of the cache of thumbnails, in bytes.
    pub thumbnail_cache_bytes: u64,
    /// `TRUSTED_PROXIES`: proxies whose `X-Forwarded-For` names the client.
    pub(crate) trusted_proxies: TrustedProxies,
    /// `MAX_UPLOADS`, `MAX_UPLOADS_PER_CLIENT` and `UPLOAD_BUSY_RATE`: uploads at the same time.
    pub(crate) upload_slots: SlotLimits,
    /// `UPLOAD_IDLE_S` and `UPLOAD_MIN_RATE`: how fast a client has to send an upload.
    pub(crate) upload_min_rate: BodyMinRate,
    /// `UPLOAD_SETTLE_S`: the pause in a resumable upload after which what has come of it is stored.
    pub(crate) upload_settle: Duration,
    /// `READY_GRACE_S`: how long a dependency may be away before the process is not ready.
    pub(crate) ready_grace: Duration,
    /// `METRICS_INTERVAL_S`: the least time between two queries for metrics.
    pub(crate) metrics_interval: Duration,
    /// `SHUTDOWN_NOTICE_S`: how long requests are still accepted after `/readyz` fails at shutdown.
    pub shutdown_notice: Duration,
    /// Identity providers, and who may sign in; `None`: the service has no accounts.
    pub(crate) accounts: Option<sign_in::Config>,
    /// `ACCOUNTS`: whether it may have none though there are users.
    accounts_switch: Switch,
    /// `DRAIN_S`: how long running requests may take at shutdown.
    pub drain: Duration,
}

impl Config {
    /// Checks that the service may run as these settings say: a provider that is missing by mistake
    /// must not publish the images of users. A start without accounts on an address that others can
    /// reach is warned of.
    ///
    /// # Errors
    /// There are users, no provider is set, and `ACCOUNTS` is not `off`; or the database is
    /// unavailable.
    pub async fn check_accounts(&self, pipeline: &Pipeline) -> Result<(), Fault> {
        if self.accounts.is_some() {
            return Ok(());
        }
        if self.accounts_switch == Switch::Auto && pipeline.catalog().has_users().await? {
            let why = "it has users, and no provider is set with which they sign in: set \
                       OIDC_ISSUER or GITHUB_CLIENT_ID as before; or set ACCOUNTS=off, and everyone \
                       can see and delete all images";
            return Err(Fault::new("open the service to everyone", why));
        }
        if !self.bind.ip().is_loopback() {
            tracing::warn!(
                "the service has no accounts: everyone who reaches {} may see and delete all images",
                self.bind
            );
        }
        Ok(())
    }

    /// Reads the settings; `env` collects the errors.
    pub fn read(env: &mut Env) -> Self {
        let bind = env.parsed(
            "BIND",
            "127.0.0.1:8080",
            "an address and a port, such as 127.0.0.1:8080",
            "address on which the service listens",
            |text| text.parse().ok(),
        );
        let allowed_hosts = env.parsed(
            "ALLOWED_HOSTS",
            "",
            "comma-separated names, such as planet.example.org, or * for every name",
            "host names of this service; IP addresses and names without a dot are always \
                 allowed. Empty: no other name if BIND is a loopback address, otherwise every name",
            |text| Hosts::parse(text, bind),
        );
        let (accounts, accounts_switch) = sign_in::Config::read(env);
        let public_host = accounts.as_ref().and_then(sign_in::Config::public_host);
        Config {
            bind,
            allowed_hosts: match public_host {
                Some(host) => allowed_hosts.and(&host),
                None => allowed_hosts,
            },
            max_connections: env.number(
                "MAX_CONNECTIONS",
                512,
                1..=100_000,
                "connections at the same time; further ones get 503. Each uses one file \
                 descriptor, an upload two",
            ) as usize,
            max_event_streams: env.number(
                "MAX_EVENT_STREAMS",
                256,
                0..=100_000,
                "streams of events and of frames at the same time; each uses one of the connections",
            ) as usize,
            header_timeout: env.period(
                "HEADER_TIMEOUT_S",
                "30",
                "how long a client may take to send the head of the next request, in seconds",
            ),
            half_close_grace: env.period(
                "HALF_CLOSE_GRACE_S",
                "2",
                "how long a client that has closed its side of the connection may wait for more of \
                 a response, in seconds; after that, it counts as disconnected",
            ),
            answer_min_rate: BodyMinRate {
                idle_timeout: env.period(
                    "ANSWER_IDLE_S",
                    "60",
                    "how long a client may pause while it reads a response, in seconds",
                ),
                bytes_per_s: env.number(
                    "ANSWER_MIN_RATE",
                    32_768,
                    0..=u64::MAX,
                    "average rate at which a client must read a response that is held in memory, \
                     after the first ANSWER_IDLE_S, in bytes a second; 0 is no minimum",
                ),
            },
            answer_memory_mib: env.number(
                "ANSWER_MEMORY_MIB",
                512,
                1..=1 << 20,
                "memory for responses that are written or sent, in MiB; beyond it, requests get 503. Half \
                 of it is only for responses of up to 512 KiB",
            ) as u32,
            thumbnail_cache_bytes: env.number(
                "THUMBNAIL_CACHE_BYTES",
                32 << 20,
                0..=1 << 40,
                "size of the cache of thumbnails, in bytes",
            ),
            trusted_proxies: env.parsed(
                "TRUSTED_PROXIES",
                "",
                "comma-separated IP addresses or networks, such as 127.0.0.1, 10.0.0.0/8",
                "addresses of proxies whose X-Forwarded-For names the client; empty: none, every \
                 connection is a client of its own address",
                TrustedProxies::parse,
            ),
            upload_slots: SlotLimits {
                max: env.number(
                    "MAX_UPLOADS",
                    64,
                    1..=100_000,
                    "uploads at the same time; further ones get 503",
                ) as usize,
                max_per_client: env.number(
                    "MAX_UPLOADS_PER_CLIENT",
                    32,
                    1..=100_000,
                    "uploads of one client address (IPv6: of one /64 network) at the same time; \
                     further ones get 503. See TRUSTED_PROXIES",
                ) as usize,
                busy_rate: env.number(
                    "UPLOAD_BUSY_RATE",
                    65_536,
                    0..=u64::MAX,
                    "while every upload slot is in use, a new upload replaces the one that is \
                     furthest behind this average rate, in bytes a second; 0 is never",
                ),
            },
            upload_min_rate: BodyMinRate {
                idle_timeout: env.period(
                    "UPLOAD_IDLE_S",
                    "30",
                    "how long a client may pause while it sends an upload, in seconds",
                ),
                bytes_per_s: env.number(
                    "UPLOAD_MIN_RATE",
                    8192,
                    0..=u64::MAX,
                    "average rate that an upload must reach after the first UPLOAD_IDLE_S, in \
                     bytes a second; 0 is no minimum",
                ),
            },
            upload_settle: env.period(
                "UPLOAD_SETTLE_S",
                "0.25",
                "pause in a resumable upload after which what has come of it is stored, in seconds; \
                 it doubles each time until the next whole part",
            ),
            ready_grace: env.seconds(
                "READY_GRACE_S",
                "10",
                "how long the database, the store or the spool folder may be away before /readyz \
                 fails, in seconds",
            ),
            metrics_interval: env.seconds(
                "METRICS_INTERVAL_S",
                "10",
                "least time between two queries of the database for /metrics, in seconds",
            ),
            accounts,
            accounts_switch,
            shutdown_notice: env.seconds(
                "SHUTDOWN_NOTICE_S",
                "0",
                "how long a process that was asked to stop still accepts requests while /readyz \
                 fails, in seconds: the time in which load balancers notice",
            ),
            drain: drain_limit(env),
        }
    }
}
