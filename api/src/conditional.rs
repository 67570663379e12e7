//! Conditional and partial requests (RFC 9110, 13 and 14): entity tags and byte ranges.

use std::{ops::Range, time::SystemTime};

use axum::http::{HeaderMap, Method, header};

use crate::headers::combined;

/// The result of evaluating a request's preconditions (RFC 9110, 13.2).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Perform the request.
    Holds,
    /// The client has the current representation: 304 for GET and HEAD, 412 for other methods.
    Unchanged,
    /// The client means another representation: 412.
    Fails,
}

/// Evaluates the preconditions in the order of RFC 9110, 13.2.2. `tags` are the strong entity tags
/// of the current representation, with their quotes; `modified` is its modification date, if known.
pub(crate) fn condition(
    headers: &HeaderMap,
    tags: &[String],
    modified: Option<SystemTime>,
) -> Condition {
    let tagged = |name| {
        let held = combined(headers, &name);
        (!held.is_empty()).then_some(held)
    };
    let date = |name| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.and_then(|value| httpdate::parse_http_date(value).ok())
    };
    let is_one = |tag: &str| tag == "*" || tags.iter().any(|one| one == tag);
    // HTTP dates have no fractions of a second
    let later_than = |date| {
        let late = modified.and_then(|modified| modified.duration_since(date).ok());
        late.is_some_and(|late| late.as_secs() > 0)
    };

    if let Some(meant) = tagged(header::IF_MATCH) {
        if !meant.split(',').any(|tag| is_one(tag.trim())) {
            return Condition::Fails;
        }
    } else if date(header::IF_UNMODIFIED_SINCE).is_some_and(later_than) {
        return Condition::Fails;
    }
    let unchanged = match tagged(header::IF_NONE_MATCH) {
        Some(held) => {
            held.split(',').map(str::trim).any(|tag| is_one(tag.strip_prefix("W/").unwrap_or(tag)))
        }
        None => {
            let since = date(header::IF_MODIFIED_SINCE);
            modified.is_some() && since.is_some_and(|date| !later_than(date))
        }
    };
    if unchanged { Condition::Unchanged } else { Condition::Holds }
}

/// Whether the request has a precondition that applies to methods other than GET and HEAD.
pub(crate) fn is_conditional(headers: &HeaderMap) -> bool {
    let names = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];
    names.iter().any(|name| headers.contains_key(name))
}

/// Which bytes of a representation to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All bytes, with 200.
    Whole,
    /// This range of bytes, with 206.
    Bytes(Range<u64>),
    /// None, with 416.
    Unsatisfiable,
}

/// Evaluates `Range` and `If-Range` (RFC 9110, 14.2 and 13.1.5) for a representation of `length`
/// bytes. Several ranges, malformed ones, and those of other methods than GET are ignored.
pub(crate) fn requested_range(
    method: &Method,
    headers: &HeaderMap,
    etag: &str,
    length: u64,
) -> Part {
    if method != Method::GET
        || headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes())
    {
        return Part::Whole;
    }
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) =
        range.and_then(|text| text.strip_prefix("bytes=")).and_then(|spec| spec.split_once('-'))
    else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    // `parse` accepts a sign, the header does not
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Part::Whole;
    }
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Ok(first), Err(_)) if last.is_empty() => first..length,
        (Err(_), Ok(suffix)) if first.is_empty() => length.saturating_sub(suffix)..length,
        _ => return Part::Whole,
    };
    if range.is_empty() { Part::Unsatisfiable } else { Part::Bytes(range) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parse(range: &str, length: u64) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        requested_range(&Method::GET, &headers, "\"e\"", length)
    }

    #[test]
    fn ranges_count_from_both_ends() {
        assert_eq!(parse("bytes=0-3", 10), Part::Bytes(0..4));
        assert_eq!(parse("bytes=8-", 10), Part::Bytes(8..10));
        assert_eq!(parse("bytes=-3", 10), Part::Bytes(7..10));
        assert_eq!(parse("bytes=5-99999999999999999999", 10), Part::Whole);
        assert_eq!(parse("bytes=5-18446744073709551615", 10), Part::Bytes(5..10));
        assert_eq!(parse("bytes=10-", 10), Part::Unsatisfiable);
        assert_eq!(parse("bytes=-0", 10), Part::Unsatisfiable);
        assert_eq!(parse("bytes=0-1,4-5", 10), Part::Whole);
        assert_eq!(parse("lines=1-2", 10), Part::Whole);
        assert_eq!(parse("bytes=+1-2", 10), Part::Whole);
        assert_eq!(parse("bytes=-+2", 10), Part::Whole);
    }

    #[test]
    fn a_range_of_another_representation_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, "bytes=0-3".parse().unwrap());
        headers.insert(header::IF_RANGE, "\"old\"".parse().unwrap());
        assert_eq!(requested_range(&Method::GET, &headers, "\"e\"", 10), Part::Whole);
    }

    #[test]
    fn tags_are_compared_as_lists() {
        for (name, tag, expected) in [
            (header::IF_NONE_MATCH, "a", Condition::Unchanged),
            (header::IF_NONE_MATCH, "b", Condition::Unchanged),
            (header::IF_NONE_MATCH, "c", Condition::Holds),
            (header::IF_MATCH, "a", Condition::Holds),
            // a weak tag does not guarantee the same bytes
            (header::IF_MATCH, "b", Condition::Fails),
            (header::IF_MATCH, "c", Condition::Fails),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name.clone(), "\"a\", W/\"b\"".parse().unwrap());
            let tags = [format!("\"{tag}\"")];
            assert_eq!(condition(&headers, &tags, None), expected, "{name} {tag}");
        }
    }

    #[test]
    fn dates_apply_where_there_is_no_tag() {
        let of = |hour: u32| format!("Sun, 06 Nov 1994 {hour:02}:00:00 GMT");
        let modified = httpdate::parse_http_date(&of(12)).unwrap() + Duration::from_millis(900);
        for (name, hour, expected, tag, with_another_tag) in [
            (
                header::IF_MODIFIED_SINCE,
                11,
                Condition::Holds,
                header::IF_NONE_MATCH,
                Condition::Holds,
            ),
            (
                header::IF_MODIFIED_SINCE,
                12,
                Condition::Unchanged,
                header::IF_NONE_MATCH,
                Condition::Holds,
            ),
            (header::IF_UNMODIFIED_SINCE, 11, Condition::Fails, header::IF_MATCH, Condition::Fails),
            (header::IF_UNMODIFIED_SINCE, 12, Condition::Holds, header::IF_MATCH, Condition::Fails),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name.clone(), of(hour).parse().unwrap());
            let evaluate =
                |headers: &HeaderMap| condition(headers, &["\"a\"".into()], Some(modified));
            assert_eq!(evaluate(&headers), expected, "{name} {hour}");
            headers.insert(tag, "\"b\"".parse().unwrap());
            assert_eq!(evaluate(&headers), with_another_tag, "{name} {hour}");
        }
    }
}
