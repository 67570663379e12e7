//! The rate of uploads of one user, and the headers that tell it (draft-ietf-httpapi-ratelimit-headers).

use axum::http::{HeaderName, HeaderValue, header};
use common::{catalog::UploadRate, user_id::UserId};

use crate::{
    app::App,
    problem::{Problem, RATE_LIMITED},
};

/// The headers that tell the rate.
pub(crate) type RateHeaders = [(HeaderName, HeaderValue); 2];

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// Counts an upload of `user`; returns the headers of its response, if there is a limit.
///
/// # Errors
/// 429: the user uploads faster than they may.
pub(crate) async fn admit(app: &App, user: UserId) -> Result<Option<RateHeaders>, Problem> {
    let Some(per_minute) = app.pipeline.config().accounts.uploads_per_minute else {
        return Ok(None);
    };
    let Some(rate) = app.pipeline.count_upload(user).await? else { return Ok(None) };
    let headers = headers(per_minute, &rate);
    if rate.admitted {
        return Ok(Some(headers));
    }
    let seconds = rate.retry.as_millis().div_ceil(1000).max(1);
    let detail = format!("you may upload {per_minute} images a minute: try again in {seconds} s");
    let problem = Problem::new(RATE_LIMITED, detail).with_headers(headers);
    Err(problem.with_header(header::RETRY_AFTER, value(&seconds.to_string())))
}

/// The policy, and what is left of it.
fn headers(per_minute: u32, rate: &UploadRate) -> RateHeaders {
    let UploadRate { remaining, reset, .. } = rate;
    let reset = reset.as_millis().div_ceil(1000);
    [
        (POLICY, value(&format!("\"uploads\";q={per_minute};w=60"))),
        (LIMIT, value(&format!("\"uploads\";r={remaining};t={reset}"))),
    ]
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("numbers and names are ASCII")
}
