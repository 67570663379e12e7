//! Tests of the store on a bucket alone, and the S3 server in this process that they use.

use std::{
    collections::HashSet,
    future::Future,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::{config::Credentials, primitives::SdkBody};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use common::store::{Content, ObjectNames, Store};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use testkit::wait::at_once;
use tokio::net::TcpListener;

use super::{read, text};

const KEY: &str = "the-key";
pub const SECRET: &str = "the-secret";

pub async fn on_s3<F: Future<Output = ()>>(behaviour: impl FnOnce(Store) -> F) {
    let temp = tempfile::tempdir().unwrap();
    let server = serve_s3(temp.path()).await;
    behaviour(
        Store::s3("planet", &client_of(server, SECRET).await, ObjectNames::Hashed).await.unwrap(),
    )
    .await;
}

/// An S3 server that keeps its buckets in `folder` and knows one key; it ends with the runtime.
pub async fn serve_s3(folder: &Path) -> SocketAddr {
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    service.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = service.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            let service = service.clone();
            tokio::spawn(async move {
                let http = Builder::new(TokioExecutor::new());
                let _client_went = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

pub async fn client_of(server: SocketAddr, secret: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(format!("http://{server}"))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(KEY, secret, None, None, "test"))
        .load()
        .await
}

/// The configuration of a client whose connections the test replaces.
pub async fn client() -> SdkConfig {
    client_of("127.0.0.1:1".parse().unwrap(), SECRET).await
}

#[tokio::test]
async fn a_bucket_is_made_once_and_found_again() {
    let temp = tempfile::tempdir().unwrap();
    let client = client_of(serve_s3(temp.path()).await, SECRET).await;
    assert!(!temp.path().join("planet").exists());
    let opened = at_once((0..8).map(|_| {
        let client = client.clone();
        async move { Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap() }
    }));
    let stores = opened.await;
    assert!(temp.path().join("planet").is_dir());
    stores[0].put("originals/a/1", text("kept")).await.unwrap();
    let again = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    assert_eq!(again.get("originals/a/1").await.unwrap().unwrap(), "kept");
}

#[tokio::test]
async fn names_of_objects_begin_with_a_hash_and_earlier_ones_are_read_and_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let client = client_of(serve_s3(temp.path()).await, SECRET).await;
    let hashed = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    let plain = Store::s3("planet", &client, ObjectNames::Plain).await.unwrap();
    let bucket = temp.path().join("planet");
    let keys: Vec<String> = (0..64).map(|nth| format!("originals/{nth}/1")).collect();
    for key in &keys {
        hashed.put(key, text(key)).await.unwrap();
    }
    assert!(!bucket.join("originals").exists());
    let first = std::fs::read_dir(&bucket).unwrap().map(|it| it.unwrap().file_name());
    let first: HashSet<_> = first.map(|name| name.into_string().unwrap()).collect();
    let prefixes = first.iter().filter(|name| !name.starts_with('.')).count();
    assert!(prefixes > 50, "{first:?}");
    plain.put("renders/a/1", text("earlier")).await.unwrap();
    assert!(bucket.join("renders/a/1").is_file());

    for store in [&hashed, &plain] {
        for key in &keys {
            assert_eq!(store.get(key).await.unwrap().unwrap(), *key);
        }
        assert_eq!(store.get("renders/a/1").await.unwrap().unwrap(), "earlier");
        assert_eq!(store.length("renders/a/1").await.unwrap(), Some(7));
        assert_eq!(read(store, "renders/a/1", 2..5).await, "rli");
    }
    hashed.delete("renders/a/1").await.unwrap();
    plain.delete(&keys[0]).await.unwrap();
    let rest: Vec<&str> = keys[1..].iter().map(String::as_str).collect();
    plain.put("renders/a/2", text("earlier")).await.unwrap();
    let all = [&rest[..], &["renders/a/2"]].concat();
    assert!(hashed.delete_all(&all).await.unwrap().iter().all(Result::is_ok));
    for key in keys.iter().map(String::as_str).chain(["renders/a/1", "renders/a/2"]) {
        assert_eq!(hashed.get(key).await.unwrap(), None, "{key}");
        assert_eq!(plain.length(key).await.unwrap(), None, "{key}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let temp = tempfile::tempdir().unwrap();
    let server = serve_s3(temp.path()).await;
    let refused =
        Store::s3("planet", &client_of(server, "another-secret").await, ObjectNames::Hashed).await;
    assert!(refused.is_err_and(|fault| !fault.to_string().contains("another-secret")));
    assert!(!temp.path().join("planet").exists());
}

#[tokio::test]
async fn a_bucket_that_was_taken_away_is_a_fault() {
    let temp = tempfile::tempdir().unwrap();
    let server = serve_s3(temp.path()).await;
    let store =
        Store::s3("planet", &client_of(server, SECRET).await, ObjectNames::Hashed).await.unwrap();
    std::fs::remove_dir(temp.path().join("planet")).unwrap();
    assert!(store.check().await.is_err());
}

/// The answer to the begin of a multipart upload.
pub const BEGUN: &str = "<InitiateMultipartUploadResult><UploadId>the-id</UploadId>\
    </InitiateMultipartUploadResult>";

/// A server that takes 2 MiB a second and then answers, on a clock that the test moves.
#[derive(Debug)]
struct SlowServer {
    read_timeout: Option<Duration>,
}

impl HttpConnector for SlowServer {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let length = request.headers().get("content-length");
        let bytes: u64 = length.map_or(0, |length| length.parse().unwrap());
        let took = Duration::from_secs(bytes / (2 << 20));
        let late = self.read_timeout.is_some_and(|limit| limit < took);
        let begins = request.method() == "POST" && request.uri().contains("uploads");
        let body = match request.method() {
            "POST" if begins => BEGUN,
            "POST" => "<CompleteMultipartUploadResult/>",
            _ => "",
        };
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(took).await;
            match late {
                true => Err(ConnectorError::timeout("no answer yet".into())),
                false => {
                    let mut answer =
                        HttpResponse::new(200.try_into().unwrap(), SdkBody::from(body));
                    answer.headers_mut().insert("etag", "\"tag\"");
                    Ok(answer)
                }
            }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_object_has_the_time_that_the_lowest_rate_takes() {
    let read_timeouts = Arc::<Mutex<HashSet<Option<Duration>>>>::default();
    let seen = read_timeouts.clone();
    let server = http_client_fn(move |settings, _| {
        let read_timeout = settings.read_timeout();
        seen.lock().unwrap().insert(read_timeout);
        SharedHttpConnector::new(SlowServer { read_timeout })
    });
    let client = client().await.into_builder().http_client(server).build();
    let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    for mib in [1, 32, 1_024, 5_000] {
        file.as_file().set_len(mib << 20).unwrap();
        let put = store.put("originals/a/1", Content::File(file.path().to_owned())).await;
        assert!(put.is_ok(), "{mib} MiB: {put:?}");
    }
    let connectors = read_timeouts.lock().unwrap().len();
    assert_eq!(connectors, 2, "an object of another size needs no other connection");
}

/// A server that gives this answer to `DeleteObjects`, and succeeds at all else.
#[derive(Debug)]
struct DeletingServer {
    answer: (u16, &'static str),
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for DeletingServer {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (mut status, mut body) = (200, "");
        if request.method() == "POST" {
            (status, body) = self.answer;
        }
        self.requests.lock().unwrap().push(request.method().to_owned());
        let answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        HttpConnectorFuture::ready(Ok(answer))
    }
}

/// The outcomes of the deletion of `a`, `b` and `c`, and the requests that it took.
async fn deletions(answer: (u16, &'static str)) -> (Option<[bool; 3]>, Vec<String>) {
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let seen = requests.clone();
    let server = http_client_fn(move |_, _| {
        SharedHttpConnector::new(DeletingServer { answer, requests: seen.clone() })
    });
    let client = client().await.into_builder().http_client(server).build();
    let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    requests.lock().unwrap().clear();
    let outcomes = store.delete_all(&["a", "b", "c"]).await.ok();
    let outcomes = outcomes.map(|all| [0, 1, 2].map(|nth: usize| all[nth].is_ok()));
    let requests = requests.lock().unwrap().clone();
    (outcomes, requests)
}

#[tokio::test(start_paused = true)]
async fn many_objects_are_deleted_by_one_request() {
    let all = (200, "<DeleteResult/>");
    assert_eq!(deletions(all).await, (Some([true; 3]), vec!["POST".to_owned()]));
    let not_b = "<DeleteResult><Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>";
    assert_eq!(deletions((200, not_b)).await.0, Some([true, false, true]));
    // by its name with a hash: SHA-256 of "c" begins with 2e7
    let not_c = "<DeleteResult><Error><Key>2e7/c</Key><Code>SlowDown</Code></Error></DeleteResult>";
    assert_eq!(deletions((200, not_c)).await.0, Some([true, true, false]));
    let gone = "<DeleteResult><Error><Key>b</Key><Code>NoSuchKey</Code></Error></DeleteResult>";
    assert_eq!(deletions((200, gone)).await.0, Some([true; 3]));
    assert_eq!(deletions((503, "")).await.0, None);
}

#[tokio::test]
async fn a_server_that_cannot_delete_many_objects_deletes_each() {
    for status in [400, 405, 501] {
        let (outcomes, requests) = deletions((status, "")).await;
        assert_eq!(outcomes, Some([true; 3]));
        assert_eq!(requests[0], "POST", "{status}");
        assert_eq!(requests[1..], ["DELETE"; 6], "each by two names: {status}");
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_a_fault() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    assert!(
        Store::s3("planet", &client_of(closed, SECRET).await, ObjectNames::Hashed).await.is_err()
    );
}
