//! Large files, which a bucket gets in parts, and files and objects that others put there.

use std::{
    fs::{self, File},
    io::Write,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use common::store::{Content, ObjectNames, Store};
use testkit::wait::eventually;

use super::{
    bucket::{BEGUN, SECRET, client, client_of, serve_s3},
    open_folder, read,
};

const MIB: usize = 1 << 20;

/// A file whose every 4 bytes are their number.
fn numbered(bytes: usize) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let content: Vec<u8> = (0..bytes.div_ceil(4) as u32).flat_map(u32::to_le_bytes).collect();
    file.write_all(&content[..bytes]).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_several_parts_is_one_object_with_its_bytes() {
    let temp = tempfile::tempdir().unwrap();
    let client = client_of(serve_s3(temp.path()).await, SECRET).await;
    let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    for bytes in [32 * MIB, 32 * MIB + 1, 40 * MIB, 41 * MIB + 3] {
        let file = numbered(bytes);
        let key = format!("originals/a/{bytes}");
        store.put(&key, Content::File(file.path().to_owned())).await.unwrap();
        assert_eq!(store.length(&key).await.unwrap(), Some(bytes as u64));
        assert!(store.get(&key).await.unwrap().unwrap() == fs::read(file.path()).unwrap());
    }
    let left = fs::read_dir(temp.path()).unwrap().map(|it| it.unwrap().file_name());
    let parts: Vec<_> = left.filter(|name| name.to_string_lossy().contains("part-")).collect();
    assert!(parts.is_empty(), "{parts:?}");
}

/// A server of multipart uploads, which refuses the part with this number, or never answers it.
#[derive(Debug)]
struct PartServer {
    refused: &'static str,
    hangs: bool,
    requests: Arc<Mutex<Vec<String>>>,
}

impl HttpConnector for PartServer {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().to_owned();
        self.requests.lock().unwrap().push(format!("{} {uri}", request.method()));
        let begins = request.method() == "POST" && uri.contains("uploads");
        let answer = |status: u16, body: &'static str| {
            let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
            answer.headers_mut().insert("etag", "\"tag\"");
            answer
        };
        match uri.contains(self.refused) {
            true if self.hangs => HttpConnectorFuture::new(std::future::pending()),
            true => HttpConnectorFuture::ready(Ok(answer(403, ""))),
            false => HttpConnectorFuture::ready(Ok(answer(200, if begins { BEGUN } else { "" }))),
        }
    }
}

/// A store on such a server, and the requests that the server gets.
async fn part_server(refused: &'static str, hangs: bool) -> (Store, Arc<Mutex<Vec<String>>>) {
    let requests = Arc::<Mutex<Vec<String>>>::default();
    let seen = requests.clone();
    let server = http_client_fn(move |_, _| {
        SharedHttpConnector::new(PartServer { refused, hangs, requests: seen.clone() })
    });
    let client = client().await.into_builder().http_client(server).build();
    (Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap(), requests)
}

async fn is_aborted(requests: &Mutex<Vec<String>>) {
    eventually("the upload is aborted", async || {
        let requests = requests.lock().unwrap();
        let aborts = |it: &&String| it.starts_with("DELETE") && it.contains("uploadId=the-id");
        requests.iter().find(aborts).map(drop)
    })
    .await;
    let completes = |it: &String| it.starts_with("POST") && it.contains("uploadId");
    assert!(!requests.lock().unwrap().iter().any(completes));
}

#[tokio::test]
async fn a_part_that_fails_aborts_the_whole_upload() {
    let (store, requests) = part_server("partNumber=3", false).await;
    let file = numbered(50 * MIB);
    assert!(store.put("originals/a/1", Content::File(file.path().to_owned())).await.is_err());
    is_aborted(&requests).await;
    let parts = requests.lock().unwrap().iter().filter(|it| it.contains("partNumber")).count();
    assert!(parts < 7, "what follows the part that failed is not sent");
}

#[tokio::test]
async fn an_upload_that_is_given_up_is_aborted() {
    let (store, requests) = part_server("partNumber=2", true).await;
    let file = numbered(50 * MIB);
    let put = store.put("originals/a/1", Content::File(file.path().to_owned()));
    let hangs = eventually("the second part is sent", async || {
        requests.lock().unwrap().iter().find(|it| it.contains("partNumber=2")).map(drop)
    });
    tokio::select! {
        put = put => panic!("{put:?}"),
        () = hangs => {}
    }
    is_aborted(&requests).await;
}

/// Adopts what is at `at` under the name `name`; checks that the copy has its bytes.
async fn adopts(store: &Store, name: &str, at: &std::path::Path) {
    let from = store.foreign(name).await.unwrap().unwrap();
    let content = fs::read(at).unwrap();
    assert_eq!(from.length, content.len() as u64);
    assert!(read(store, &from.name, 0..from.length).await == content);
    let key = format!("originals/a/{}", from.length);
    assert!(store.adopt(&from, &key).await.unwrap());
    assert!(store.get(&key).await.unwrap().unwrap() == content);
    assert!(at.exists(), "it stays where it is");

    File::options().append(true).open(at).unwrap().write_all(b"more").unwrap();
    let late = store.adopt(&from, "originals/b/1").await;
    assert!(matches!(late, Ok(false) | Err(_)), "another object by now: {late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_others_is_copied_by_the_server() {
    let temp = tempfile::tempdir().unwrap();
    let client = client_of(serve_s3(temp.path()).await, SECRET).await;
    let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    // the second in parts
    for (name, bytes) in [("scenes/May 1+2/ü.tif", 3 * MIB), ("large.tif", 65 * MIB + 1)] {
        let at = temp.path().join("planet").join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::copy(numbered(bytes).path(), &at).unwrap();
        adopts(&store, name, &at).await;
    }
    assert_eq!(store.foreign("scenes/june.tif").await.unwrap(), None);
}

#[tokio::test]
async fn a_file_of_others_is_copied_and_no_original_is() {
    let temp = tempfile::tempdir().unwrap();
    let store = open_folder(&temp.path().join("blobs")).await;
    for name in ["scene.tif", "some/where/scene.tif", "../beside.tif"] {
        let at = temp.path().join("blobs").join(name);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        fs::copy(numbered(100 + name.len()).path(), &at).unwrap();
        adopts(&store, name, &at).await;
        let absolute = at.to_str().unwrap();
        assert!(store.foreign(absolute).await.unwrap().is_some());
    }
    assert_eq!(store.foreign("missing.tif").await.unwrap(), None);
    assert!(store.foreign("some").await.is_err(), "a folder");
    let own = fs::read_dir(temp.path().join("blobs/originals/a")).unwrap().next().unwrap();
    assert!(store.foreign(own.unwrap().path().to_str().unwrap()).await.is_err());
}

#[tokio::test]
async fn an_object_of_the_service_belongs_to_an_image() {
    let (store, requests) = part_server("none", false).await;
    requests.lock().unwrap().clear();
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    for name in [format!("3f2/originals/{id}/1"), format!("renders/{id}/2")] {
        assert!(store.foreign(&name).await.is_err(), "{name}");
    }
    assert!(requests.lock().unwrap().is_empty());
    for name in [format!("originals/{id}/scene.tif"), "originals/May/1".to_owned()] {
        assert!(store.foreign(&name).await.unwrap().is_some(), "{name}");
    }
}

/// A server that cannot copy, and has an object of 4 bytes.
#[derive(Debug)]
struct ServerWithoutCopies {
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl HttpConnector for ServerWithoutCopies {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let copies = request.headers().get("x-amz-copy-source").is_some();
        let (status, body) = match request.method() {
            "PUT" if copies => (501, ""),
            "PUT" => {
                let body = request.body().bytes().unwrap_or_default().to_vec();
                self.sent.lock().unwrap().push(body);
                (200, "")
            }
            "GET" => (206, "four"),
            "POST" if request.uri().contains("uploads") => (200, BEGUN),
            "POST" => (200, "<CompleteMultipartUploadResult/>"),
            _ => (200, ""),
        };
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        answer.headers_mut().insert("etag", "\"tag\"");
        answer.headers_mut().insert("content-length", "4");
        HttpConnectorFuture::ready(Ok(answer))
    }
}

#[tokio::test]
async fn what_a_server_cannot_copy_is_read_and_sent() {
    let sent = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let seen = sent.clone();
    let server = http_client_fn(move |_, _| {
        SharedHttpConnector::new(ServerWithoutCopies { sent: seen.clone() })
    });
    let client = client().await.into_builder().http_client(server).build();
    let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
    let from = store.foreign("scene.tif").await.unwrap().unwrap();
    assert!(store.adopt(&from, "originals/a/1").await.unwrap());
    assert_eq!(*sent.lock().unwrap(), [b"four"]);
}
