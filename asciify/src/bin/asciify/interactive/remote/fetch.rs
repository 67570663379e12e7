//! Requests to a service: limited in time and size, and ended when their caller no longer waits. No
//! redirect is followed: a token is for the host of the address.

use std::error::Error;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, crypto::ring};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};
use url::Url;

use crate::interactive::picture::Failure;

/// The longest body of a response, in bytes: a text of 1000 × 1000 cells in colours has 40 MB.
const MAX_BODY: usize = 64 << 20;
/// The longest time for a connection, and for a whole response: a service renders for two minutes at most,
/// by default.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const RESPONSE_LIMIT: Duration = Duration::from_secs(130);
/// How often it is asked whether a response is still wanted.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The client of one service.
pub(super) struct Fetch {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
    authorization: Option<HeaderValue>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// A response, whatever its status.
pub(super) struct Response {
    pub(super) status: StatusCode,
    /// Where a redirect leads to.
    pub(super) location: Option<String>,
    pub(super) body: Bytes,
}

impl Fetch {
    /// A client that sends a token with each request.
    ///
    /// # Errors
    /// Why there can be none.
    pub(super) fn new(token: Option<&str>) -> Result<Self, String> {
        let bearer = token.map(|token| HeaderValue::from_str(&format!("Bearer {token}")));
        let mut authorization =
            bearer.transpose().map_err(|_| "the token has characters that no token has")?;
        if let Some(value) = &mut authorization {
            value.set_sensitive(true);
        }
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|err| err.to_string())?;
        Ok(Self { client: client()?, authorization, runtime: Some(runtime) })
    }

    /// GET, after a wait in which it may no longer be wanted.
    ///
    /// # Errors
    /// There is no whole response, or it is no longer wanted.
    pub(super) fn get(
        &self,
        url: &Url,
        wait: Duration,
        is_cancelled: &dyn Fn() -> bool,
    ) -> Result<Response, Failure> {
        let runtime = self.runtime.as_ref().expect("it is there until this is dropped");
        let cancelled = async {
            while !is_cancelled() {
                sleep(ASK_EVERY).await;
            }
        };
        let exchange = async {
            sleep(wait).await;
            timeout(RESPONSE_LIMIT, self.exchange(url)).await.unwrap_or_else(|_| {
                Err(format!("there is no response within {} s", RESPONSE_LIMIT.as_secs()))
            })
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = cancelled => Err(Failure::Cancelled),
                response = exchange => response.map_err(Failure::Message),
            }
        })
    }

    async fn exchange(&self, url: &Url) -> Result<Response, String> {
        let mut request = Request::get(url.as_str())
            .header(ACCEPT, "application/json, text/plain;q=0.9")
            .header(USER_AGENT, concat!("asciify/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(|err| err.to_string())?;
        let response = self.client.request(request).await.map_err(|err| innermost(&err))?;
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
        let location = location.map(str::to_owned);
        let body = Limited::new(response.into_body(), MAX_BODY).collect().await;
        let body = body.map_err(|err| innermost(&*err))?.to_bytes();
        Ok(Response { status, location, body })
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // a name that is being looked up may take long
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// A client with the certificate authorities of the system.
fn client() -> Result<Client<HttpsConnector<HttpConnector>, Empty<Bytes>>, String> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|err| err.to_string())?
        .with_native_roots()
        .map_err(|err| format!("no certificate authorities: {err}"))?
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(CONNECT_LIMIT));
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new()).build(https.wrap_connector(tcp)))
}

/// What an error comes from.
fn innermost(err: &(dyn Error + 'static)) -> String {
    let last = successors(Some(err), |err| (**err).source()).last();
    format!("it cannot be reached: {}", last.unwrap_or(err))
}
