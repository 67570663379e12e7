//! A bucket on a real S3 server in this process, with injected faults.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{Method, Request, Response, StatusCode, header::CONTENT_LENGTH},
};
use bytes::Bytes;
use common::render::sha256_hex;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use s3s::{auth::SimpleAuth, service::S3Service};
use testkit::wait::soon;
use tokio::{net::TcpListener, sync::oneshot};
use tower::service_fn;

use super::s3_server::s3_server;

pub(crate) const ACCESS_KEY: &str = "test-access-key";
pub(crate) const SECRET_KEY: &str = "test-secret-key";
const NAME: &str = "planet";

/// The injected fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFault {
    /// None.
    None,
    /// Responds with 503 to every request.
    Unavailable,
    /// Closes every connection.
    Disconnect,
    /// Leaves out the last byte of each body that it sends.
    Truncate,
}

/// A bucket and its server, which runs as long as the runtime of the test.
pub(crate) struct Bucket {
    pub url: String,
    folder: PathBuf,
    proxy: Proxy,
}

#[derive(Clone)]
struct Proxy {
    server: S3Service,
    fault: Arc<Mutex<StoreFault>>,
    breakpoints: Arc<Mutex<Vec<Armed>>>,
}

/// A breakpoint that waits for its request.
struct Armed {
    method: Method,
    prefix: String,
    caught: oneshot::Sender<String>,
    released: oneshot::Receiver<()>,
}

/// Holds one request before the server gets it; released on drop.
pub(crate) struct Breakpoint {
    caught: oneshot::Receiver<String>,
    _held: oneshot::Sender<()>,
}

impl Breakpoint {
    /// Waits for the request; returns its key.
    pub(crate) async fn hit(&mut self) -> String {
        soon("a request at the breakpoint", &mut self.caught).await.unwrap()
    }

    /// Forwards the request, even if its client has disconnected.
    pub(crate) fn release(self) {}
}

impl Bucket {
    pub(crate) fn name(&self) -> &'static str {
        NAME
    }

    /// Serves a new bucket from `folder`.
    pub(crate) async fn serve(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let mut builder = s3_server(folder);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let proxy = Proxy {
            server: builder.build(),
            fault: Arc::new(Mutex::new(StoreFault::None)),
            breakpoints: Arc::default(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(proxy.clone().listen(listener));
        Bucket { url, folder: folder.join(NAME), proxy }
    }

    pub(crate) fn set_fault(&self, fault: StoreFault) {
        *self.proxy.fault.lock().unwrap() = fault;
    }

    /// Holds the next request of this method whose blob's key starts with `prefix`.
    pub(crate) fn breakpoint(&self, method: Method, prefix: &str) -> Breakpoint {
        let (catch, caught) = oneshot::channel();
        let (held, released) = oneshot::channel();
        let set = Armed { method, prefix: prefix.to_owned(), caught: catch, released };
        self.proxy.breakpoints.lock().unwrap().push(set);
        Breakpoint { caught, _held: held }
    }

    /// The folder whose files are the blobs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the blob with this key: its name begins with three digits of a hash.
    pub(crate) fn file(&self, key: &str) -> PathBuf {
        self.folder.join(&sha256_hex(key.as_bytes())[..3]).join(key)
    }
}

impl Proxy {
    async fn listen(self, listener: TcpListener) {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let proxy = self.clone();
            let service =
                TowerToHyperService::new(service_fn(move |request| proxy.clone().answer(request)));
            tokio::spawn(async move {
                let builder = Builder::new(TokioExecutor::new());
                // clients may disconnect at any time
                let _ = builder.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    }

    async fn answer<B>(self, request: Request<B>) -> Result<Response<s3s::Body>, std::io::Error>
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await.map_err(std::io::Error::other)?;
        // BUCKET/HASH/KEY
        let key = head.uri.path().trim_start_matches('/').splitn(3, '/').nth(2);
        let trap = self.breakpoint_for(&head.method, key.unwrap_or_default());
        let request = Request::from_parts(head, s3s::Body::from(body));
        // A held request is executed in the end, whether or not its client is still connected.
        let answer = tokio::spawn(async move {
            if let Some((key, set)) = trap {
                let _nobody_looks = set.caught.send(key);
                let _released = set.released.await;
            }
            let fault = *self.fault.lock().unwrap();
            match fault {
                StoreFault::None => self.server.call(request).await.map_err(std::io::Error::other),
                StoreFault::Unavailable => {
                    let mut refusal = Response::new(s3s::Body::empty());
                    *refusal.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    Ok(refusal)
                }
                StoreFault::Truncate => {
                    let answer = self.server.call(request).await.map_err(std::io::Error::other)?;
                    let (mut head, body) = answer.into_parts();
                    let body = to_bytes(Body::new(body), usize::MAX).await;
                    let body = body.map_err(std::io::Error::other)?;
                    head.headers.remove(CONTENT_LENGTH);
                    let body = s3s::Body::from(body.slice(..body.len().saturating_sub(1)));
                    Ok(Response::from_parts(head, body))
                }
                StoreFault::Disconnect => Err(std::io::ErrorKind::ConnectionReset.into()),
            }
        });
        answer.await.unwrap()
    }

    fn breakpoint_for(&self, method: &Method, key: &str) -> Option<(String, Armed)> {
        let mut breakpoints = self.breakpoints.lock().unwrap();
        let fits = |armed: &Armed| armed.method == method && key.starts_with(&armed.prefix);
        let index = breakpoints.iter().position(fits)?;
        Some((key.to_owned(), breakpoints.remove(index)))
    }
}
