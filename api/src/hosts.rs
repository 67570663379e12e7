//! Names of this service: a request for another one is refused.
//!
//! The owner of a name can have it point here and have a browser read, as its own, what we answer to
//! a page of that name (DNS rebinding). Numeric addresses, and names without a dot, nobody else owns.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::problem::{BAD_REQUEST, MISDIRECTED, Problem};

/// Which names are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hosts {
    /// Whatever points here.
    All,
    /// These, beside those that nobody else owns.
    Named(Vec<String>),
}

impl Hosts {
    /// Reads a list with commas between; `*` is every name. Without a list, `bind` decides: on a
    /// loopback address nobody but this machine's users is meant.
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

    fn include(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_lowercase();
        match self {
            Hosts::All => true,
            Hosts::Named(names) => {
                is_number(&host)
                    || !host.contains('.')
                    || host.ends_with(".localhost")
                    || names.contains(&host)
            }
        }
    }
}

/// Letters, digits, hyphens, underscores and dots: pages and commands show it.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

fn is_number(text: &str) -> bool {
    let v6 = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    text.parse::<Ipv4Addr>().is_ok() || v6.is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// What is before the port (RFC 9110, 7.2).
fn host(text: &str) -> Option<&str> {
    let end = text.rfind(':').filter(|&at| text[at + 1..].bytes().all(|b| b.is_ascii_digit()));
    let host = &text[..end.unwrap_or(text.len())];
    (is_name(host) || is_number(host)).then_some(host)
}

/// Lets requests for us pass. (HTTP/1.0 knows no `Host`, and no browser speaks it.)
pub(crate) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let Some(given) = request.headers().get(header::HOST) else { return next.run(request).await };
    let Some(host) = given.to_str().ok().and_then(host) else {
        let detail = "the Host header is no name or address with or without a port";
        return Problem::new(BAD_REQUEST, detail).into_response();
    };
    if hosts.include(host) {
        return next.run(request).await;
    }
    let detail = format!("{host} is no name of this service: ALLOWED_HOSTS={host} makes it one");
    Problem::new(MISDIRECTED, detail).into_response()
}
