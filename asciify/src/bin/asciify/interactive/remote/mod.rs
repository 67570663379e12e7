//! An image of a service: it renders what is in view and knows the values, so that nothing else of the
//! image is transferred.

mod fetch;
mod token;

use std::time::Duration;

use asciify::{BandLabel, Geo, Grid, Header, Spec, format_of_media_type};
use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::interactive::picture::{Failure, Picture, Values};
use fetch::{Fetch, Response};
use token::Token;

/// How long a wish must last before the service is asked: keys that are held repeat faster.
const SETTLED: Duration = Duration::from_millis(60);
/// The options that values depend on.
const OPTIONS_OF_VALUES: [&str; 5] = ["frame", "bands", "expression", "nodata", "unscale"];

/// Whether an argument is an address, not the path of a file.
pub(crate) fn is_address(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// An image of a service.
pub(crate) struct RemotePicture {
    fetch: Fetch,
    /// `https://HOST/images/ID`.
    address: Url,
    has_token: bool,
    header: Header,
}

/// What is known of it before it is drawn.
pub(crate) struct Opened {
    pub(crate) picture: RemotePicture,
    /// Its name, or its id.
    pub(crate) name: String,
    /// `https://HOST/images/ID`, without a query.
    pub(crate) address: String,
    /// The flags of curl that send the token.
    pub(crate) curl_flags: &'static str,
}

impl RemotePicture {
    /// Asks the service what the image is.
    ///
    /// # Errors
    /// What is wrong with the address, or with the answer.
    pub(crate) fn open(address: &str) -> Result<Opened, String> {
        let address = image_address(address)?;
        let token = Token::of(address.host_str().unwrap_or_default());
        let fetch = Fetch::new(token.as_ref().map(|token| token.text.as_str()))?;
        let curl_flags = token.as_ref().map_or("", |token| token.curl_flags);
        let has_token = token.is_some();
        let mut url = address.clone();
        url.set_path(&format!("{}/metadata", address.path()));
        let asked = fetch.get(&url, Duration::ZERO, &|| false);
        let body = asked.and_then(|response| accepted(response, has_token));
        let metadata =
            body.and_then(|body| parsed::<Metadata>(&body)).map_err(|err| match err {
                Failure::Message(message) => message,
                Failure::Cancelled => "it was not asked".to_owned(),
            })?;
        let id = address.path_segments().and_then(|mut segments| segments.next_back());
        let name = metadata.name.clone().or_else(|| id.map(str::to_owned)).unwrap_or_default();
        let header = metadata.into_header()?;
        let shown = address.to_string();
        let picture = Self { fetch, address, has_token, header };
        Ok(Opened { picture, name, address: shown, curl_flags })
    }

    fn get(
        &self,
        path: &str,
        query: &str,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Vec<u8>, Failure> {
        let mut url = self.address.clone();
        url.set_path(&format!("{}{path}", self.address.path()));
        url.set_query(Some(query));
        let response = self.fetch.get(&url, SETTLED, is_cancelled)?;
        accepted(response, self.has_token)
    }
}

impl Picture for RemotePicture {
    fn header(&self) -> &Header {
        &self.header
    }

    fn draw(&mut self, spec: &Spec, is_cancelled: &dyn Fn() -> bool) -> Result<Grid, Failure> {
        let body = self.get("", &format!("{spec}&format=ansi"), is_cancelled)?;
        let text = str::from_utf8(&body).ok();
        text.and_then(|text| text.parse().ok()).ok_or_else(not_ours)
    }

    fn values(
        &mut self,
        spec: &Spec,
        (x, y): (u32, u32),
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Values, Failure> {
        let spec = spec.to_string();
        let is_of_values = |option: &&str| {
            let name = option.split_once('=').map_or(*option, |(name, _)| name);
            OPTIONS_OF_VALUES.contains(&name)
        };
        let query: Vec<&str> = spec.split('&').filter(is_of_values).collect();
        let body = self.get(&format!("/pixel/{x},{y}"), &query.join("&"), is_cancelled)?;
        let point: Point = parsed(&body)?;
        let labels = point.band_names.into_iter().zip(point.band_descriptions);
        let labels = labels.map(|(name, description)| BandLabel { name, description });
        Ok(labels.zip(point.values).collect())
    }
}

/// The address of an image, without what may follow it.
///
/// # Errors
/// It is none.
fn image_address(text: &str) -> Result<Url, String> {
    let refuse = || "expected the address of an image, such as https://HOST/images/ID".to_owned();
    let mut url = Url::parse(text).map_err(|_| refuse())?;
    if !url.username().is_empty() || url.password().is_some() {
        let variable = token::VARIABLE;
        return Err(format!("an address has no password: put the token into {variable} or .netrc"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    let is_image = path.rsplit('/').nth(1) == Some("images") && url.has_host();
    url.set_path(&path);
    if is_image { Ok(url) } else { Err(refuse()) }
}

/// The body of a response with the status 200.
///
/// # Errors
/// What the service says, or what its status means.
fn accepted(response: Response, has_token: bool) -> Result<Vec<u8>, Failure> {
    let Response { status, location, body } = response;
    let detail = serde_json::from_slice::<Problem>(&body).ok().map(|problem| problem.detail);
    let variable = token::VARIABLE;
    let token = format!("a token: put one that may read into {variable}, or into ~/.netrc");
    let message = match (status, detail) {
        (StatusCode::OK, _) => return Ok(body.to_vec()),
        (StatusCode::UNAUTHORIZED, detail) => match has_token {
            true => format!("the token is refused: {}", detail.unwrap_or_default()),
            false => format!("it needs {token}"),
        },
        (StatusCode::NOT_FOUND, Some(detail)) if !has_token => {
            format!("{detail}; a private image needs {token}")
        }
        (_, Some(detail)) => detail,
        (status, None) => match location.filter(|_| status.is_redirection()) {
            Some(location) => format!("it is at {location}: give that address"),
            None => format!("this is no image of a Planet Image API: it responds with {status}"),
        },
    };
    Err(Failure::Message(message))
}

fn not_ours() -> Failure {
    let message = "this is no image of a Planet Image API: its response is of another form";
    Failure::Message(message.to_owned())
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| not_ours())
}

/// A problem document (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    detail: String,
}

/// The values of a pixel.
#[derive(Deserialize)]
struct Point {
    values: Vec<Option<f64>>,
    band_names: Vec<String>,
    band_descriptions: Vec<String>,
}

/// What the service knows of an image.
#[derive(Deserialize)]
struct Metadata {
    name: Option<String>,
    media_type: String,
    bytes: u64,
    width: u32,
    height: u32,
    frames: u32,
    bands: Option<u32>,
    bit_depth: Option<u32>,
    band_names: Option<Vec<Option<String>>>,
    geo: Option<Place>,
}

#[derive(Deserialize)]
struct Place {
    crs: Option<String>,
    transform: [f64; 6],
    dtype: String,
    nodata_value: Option<f64>,
    scales: Vec<f64>,
    offsets: Vec<f64>,
    overviews: Vec<u32>,
}

impl Metadata {
    /// The header of the file, as if it was here.
    ///
    /// # Errors
    /// It is of an unknown format, or of no pixels.
    fn into_header(self) -> Result<Header, String> {
        let unknown = || format!("{} is unknown to this version of asciify", self.media_type);
        let format = format_of_media_type(&self.media_type).ok_or_else(unknown)?;
        if self.width == 0 || self.height == 0 {
            return Err("an image has at least one pixel".to_owned());
        }
        let geo = self.geo.map(|place| Geo {
            crs: place.crs.and_then(|crs| crs.strip_prefix("EPSG:")?.parse().ok()),
            transform: place.transform,
            dtype: place.dtype,
            nodata: place.nodata_value,
            scales: place.scales,
            offsets: place.offsets,
            overviews: place.overviews,
        });
        Ok(Header {
            format,
            width: self.width,
            height: self.height,
            frames: self.frames,
            // not recorded by old versions
            bands: self.bands.unwrap_or(1),
            band_names: self.band_names.unwrap_or_default(),
            geo,
            bit_depth: self.bit_depth.unwrap_or(8),
            orientation: 1,
            is_whole: true,
            decoded_bytes: self.bytes,
            region_bytes: self.bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_an_image() {
        let of = |text: &str| image_address(text).map(|url| url.to_string()).ok();
        let plain = "https://planet.example/images/01a2";
        assert_eq!(of(plain).as_deref(), Some(plain));
        for same in ["/", "?width=80&color=full", "#here", "/?x=1"] {
            assert_eq!(of(&format!("{plain}{same}")).as_deref(), Some(plain), "{same}");
        }
        let below = "http://localhost:8080/planet/images/01a2";
        assert_eq!(of(below).as_deref(), Some(below));
        for other in [
            "https://planet.example",
            "https://planet.example/images/",
            "https://planet.example/images/01a2/original",
            "https://me:secret@planet.example/images/01a2",
            "http:///images/01a2",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert!(is_address("HTTP://a/images/b") && !is_address("http/images"));
    }
}
