//! Requests to identity providers: limited in time and size, and no redirect is followed.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT},
    http::request::Builder,
};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, crypto::ring};
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;

use super::error::SignInError;

/// The longest body of a response, in bytes.
const MAX_BODY: usize = 256 * 1024;

type Https = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// The HTTP client of identity providers.
pub(crate) struct Fetch {
    client: OnceLock<Result<Https, String>>,
    time_limit: Duration,
}

impl Fetch {
    /// A client that waits at most `time_limit` for a whole response.
    pub fn new(time_limit: Duration) -> Self {
        Fetch { client: OnceLock::new(), time_limit }
    }

    /// GET, as JSON; `token` is an access token.
    ///
    /// # Errors
    /// The provider is unavailable, or its response is not JSON of this form.
    pub async fn get<T: DeserializeOwned>(
        &self,
        url: &Url,
        token: Option<&str>,
    ) -> Result<T, SignInError> {
        let mut request = Request::builder().method(Method::GET).uri(url.as_str());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let (status, body) = self.send(url, request, Bytes::new()).await?;
        match status {
            StatusCode::OK => json(url, &body),
            _ => Err(SignInError::unavailable(url, format!("it responded with {status}"))),
        }
    }

    /// POST of a form, as JSON; `basic` is the value of `Authorization`. A response that refuses
    /// the request (4xx) is returned as well: it has a body of its own (RFC 6749, 5.2).
    ///
    /// # Errors
    /// The provider is unavailable, or its response is not JSON of this form.
    pub async fn post<T: DeserializeOwned>(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        basic: Option<&str>,
    ) -> Result<T, SignInError> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(url.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(basic) = basic {
            request = request.header(AUTHORIZATION, basic);
        }
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let (status, body) = self.send(url, request, form.into()).await?;
        match status.is_success() || status.is_client_error() {
            true => json(url, &body),
            false => Err(SignInError::unavailable(url, format!("it responded with {status}"))),
        }
    }

    async fn send(
        &self,
        url: &Url,
        request: Builder,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), SignInError> {
        let unavailable = |why: String| SignInError::unavailable(url, why);
        let request = request
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("planet-image-api/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(body))
            .map_err(|err| unavailable(err.to_string()))?;
        let client =
            self.client.get_or_init(client).as_ref().map_err(|why| unavailable(why.clone()))?;
        let exchange = async {
            let response = client.request(request).await.map_err(|err| describe(&err))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
            Ok((status, body.map_err(|err| describe(&*err))?.to_bytes()))
        };
        match timeout(self.time_limit, exchange).await {
            Ok(response) => response.map_err(unavailable),
            Err(_) => Err(unavailable(format!("no whole response within {:?}", self.time_limit))),
        }
    }
}

/// A client with the certificate authorities of the system. Sign-ins are rare: no connection is kept.
fn client() -> Result<Https, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| err.to_string())?
        .with_native_roots()
        .map_err(|err| format!("no certificate authorities: {err}"))?
        .with_no_client_auth();
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(https.build()))
}

fn json<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, SignInError> {
    serde_json::from_slice(body)
        .map_err(|err| SignInError::unavailable(url, format!("its response is malformed: {err}")))
}

/// An error with its causes.
fn describe(err: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(err), |err| err.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
