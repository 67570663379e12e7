//! The header fields of tus 1.0.0, the protocol of resumable uploads (tus.io/protocols/resumable-upload).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use common::{
    file_name::clean_name,
    image::ImageId,
    resumable::{ResumableUpload, UploadState},
};

use crate::problem::{BAD_PARAMETER, PRECONDITION, Problem};

/// The version of the protocol.
pub(crate) const VERSION: &str = "1.0.0";
/// The extensions of the protocol.
pub(crate) const EXTENSIONS: &str = "creation,creation-with-upload,termination,expiration";
/// The media type of the body of a PATCH.
pub(crate) const MEDIA_TYPE: &str = "application/offset+octet-stream";

pub(crate) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const TUS_VERSIONS: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const IMAGE_LOCATION: HeaderName = HeaderName::from_static("image-location");

/// The headers of a request to create an upload.
pub(crate) struct Creation {
    pub length: u64,
    /// The file name, cleaned.
    pub name: Option<String>,
}

impl Creation {
    /// # Errors
    /// 400: a header is missing or wrong.
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        if headers.contains_key("upload-concat") {
            let detail = "Upload-Concat: uploads are not joined here: send the file as one upload, \
                          without this header";
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        if headers.contains_key("upload-defer-length") {
            let detail = "Upload-Defer-Length: send Upload-Length, the length of the file in bytes";
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        let length = number(headers, &UPLOAD_LENGTH)?;
        Ok(Creation { length, name: file_name(headers)? })
    }
}

/// Checks the protocol's version.
///
/// # Errors
/// 412: it is another one, or missing.
pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.get(TUS_RESUMABLE).is_some_and(|value| value == VERSION) {
        return Ok(());
    }
    let detail = "Tus-Resumable: expected 1.0.0, the version of the protocol of resumable uploads";
    let versions = HeaderValue::from_static(VERSION);
    Err(Problem::new(PRECONDITION, detail).with_header(TUS_VERSIONS, versions))
}

/// `Upload-Offset`.
///
/// # Errors
/// 400: it is missing or no number.
pub(crate) fn offset(headers: &HeaderMap) -> Result<u64, Problem> {
    number(headers, &UPLOAD_OFFSET)
}

/// Whether the body has bytes of an upload.
pub(crate) fn has_bytes(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE)
}

/// `Upload-Offset` of a problem.
pub(crate) fn with_offset(problem: Problem, offset: u64) -> Problem {
    problem.with_header(UPLOAD_OFFSET, offset.into())
}

/// The headers that tell how far an upload has come.
pub(crate) fn progress(upload: &ResumableUpload) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(UPLOAD_OFFSET, upload.position.into());
    headers.insert(UPLOAD_LENGTH, upload.length.into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match upload.state {
        UploadState::Receiving => {
            let millis = u64::try_from(upload.due_at.0).unwrap_or(0);
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis);
            let date = httpdate::fmt_http_date(at);
            headers.insert(UPLOAD_EXPIRES, text(&date));
        }
        UploadState::Done(image) => {
            headers.extend([image_location(image)]);
        }
        UploadState::Finishing | UploadState::Failed(_) => {}
    }
    headers
}

/// The address of the image that an upload has become.
pub(crate) fn image_location(image: ImageId) -> (HeaderName, HeaderValue) {
    (IMAGE_LOCATION, text(&format!("/images/{image}")))
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<u64, Problem> {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    let digits = value.filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|value| value.parse().ok()).ok_or_else(|| {
        let detail = format!("{name}: expected a number of bytes, without a sign");
        Problem::new(BAD_PARAMETER, detail)
    })
}

/// The value of `filename`, or else of `name`, in `Upload-Metadata`: keys, each with a value in
/// Base64, separated by commas.
fn file_name(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let wrong = || {
        let detail =
            "Upload-Metadata: expected keys and values in Base64, such as filename bWFycy5wbmc=";
        Problem::new(BAD_PARAMETER, detail)
    };
    let Some(metadata) = headers.get(UPLOAD_METADATA) else { return Ok(None) };
    let metadata = metadata.to_str().map_err(|_| wrong())?;
    let mut names = [None, None];
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = STANDARD.decode(value.trim()).map_err(|_| wrong())?;
        if let Some(nth) = ["filename", "name"].iter().position(|name| *name == key) {
            names[nth] = clean_name(String::from_utf8_lossy(&value).into_owned());
        }
    }
    let [filename, name] = names;
    Ok(filename.or(name))
}

fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, ids and numbers are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(metadata: &'static str) -> Result<Option<String>, Problem> {
        file_name(&HeaderMap::from_iter([(UPLOAD_METADATA, HeaderValue::from_static(metadata))]))
    }

    #[test]
    fn an_upload_may_have_a_name_in_its_metadata() {
        assert_eq!(name("filename bWFycy5wbmc=").unwrap().as_deref(), Some("mars.png"));
        assert_eq!(
            name("filetype aW1hZ2UvcG5n,filename SsO8cGl0ZXIucG5n, private").unwrap().as_deref(),
            Some("Jüpiter.png")
        );
        assert_eq!(name("name bWFycy5wbmc=").unwrap().as_deref(), Some("mars.png"));
        assert_eq!(name("").unwrap(), None);
        assert!(name("filename mars.png").is_err());
    }

    #[test]
    fn numbers_of_bytes_have_only_digits() {
        for wrong in ["", "-1", "+1", "1.0", "1e3", "18446744073709551616"] {
            let value = HeaderValue::from_static(wrong);
            assert!(offset(&HeaderMap::from_iter([(UPLOAD_OFFSET, value)])).is_err(), "{wrong}");
        }
    }
}
