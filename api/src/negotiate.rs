//! Content negotiation by the `Accept` header (RFC 9110, 12.5.1).

use axum::http::{HeaderMap, HeaderValue, header};

use crate::headers::combined;

/// The `Vary` of a response that [`negotiate`] chose, where text is not the first offer.
pub(crate) const VARY_BY_CLIENT: HeaderValue = HeaderValue::from_static("accept, user-agent");
const TEXT: &str = "text/plain";
/// Programs that print responses in a terminal, by the product in their `User-Agent` (RFC 9110,
/// 10.1.5).
const TERMINAL_CLIENTS: [&str; 4] = ["curl", "wget", "httpie", "xh"];

/// The media type of `offers` to which the `Accept` header gives the highest quality; the first one
/// among equals, and without the header. `None` when it accepts none of them.
///
/// A client that prints responses in a terminal, and accepts everything, gets plain text wherever it
/// is offered.
pub(crate) fn negotiate<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let accept = combined(headers, &header::ACCEPT);
    if matches!(accept.trim(), "" | "*/*") {
        let text = offers.iter().find(|offer| **offer == TEXT && is_terminal(headers));
        return text.or(offers.first()).copied();
    }
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let mut best = None;
    for offer in offers {
        let quality = quality(&ranges, offer);
        if quality > best.map_or(0, |(quality, _)| quality) {
            best = Some((quality, *offer));
        }
    }
    best.map(|(_, offer)| offer)
}

fn is_terminal(headers: &HeaderMap) -> bool {
    let agent = combined(headers, &header::USER_AGENT);
    let product = agent.split(['/', ' ']).next().unwrap_or_default();
    TERMINAL_CLIENTS.iter().any(|client| product.eq_ignore_ascii_case(client))
}

/// A media range with its quality, in thousandths.
struct Range<'a> {
    range: &'a str,
    quality: u32,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let range = parts.next().filter(|range| range.contains('/'))?;
        let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let quality = match q {
            Some(q) => (q.parse::<f32>().ok()?.clamp(0.0, 1.0) * 1000.0) as u32,
            None => 1000,
        };
        Some(Range { range, quality })
    }

    /// How specific the range is for `offer`: 3 for the type itself, 2 for `type/*`, 1 for `*/*`, 0
    /// when it does not match.
    fn specificity(&self, offer: &str) -> u32 {
        let family = offer.split('/').next().unwrap_or(offer);
        match self.range.split_once('/') {
            _ if self.range.eq_ignore_ascii_case(offer) => 3,
            Some((kind, "*")) if kind.eq_ignore_ascii_case(family) => 2,
            Some(("*", "*")) => 1,
            _ => 0,
        }
    }
}

/// The quality of `offer` by the most specific range that matches it, in thousandths; 0 without
/// one.
fn quality(ranges: &[Range<'_>], offer: &str) -> u32 {
    let matching = ranges.iter().filter(|range| range.specificity(offer) > 0);
    matching.max_by_key(|range| range.specificity(offer)).map_or(0, |range| range.quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: &[&str] = &["text/plain", "text/html", "application/json"];

    fn chosen(accept: &str) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers, OFFERS)
    }

    #[test]
    fn curl_gets_text_and_a_browser_gets_html() {
        assert_eq!(negotiate(&HeaderMap::new(), OFFERS), Some("text/plain"));
        assert_eq!(chosen("*/*"), Some("text/plain"));
        assert_eq!(
            chosen("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            Some("text/html")
        );
    }

    #[test]
    fn a_terminal_that_accepts_everything_gets_text() {
        let offers = ["application/json", "text/plain"];
        for (agent, accept, chosen) in [
            ("curl/8.14.1", "*/*", "text/plain"),
            ("Wget/1.25.0", "*/*", "text/plain"),
            ("HTTPie/3.2.4", "", "text/plain"),
            ("curl/8.14.1", "application/json", "application/json"),
            ("curl/8.14.1", "application/json, */*;q=0.5", "application/json"),
            ("python-requests/2.32", "*/*", "application/json"),
            ("libcurl-agent/1.0", "*/*", "application/json"),
            ("", "*/*", "application/json"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, agent.parse().unwrap());
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(negotiate(&headers, &offers), Some(chosen), "{agent} {accept}");
        }
    }

    #[test]
    fn quality_values_are_respected() {
        assert_eq!(chosen("text/*;q=0.5, application/json"), Some("application/json"));
        assert_eq!(chosen("text/plain;q=0, text/*"), Some("text/html"));
        assert_eq!(chosen("image/avif"), None);
        assert_eq!(chosen("*/*;q=0"), None);
    }
}
