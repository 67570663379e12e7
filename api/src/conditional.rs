//! Conditional and partial requests (RFC 9110, 13 and 14): entity tags and byte ranges.

use std::ops::Range;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};

/// Whether the client has the representation with that strong `etag` (quotes included) already.
pub(crate) fn has(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    let tags = values.filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    tags.map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

/// What to send of a representation of `length` bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it, with 200.
    Whole,
    /// These bytes, with 206.
    Bytes(Range<u64>),
    /// Nothing, with 416.
    Outside,
}

/// Reads `Range` and `If-Range`. Several ranges, and what is no range, get the whole.
pub(crate) fn part(headers: &HeaderMap, etag: &str, length: u64) -> Part {
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return Part::Whole;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        range.and_then(|text| text.strip_prefix("bytes=")).and_then(|spec| spec.split_once('-'))
    else {
        return Part::Whole;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..length,
        (Err(_), Ok(suffix)) if first.trim().is_empty() => length.saturating_sub(suffix)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::Outside } else { Part::Bytes(range) }
}

/// Gives each content coding an entity tag of its own: a strong tag names bytes, and a compressed
/// body has other bytes (RFC 9110, 8.8.3.3). Keeps `Vary` the same for GET, HEAD and 304.
pub(crate) async fn tag_codings(mut request: Request, next: Next) -> Response {
    allow_identity(request.headers_mut());
    let held = list(request.headers(), &header::IF_NONE_MATCH);
    if !held.is_empty() {
        // Only what the client could read now counts as held.
        let accepted = list(request.headers(), &header::ACCEPT_ENCODING);
        let codings = ["gzip", "br", "zstd"].into_iter().filter(|coding| accepted.contains(coding));
        let plain =
            codings.fold(held.clone(), |tags, coding| tags.replace(&format!("-{coding}\""), "\""));
        set(request.headers_mut(), header::IF_NONE_MATCH, &plain);
    }
    let mut response = next.run(request).await;
    let unchanged = response.status() == StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    if let Some(open) = list(headers, &header::ETAG).strip_suffix('"') {
        let coding = list(headers, &header::CONTENT_ENCODING);
        let coded = match unchanged {
            true => held
                .split(',')
                .map(str::trim)
                .find(|tag| tag.starts_with(&format!("{open}-")))
                .map(str::to_owned),
            false => (!coding.is_empty()).then(|| format!("{open}-{coding}\"")),
        };
        if let Some(coded) = coded {
            set(headers, header::ETAG, &coded);
        }
    }
    if list(headers, &header::VARY).split(',').any(|name| name.trim() == "accept") {
        headers.insert(header::VARY, HeaderValue::from_static("accept"));
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// A client that refuses even plain bytes gets them all the same, instead of 406: RFC 9110,
/// 12.5.3, leaves the choice to us.
fn allow_identity(headers: &mut HeaderMap) {
    let codings = list(headers, &header::ACCEPT_ENCODING);
    let refuses = |item: &&str| {
        let (coding, quality) = item.split_once(';').unwrap_or((item, ""));
        let zero = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok()) == Some(0.0);
        zero && matches!(coding.trim(), "identity" | "*")
    };
    if codings.split(',').any(|item| refuses(&item)) {
        let kept: Vec<&str> = codings.split(',').filter(|item| !refuses(item)).collect();
        match kept.is_empty() {
            true => drop(headers.remove(header::ACCEPT_ENCODING)),
            false => set(headers, header::ACCEPT_ENCODING, &kept.join(",")),
        }
    }
}

/// All lines of a header as one list; empty when there is none.
fn list(headers: &HeaderMap, name: &header::HeaderName) -> String {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.collect::<Vec<_>>().join(", ")
}

fn set(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part_of(range: &str, length: u64) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        part(&headers, "\"e\"", length)
    }

    #[test]
    fn ranges_count_from_both_ends() {
        assert_eq!(part_of("bytes=0-3", 10), Part::Bytes(0..4));
        assert_eq!(part_of("bytes=8-", 10), Part::Bytes(8..10));
        assert_eq!(part_of("bytes=-3", 10), Part::Bytes(7..10));
        assert_eq!(part_of("bytes=5-99999999999999999999", 10), Part::Whole);
        assert_eq!(part_of("bytes=5-18446744073709551615", 10), Part::Bytes(5..10));
        assert_eq!(part_of("bytes=10-", 10), Part::Outside);
        assert_eq!(part_of("bytes=-0", 10), Part::Outside);
        assert_eq!(part_of("bytes=0-1,4-5", 10), Part::Whole);
        assert_eq!(part_of("lines=1-2", 10), Part::Whole);
    }

    #[test]
    fn a_range_of_another_representation_gets_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"old\"".parse().unwrap());
        assert_eq!(part(&headers, "\"e\"", 10), Part::Whole);
    }

    #[test]
    fn tags_are_compared_as_lists() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, "\"a\", W/\"b\"".parse().unwrap());
        assert!(has(&headers, "\"a\"") && has(&headers, "\"b\"") && !has(&headers, "\"c\""));
    }
}
