//! Extractors: parse and validate path, query and headers. Errors say what would be valid.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use asciify::{Bbox, GeoError, Spec, SpecError, WGS_84, write::Output};
use axum::{
    extract::{FromRequestParts, Path},
    http::{HeaderMap, Uri, request::Parts},
};
use common::{
    account::principal::Principal,
    image::ImageId,
    preset::{Preset, Presets},
};

use crate::{
    app::App,
    problem::{BAD_PARAMETER, NOT_FOUND, Problem},
};

/// The name of the format of recordings.
const CAST: &str = "cast";
/// The longest `Prefer: wait`, in seconds.
const MAX_WAIT_S: u64 = 30;

/// The `{id}` of the path.
pub(crate) struct Id(pub ImageId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        image_id(path.ok().map(|Path(id)| id)).map(Id)
    }
}

/// The `{id}` of the path, and the two parts behind it that a comma joins.
pub(crate) struct Place {
    pub id: ImageId,
    pub parts: Option<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (id, place) = path.map(|Path(path)| path).ok().unzip();
        let parts = place.as_deref().and_then(|place| place.split_once(','));
        let parts = parts.map(|(x, y)| (x.to_owned(), y.to_owned()));
        Ok(Place { id: image_id(id)?, parts })
    }
}

/// # Errors
/// 404 for what is no id.
fn image_id(text: Option<String>) -> Result<ImageId, Problem> {
    text.and_then(|id| id.parse().ok()).ok_or_else(|| {
        let detail = "no such image: an id is a UUID in lower case with hyphens; /images lists all";
        Problem::new(NOT_FOUND, detail)
    })
}

/// The query of `GET /images/{id}`.
pub(crate) struct RenderQuery {
    pub spec: Spec,
    /// `None`: `Accept` decides.
    pub format: Option<Output>,
    /// The format is that of recordings, which have all frames.
    pub is_recording: bool,
    /// The engine version of a stored render; `None`: the newest.
    pub version: Option<u32>,
    /// A bounding box instead of a region, and the EPSG code of its coordinates.
    pub bbox: Option<(Bbox, u32)>,
}

impl RenderQuery {
    /// The options for an image: a bounding box becomes a region.
    ///
    /// # Errors
    /// 400 where the image has no coordinates, or none in the box; 404 where there is no image that
    /// `reader` may read.
    pub(crate) async fn spec_for(
        &self,
        app: &App,
        id: ImageId,
        reader: &Principal,
    ) -> Result<Spec, Problem> {
        let mut spec = self.spec.clone();
        let Some((bbox, crs)) = self.bbox else { return Ok(spec) };
        let summary = app.pipeline.summary(id, reader).await?.ok_or_else(Problem::no_image)?;
        let metadata = summary.image.metadata;
        let region = metadata
            .geo
            .ok_or(GeoError::NoPlace)
            .and_then(|geo| geo.region(bbox, crs, (metadata.width, metadata.height)));
        let region = region.map_err(|err| Problem::new(BAD_PARAMETER, err.to_string()))?;
        spec.set("region", &region.to_string()).expect("a region is a value of its option");
        Ok(spec)
    }
}

impl FromRequestParts<App> for RenderQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        parse_render_query(&query(&parts.uri)?, &app.pipeline.config().presets)
    }
}

/// The query of `GET /images/{id}/play`.
pub(crate) struct PlayQuery {
    pub render: RenderQuery,
    /// How often all frames are shown, 0 without end; `None`: as the file says.
    pub loops: Option<u32>,
    /// How many times faster than the file says.
    pub speed: f64,
    /// Whether the answer is a recording instead of frames at their times.
    pub is_recording: bool,
}

/// The most loops that can be asked for.
pub(crate) const MAX_LOOPS: u32 = 1000;
/// The lowest and the highest speed.
pub(crate) const SPEEDS: (f64, f64) = (0.1, 10.0);

impl FromRequestParts<App> for PlayQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        parse_play_query(query(&parts.uri)?, &app.pipeline.config().presets)
    }
}

fn parse_play_query(
    mut query: Vec<(String, String)>,
    presets: &Presets,
) -> Result<PlayQuery, Problem> {
    let mut take = |name: &str| {
        let index = query.iter().position(|(given, _)| given == name)?;
        Some(query.remove(index).1)
    };
    let (format, loops, speed) = (take("format"), take("loops"), take("speed"));
    let is_recording = match format.as_deref() {
        None | Some("ansi") => false,
        Some(CAST) => true,
        Some(_) => return Err(Problem::parameter("format", "ansi or cast")),
    };
    let accepts = format!("a whole number from 0 to {MAX_LOOPS}; 0 is without end");
    let number = |text: String| text.parse().ok().filter(|it| *it <= MAX_LOOPS);
    let loops = loops.map(|it| number(it).ok_or_else(|| Problem::parameter("loops", &accepts)));
    let loops = loops.transpose()?;
    if is_recording && loops == Some(0) {
        let detail = "loops: a recording has an end: at least 1";
        return Err(Problem::new(BAD_PARAMETER, detail));
    }
    let (slowest, fastest) = SPEEDS;
    let accepts = format!("a number from {slowest} to {fastest}");
    let factor = |text: String| text.parse().ok().filter(|it| (slowest..=fastest).contains(it));
    let speed = speed.map(|it| factor(it).ok_or_else(|| Problem::parameter("speed", &accepts)));
    let render = parse_render_query(&query, presets)?;
    if render.spec.frame() > 0 || render.version.is_some() {
        let detail = "frame and version do not apply to all frames; /images/ID shows one";
        return Err(Problem::new(BAD_PARAMETER, detail));
    }
    Ok(PlayQuery { render, loops, speed: speed.transpose()?.unwrap_or(1.0), is_recording })
}

/// TiTiler's names of options, which may be repeated, and ours.
const TITILER_NAMES: [(&str, &str); 2] = [("bidx", "bands"), ("rescale", "stretch")];
/// What may be repeated as well: percentiles.
const PERCENTILE: &str = "p";

/// TiTiler's parameter for options of an algorithm, a JSON object, and those that we have.
const ALGORITHM_PARAMETERS: &str = "algorithm_params";
const ALGORITHM_OPTIONS: [&str; 3] = ["azimuth", "angle_altitude", "z_exaggeration"];
/// One that it has and that changes nothing here: pixels beside a picture are read where there are any.
const BUFFER: &str = "buffer";

/// The query with `bands` for all `bidx`, with `stretch` for all `rescale`, and with the options of
/// `algorithm_params`.
///
/// # Errors
/// 400 where an option is given by both names, or where a value of TiTiler's name is none.
fn with_own_names(query: &[(String, String)]) -> Result<Vec<(String, String)>, Problem> {
    let mut own: Vec<(String, String)> = Vec::new();
    let is_alias = |name: &str| TITILER_NAMES.iter().any(|(alias, _)| *alias == name);
    own.extend(query.iter().filter(|(name, _)| !is_alias(name)).cloned());
    if let Some(at) = own.iter().position(|(name, _)| name == ALGORITHM_PARAMETERS) {
        let (_, value) = own.remove(at);
        own.extend(algorithm_options(&value)?);
    }
    for (alias, name) in TITILER_NAMES {
        let values = query.iter().filter(|(given, _)| given == alias).map(|(_, value)| value);
        let values: Result<Vec<String>, Problem> = values
            .map(|value| match alias {
                "rescale" => match value.split_once(',') {
                    Some((low, high)) if !high.contains(',') => Ok(format!("{low}:{high}")),
                    _ => Err(Problem::parameter("rescale", "two numbers joined by a comma")),
                },
                _ => Ok(value.clone()),
            })
            .collect();
        let values = values?;
        if values.is_empty() {
            continue;
        }
        if query.iter().any(|(given, _)| given == name) {
            let detail = format!("{alias} and {name} mean the same: give one of them");
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        own.push((name.to_owned(), values.join(",")));
    }
    Ok(own)
}

/// The options of a parameter `algorithm_params`.
fn algorithm_options(value: &str) -> Result<Vec<(String, String)>, Problem> {
    let refuse = || {
        let options = ALGORITHM_OPTIONS.join(", ");
        Problem::parameter(ALGORITHM_PARAMETERS, &format!("a JSON object of numbers of {options}"))
    };
    let given: BTreeMap<String, serde_json::Number> =
        serde_json::from_str(value).map_err(|_| refuse())?;
    let given = given.into_iter().filter(|(name, _)| name != BUFFER);
    let option = |(name, value): (String, serde_json::Number)| {
        let is_known = ALGORITHM_OPTIONS.contains(&name.as_str());
        // a whole number may have a fraction
        let value = value.as_f64().filter(|_| is_known).ok_or_else(refuse)?;
        Ok((name, value.to_string()))
    };
    given.map(option).collect()
}

/// The EPSG code of a parameter `coord_crs`.
pub(crate) fn coord_crs(value: &str) -> Result<u32, Problem> {
    let code = value.strip_prefix("EPSG:").unwrap_or(value).parse().ok();
    let accepts = "an EPSG code such as 4326 or EPSG:32633";
    code.ok_or_else(|| Problem::parameter("coord_crs", accepts))
}

pub(crate) fn parse_render_query(
    query: &[(String, String)],
    presets: &Presets,
) -> Result<RenderQuery, Problem> {
    let query = &with_own_names(query)?;
    let (mut format, mut version, mut is_recording) = (None, None, false);
    let (mut bbox, mut crs) = (None, None);
    let mut preset: Option<&Preset> = None;
    let mut options = Vec::new();
    for (name, value) in query {
        match name.as_str() {
            "format" if value == CAST => is_recording = true,
            "format" => format = Some(parse_format(value)?),
            "version" => {
                let number =
                    value.parse().ok().filter(|number| (1..=i32::MAX as u32).contains(number));
                version =
                    Some(number.ok_or(Problem::parameter("version", "a positive whole number"))?);
            }
            "bbox" => {
                let parsed = value.parse::<Bbox>();
                bbox = Some(parsed.map_err(|err| Problem::new(BAD_PARAMETER, err.to_string()))?);
            }
            "coord_crs" => {
                crs = Some(coord_crs(value)?);
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
        None if options.is_empty() && bbox.is_none() => presets.main().spec.clone(),
        None => Spec::default(),
    };
    // A size in the query replaces the preset's, instead of being fitted into it.
    if options.iter().any(|(name, _)| matches!(name.as_str(), "width" | "height")) {
        spec = spec.without_size();
    }
    if bbox.is_some() && options.iter().any(|(name, _)| *name == "region") {
        return Err(Problem::new(BAD_PARAMETER, "bbox and region: give one of them"));
    }
    if bbox.is_none() && crs.is_some() {
        return Err(Problem::new(BAD_PARAMETER, "coord_crs: needs bbox"));
    }
    for (name, value) in options {
        spec.set(name, value).map_err(|err| match err {
            SpecError::UnknownOption { .. } => Problem::new(
                BAD_PARAMETER,
                format!("{err}, as well as preset, format, version, bbox and coord_crs"),
            ),
            _ => Problem::new(BAD_PARAMETER, err.to_string()),
        })?;
    }
    let bbox = bbox.map(|bbox| (bbox, crs.unwrap_or(WGS_84)));
    Ok(RenderQuery { spec, format, is_recording, version, bbox })
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
    Output::named(value).ok_or_else(|| {
        Problem::parameter("format", "txt, ansi, html, svg or png; /images/ID/play also has cast")
    })
}

/// The parameters of a query, decoded. Repeated names are refused with 400, but those of TiTiler's
/// options and of percentiles.
pub(crate) fn query(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let text = uri.query().unwrap_or_default();
    let mut names = HashSet::new();
    let pairs = form_urlencoded::parse(text.as_bytes()).map(|(name, value)| {
        let may_repeat =
            name == PERCENTILE || TITILER_NAMES.iter().any(|(alias, _)| *alias == name);
        match names.insert(name.clone()) || may_repeat {
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
    fn titilers_names_mean_ours() {
        assert_eq!(spec("bidx=4&bidx=3&bidx=2"), spec("bands=4,3,2"));
        assert_eq!(spec("rescale=0,1000&rescale=0,9&rescale=1,5"), spec("stretch=0:1000,0:9,1:5"));
        assert_eq!(spec("bidx=4&bands=4"), "400");
        assert_eq!(spec("rescale=0"), "400");
        assert_eq!(
            spec("algorithm=hillshade&algorithm_params={%22azimuth%22:90.0,%22buffer%22:3}"),
            spec("algorithm=hillshade&azimuth=90")
        );
        for wrong in ["7", "{%22azimuth%22:%22x%22}", "{%22azimuth%22:361}", "{%22zoom%22:1}"] {
            assert_eq!(spec(&format!("algorithm_params={wrong}")), "400", "{wrong}");
        }
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
