//! Extractors: parse and validate path, query and headers. Errors say what would be valid.

use std::{collections::HashSet, time::Duration};

use asciify::{Spec, SpecError, write::Output};
use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, Uri, request::Parts},
};
use common::{
    catalog::Page,
    image::ImageId,
    preset::{Preset, Presets},
};

use crate::{
    app::App,
    listed_owner::ListedOwner,
    problem::{BAD_PARAMETER, NOT_FOUND, Problem},
};

/// Images on a page of the list.
const DEFAULT_LIMIT: u64 = 50;
const MAX_LIMIT: u64 = 200;
/// The longest `Prefer: wait`, in seconds.
const MAX_WAIT_S: u64 = 30;

/// The `{id}` of the path.
pub(crate) struct Id(pub ImageId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id = path.ok().and_then(|Path(id)| id.parse().ok());
        id.map(Id).ok_or_else(|| {
            let detail =
                "no such image: an id is a UUID in lower case with hyphens; /images lists all";
            Problem::new(NOT_FOUND, detail)
        })
    }
}

/// The query of `GET /images/{id}`.
pub(crate) struct RenderQuery {
    pub spec: Spec,
    /// `None`: `Accept` decides.
    pub format: Option<Output>,
    /// The engine version of a stored render; `None`: the newest.
    pub version: Option<u32>,
}

impl FromRequestParts<App> for RenderQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        parse_render_query(&query(&parts.uri)?, &app.pipeline.config().presets)
    }
}

fn parse_render_query(
    query: &[(String, String)],
    presets: &Presets,
) -> Result<RenderQuery, Problem> {
    let (mut format, mut version) = (None, None);
    let mut preset: Option<&Preset> = None;
    let mut options = Vec::new();
    for (name, value) in query {
        match name.as_str() {
            "format" => format = Some(parse_format(value)?),
            "version" => {
                let number =
                    value.parse().ok().filter(|number| (1..=i32::MAX as u32).contains(number));
                version =
                    Some(number.ok_or(Problem::parameter("version", "a positive whole number"))?);
            }
            "preset" => {
                preset = Some(find_preset(presets, value)?);
            }
            _ => options.push((name, value)),
        }
    }
    // Options without a preset are complete, so that an address has the same meaning whatever the
    // presets are.
    let mut spec = match preset {
        Some(preset) => preset.spec.clone(),
        None if options.is_empty() => presets.main().spec.clone(),
        None => Spec::default(),
    };
    // A size in the query replaces the preset's, instead of being fitted into it.
    if options.iter().any(|(name, _)| matches!(name.as_str(), "width" | "height")) {
        spec = spec.without_size();
    }
    for (name, value) in options {
        spec.set(name, value).map_err(|err| match err {
            SpecError::UnknownOption { .. } => {
                Problem::new(BAD_PARAMETER, format!("{err}, as well as preset, format and version"))
            }
            _ => Problem::new(BAD_PARAMETER, err.to_string()),
        })?;
    }
    Ok(RenderQuery { spec, format, version })
}

/// The preset of a parameter `preset`.
///
/// # Errors
/// 400 with the names of all presets.
pub(crate) fn find_preset<'a>(presets: &'a Presets, name: &str) -> Result<&'a Preset, Problem> {
    presets.named(name).ok_or_else(|| {
        let names: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).collect();
        Problem::parameter("preset", &format!("one of {}", names.join(", ")))
    })
}

fn parse_format(value: &str) -> Result<Output, Problem> {
    Output::named(value).ok_or_else(|| Problem::parameter("format", "txt, ansi, html, svg or png"))
}

/// The query of `GET /images`.
pub(crate) struct ListQuery {
    pub page: Page,
    /// `None`: not given.
    pub owner: Option<ListedOwner>,
}

impl FromRequestParts<App> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut owner = None;
        let mut page = Page { limit: DEFAULT_LIMIT, ..Page::default() };
        for (name, value) in query(&parts.uri)? {
            match name.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    page.limit = limit.ok_or_else(|| {
                        Problem::parameter(
                            "limit",
                            &format!("a whole number from 1 to {MAX_LIMIT}"),
                        )
                    })?;
                }
                "cursor" => {
                    let cursor = value.parse().ok();
                    page.before = Some(cursor.ok_or_else(|| {
                        Problem::parameter("cursor", "the cursor of a `next` link, unchanged")
                    })?);
                }
                "after" => {
                    let id = value.parse().ok();
                    page.after =
                        Some(id.ok_or_else(|| Problem::parameter("after", "the id of an image"))?);
                }
                "sha256" => {
                    let is_hash = value.len() == 64 && value.bytes().all(|b| b.is_ascii_hexdigit());
                    let accepts = "64 hexadecimal digits";
                    let hash = is_hash.then(|| value.to_lowercase());
                    page.sha256 = Some(hash.ok_or_else(|| Problem::parameter("sha256", accepts))?);
                }
                // only a service with accounts has owners
                "owner" if app.sign_in.is_some() => owner = Some(ListedOwner::parse(&value)?),
                _ => {
                    let known = match app.sign_in {
                        Some(_) => {
                            "unknown parameter; expected limit, cursor, after, owner or sha256"
                        }
                        None => "unknown parameter; expected limit, cursor, after or sha256",
                    };
                    return Err(Problem::new(
                        BAD_PARAMETER,
                        format!("{}: {known}", excerpt(&name)),
                    ));
                }
            }
        }
        if page.before.is_some() && page.after.is_some() {
            let detail = "after: cannot be combined with cursor, which selects older images";
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        Ok(ListQuery { page, owner })
    }
}

/// The parameters of a query, decoded. Repeated names are refused with 400.
pub(crate) fn query(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let text = uri.query().unwrap_or_default();
    let mut names = HashSet::new();
    let pairs = form_urlencoded::parse(text.as_bytes()).map(|(name, value)| {
        match names.insert(name.clone()) {
            true => Ok((name.into_owned(), value.into_owned())),
            false => Err(Problem::new(BAD_PARAMETER, format!("{}: given twice", excerpt(&name)))),
        }
    });
    pairs.collect()
}

/// An unknown name for an error message: at most 40 characters of it.
pub(crate) fn excerpt(name: &str) -> String {
    name.chars().take(40).collect()
}

/// The `Idempotency-Key` header: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| {
        (1..=255).contains(&key.len())
            && key.bytes().all(|b| (b' '..=b'~').contains(&b))
            && values.next().is_none()
    });
    let accepts = "1 to 255 visible ASCII characters, once";
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::parameter("Idempotency-Key", accepts))
}

/// `Prefer: wait=N` (RFC 7240, 4.3), at most [`MAX_WAIT_S`]. A malformed preference is ignored.
pub(crate) fn prefer_wait(headers: &HeaderMap) -> Option<Duration> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split(','));
    let seconds = preferences.find_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })?;
    let is_number = !seconds.is_empty() && seconds.bytes().all(|b| b.is_ascii_digit());
    // too large for a u64: the maximum
    let seconds = is_number.then(|| seconds.parse().unwrap_or(MAX_WAIT_S))?;
    Some(Duration::from_secs(seconds.min(MAX_WAIT_S)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(query: &str) -> String {
        let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        parse_render_query(&pairs, &Presets::default())
            .map_or_else(|_| "400".into(), |query| query.spec.to_string())
    }

    #[test]
    fn options_change_a_preset() {
        assert_eq!(spec(""), "width=80");
        assert_eq!(spec("width=80"), "width=80");
        assert_eq!(spec("preset=small"), "width=40");
        assert_eq!(spec("preset=small&invert=true"), "width=40&invert=true");
        assert_eq!(spec("invert=true"), "width=80&invert=true");
    }

    #[test]
    fn a_size_replaces_that_of_the_preset() {
        assert_eq!(spec("height=20"), "height=20");
        assert_eq!(spec("preset=large&width=10"), "width=10");
    }

    #[test]
    fn a_wait_is_bounded() {
        let mut headers = HeaderMap::new();
        assert_eq!(prefer_wait(&headers), None);
        for (text, seconds) in [
            ("respond-async, wait=100", Some(30)),
            ("Wait = \"7\" ; x=1, wait=8", Some(7)),
            ("wait=99999999999999999999", Some(30)),
            ("wait=soon", None),
            ("wait=-1", None),
            ("await=3", None),
        ] {
            headers.insert("prefer", text.parse().unwrap());
            assert_eq!(prefer_wait(&headers), seconds.map(Duration::from_secs), "{text}");
        }
    }
}
