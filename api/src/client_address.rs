//! The address of a client: that of its connection, or the one that a trusted proxy forwards.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName},
};
use ipnet::IpNet;

use crate::headers::combined;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// One client usually has a whole network of this prefix length in IPv6 (RFC 6177, 2).
const IPV6_PREFIX: u8 = 64;

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub IpAddr);

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Parses a comma-separated list of addresses and networks; `None` when one is malformed.
    pub fn parse(list: &str) -> Option<Self> {
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            part.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(part.parse::<IpAddr>().ok()?)))
        };
        parts.map(network).collect::<Option<_>>().map(TrustedProxies)
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client that sent `request`: one IPv4 address, or an IPv6 network.
    pub fn client(&self, request: &Request) -> IpNet {
        // tests call the router without a connection
        let peer = request.extensions().get::<Peer>();
        let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |Peer(address)| *address);
        match self.forwarded(peer, request.headers()) {
            IpAddr::V4(address) => IpAddr::V4(address).into(),
            IpAddr::V6(address) => IpNet::new(address.into(), IPV6_PREFIX)
                .expect("an IPv6 prefix is at most 128 bits long")
                .trunc(),
        }
    }

    /// The last address that no trusted proxy has. Each proxy appends the address of its peer to
    /// the header, so that a client can forge only those before its own.
    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        let header = combined(headers, &FORWARDED_FOR);
        let mut hops = header.rsplit(',').map(str::trim);
        while self.contains(address) {
            let Some(previous) = hops.next().and_then(parse_hop) else { break };
            address = previous.to_canonical();
        }
        address
    }
}

/// An address, with or without a port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        for line in forwarded {
            request.headers_mut().append(FORWARDED_FOR, line.parse().unwrap());
        }
        TrustedProxies::parse(trusted).unwrap().client(&request).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let forged = &["192.0.2.9, 198.51.100.7"];
        assert_eq!(client("", "10.0.0.1", forged), "10.0.0.1/32");
        assert_eq!(client("10.0.0.2", "10.0.0.1", forged), "10.0.0.1/32");
        assert_eq!(client("10.0.0.1", "10.0.0.1", forged), "198.51.100.7/32");
        // a chain of proxies
        let chain = &["192.0.2.9", "198.51.100.7, 10.0.0.9:4711"];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", chain), "198.51.100.7/32");
        assert_eq!(client("10.0.0.1", "::ffff:10.0.0.1", chain), "10.0.0.9/32");
    }

    #[test]
    fn without_a_usable_header_a_proxy_is_the_client() {
        for forwarded in [&[] as &[_], &[""], &["unknown"], &["192.0.2.9, _hidden"]] {
            assert_eq!(client("10.0.0.1", "10.0.0.1", forwarded), "10.0.0.1/32");
        }
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["10.0.0.3, 10.0.0.2"]), "10.0.0.3/32");
    }

    #[test]
    fn an_ipv6_client_is_a_network() {
        assert_eq!(client("", "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::/64");
        assert_eq!(client("::1, 10.0.0.0/8", "::1", &["[2001:db8::1]:80"]), "2001:db8::/64");
    }

    #[test]
    fn malformed_networks_are_refused() {
        for list in ["nginx", "10.0.0.0/33", "10.0.0", "10.0.0.1;10.0.0.2"] {
            assert_eq!(TrustedProxies::parse(list), None, "{list}");
        }
    }
}
