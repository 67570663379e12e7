//! The cookies of signing in (RFC 6265bis).
//!
//! Their names begin with `__Host-`: browsers then accept them from this host alone, by https, for
//! every path. Over plain http, which is for a loopback address only, not every browser stores such
//! a cookie; there, the names have no prefix.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

/// A cookie of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cookie {
    /// The session of a browser that is signed in.
    Session,
    /// Binds a sign-in to the browser that began it.
    SignIn,
}

impl Cookie {
    /// Its name.
    pub fn name(self, is_https: bool) -> &'static str {
        match (self, is_https) {
            (Cookie::Session, true) => "__Host-planet",
            (Cookie::Session, false) => "planet",
            (Cookie::SignIn, true) => "__Host-planet-sign-in",
            (Cookie::SignIn, false) => "planet-sign-in",
        }
    }

    /// The value in the headers of a request. If there are several, the first.
    pub fn value(self, headers: &HeaderMap, is_https: bool) -> Option<&str> {
        let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        // cookies of other sites of the domain may hold any bytes
        let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
        let mut pairs = pairs.filter_map(|pair| str::from_utf8(pair).ok()?.split_once('='));
        let name = self.name(is_https);
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
    }

    /// `Set-Cookie` that stores `value` for `max_age`; zero removes it.
    pub fn set(self, value: &str, max_age: Duration, is_https: bool) -> HeaderValue {
        let (name, secure) = (self.name(is_https), if is_https { "; Secure" } else { "" });
        let max_age = max_age.as_secs();
        let text =
            format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&text).expect("a cookie of ours is visible ASCII")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        for line in [
            b"a=\xe9\xff; __Host-planet-sign-in=c" as &[u8],
            b"xplanet=d;planet=e; __Host-planet=f==",
        ] {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line).unwrap());
        }
        let value = |cookie: Cookie, is_https| cookie.value(&headers, is_https);
        assert_eq!(value(Cookie::Session, true), Some("f=="));
        assert_eq!(value(Cookie::Session, false), Some("e"));
        assert_eq!(value(Cookie::SignIn, true), Some("c"));
        assert_eq!(value(Cookie::SignIn, false), None);
    }

    #[test]
    fn a_cookie_is_kept_from_scripts_other_sites_and_plain_http() {
        let set = Cookie::Session.set("x", Duration::from_secs(60), true);
        assert_eq!(set, "__Host-planet=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        let set = Cookie::Session.set("", Duration::ZERO, false);
        assert_eq!(set, "planet=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    }
}
