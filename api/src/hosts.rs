//! Validates the `Host` header against the names of this service, as a defence against DNS
//! rebinding.
//!
//! In that attack, the owner of a domain resolves it to this server's address; a page of that
//! domain can then read our responses in the visitor's browser as if they were its own. IP
//! addresses, and names without a dot, cannot be taken over in this way.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::{
    extract::Request,
    http::{HeaderValue, header},
};

use crate::problem::{BAD_REQUEST, MISDIRECTED, Problem};

/// The host names of this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Every name.
    All,
    /// These, besides IP addresses, names without a dot, and `*.localhost`.
    Named(Vec<String>),
}

impl Hosts {
    /// Parses a comma-separated list; `*` is every name. An empty list is [`Hosts::All`], unless
    /// `bind` is a loopback address: then only users of this machine are expected. `None` when a
    /// name is malformed.
    pub fn parse(list: &str, bind: SocketAddr) -> Option<Self> {
        let names: Vec<String> =
            list.split(',').map(|name| name.trim().trim_end_matches('.').to_lowercase()).collect();
        match names.as_slice() {
            [none] if none.is_empty() && !bind.ip().to_canonical().is_loopback() => {
                Some(Hosts::All)
            }
            [none] if none.is_empty() => Some(Hosts::Named(Vec::new())),
            [all] if all == "*" => Some(Hosts::All),
            _ => names.iter().all(|name| is_name(name)).then_some(Hosts::Named(names)),
        }
    }

    /// These names, and `host`.
    pub fn and(self, host: &str) -> Self {
        match self {
            Hosts::All => Hosts::All,
            Hosts::Named(mut names) => {
                names.push(host.to_lowercase());
                Hosts::Named(names)
            }
        }
    }

    /// Whether `host`, without a port, is a name of this service.
    fn include(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
        match self {
            Hosts::All => true,
            Hosts::Named(names) => {
                is_ip_address(&host)
                    || !host.contains('.')
                    || host.ends_with(".localhost")
                    || names.contains(&host)
            }
        }
    }
}

/// Letters, digits, hyphens, underscores and dots only: pages and commands contain the name.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// An IPv4 address, or an IPv6 address in brackets (RFC 3986, 3.2.2).
fn is_ip_address(text: &str) -> bool {
    let v6 = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    text.parse::<Ipv4Addr>().is_ok() || v6.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// The host of a `Host` header, without the port (RFC 9110, 7.2); `None` when it is malformed.
fn host(text: &str) -> Option<&str> {
    let end = text.rfind(':').filter(|&at| text[at + 1..].bytes().all(|b| b.is_ascii_digit()));
    let host = &text[..end.unwrap_or(text.len())];
    (is_name(host) || is_ip_address(host)).then_some(host)
}

/// Refuses requests for another host with 421. Requests without `Host` pass: HTTP/1.0 has no such
/// header, and browsers do not use HTTP/1.0. The host of a request target in absolute form replaces
/// that of the header (RFC 9112, 3.2.2).
pub(crate) fn check(hosts: &Hosts, request: &mut Request) -> Result<(), Problem> {
    if let Some(authority) = request.uri().authority() {
        let host = authority.as_str().rsplit('@').next().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(host) {
            request.headers_mut().insert(header::HOST, host);
        }
    }
    let Some(given) = request.headers().get(header::HOST) else { return Ok(()) };
    let Some(host) = given.to_str().ok().and_then(host) else {
        let detail = "the Host header is not a name or address, with or without a port";
        return Err(Problem::new(BAD_REQUEST, detail));
    };
    if hosts.include(host) {
        return Ok(());
    }
    let detail =
        format!("{host} is not a name of this service: to allow it, set ALLOWED_HOSTS={host}");
    Err(Problem::new(MISDIRECTED, detail))
}
