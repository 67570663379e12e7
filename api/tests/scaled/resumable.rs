//! Uploads that are received in parts, by several processes that may die.

use std::{os::unix::process::ExitStatusExt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use testkit::{pictures::noisy_pnm, wait::eventually};
use tokio::sync::mpsc;

use crate::support::{
    pictures::Picture,
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient},
};

const MIB: usize = 1 << 20;

/// A picture that takes three parts.
fn large() -> Arc<Picture> {
    Arc::new(Picture { name: "large.ppm".to_owned(), bytes: noisy_pnm().into() })
}

/// A client of one upload.
struct Sender {
    client: Client,
    path: String,
}

impl Sender {
    async fn begin(url: &str, length: usize) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(40)).build().unwrap();
        let begin = client.post(format!("{url}/uploads")).header("tus-resumable", "1.0.0");
        let begun = begin.header("upload-length", length).send().await.unwrap();
        assert_eq!(begun.status(), StatusCode::CREATED);
        let path = begun.headers()["location"].to_str().unwrap().to_owned();
        Sender { client, path }
    }

    fn request(&self, method: Method, url: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{url}{}", self.path));
        request.header("tus-resumable", "1.0.0")
    }

    fn patch(&self, url: &str, offset: usize) -> RequestBuilder {
        let patch = self.request(Method::PATCH, url).header("upload-offset", offset);
        patch.header("content-type", "application/offset+octet-stream")
    }

    /// How many bytes are stored, and the image.
    async fn look(&self, url: &str) -> (usize, Option<String>) {
        let look = self.request(Method::HEAD, url).send().await.unwrap();
        assert_eq!(look.status(), StatusCode::OK);
        let offset = look.headers()["upload-offset"].to_str().unwrap().parse().unwrap();
        (offset, image(&look))
    }

    /// Sends what is missing, and waits until the image is stored; returns its id.
    async fn finish(&self, url: &str, file: &Bytes) -> String {
        eventually("the image", async || {
            let (offset, image) = self.look(url).await;
            if offset < file.len() {
                let rest = self.patch(url, offset).body(file.slice(offset..));
                let sent = rest.send().await.unwrap();
                assert!(sent.status() == StatusCode::NO_CONTENT, "{sent:?}");
                return self::image(&sent);
            }
            image
        })
        .await
    }

    /// Ends the upload, of which nothing is left then.
    async fn end(&self, url: &str) {
        let end = self.request(Method::DELETE, url).send().await.unwrap();
        assert_eq!(end.status(), StatusCode::NO_CONTENT);
    }
}

fn image(answer: &Response) -> Option<String> {
    let image = answer.headers().get("image-location")?.to_str().unwrap();
    Some(image.trim_start_matches("/images/").to_owned())
}

/// A site whose leases are short whatever the size of a file is.
async fn site(servers: &Servers) -> Site {
    let mut site = Site::open(servers).await;
    site.set("STORE_MIN_RATE", &(1 << 30).to_string());
    site
}

async fn has_one_image(site: &Site, apis: [&crate::support::site::Api; 1], id: String) {
    let worker = site.worker().await;
    let kept = [StoredImage { id, picture: large(), key: String::new(), refusals: Vec::new() }];
    TestClient::of(&[&apis[0].url]).wait_until_all_ready(&kept).await;
    site.assert_invariants(&apis, &[&worker], &kept).await;
    assert_eq!(site.database.number("SELECT COUNT(*) FROM upload_parts").await, 0);
}

/// The parts of multipart uploads that were neither completed nor aborted.
fn parts_left(site: &Site) -> Vec<String> {
    let root = site.bucket.folder().parent().unwrap();
    let names = std::fs::read_dir(root).unwrap().map(|it| it.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    names.filter(|name| name.contains(".part-")).collect()
}

/// A process dies at this point of an upload, which goes on at another one.
async fn a_receiver_dies(point: &str) {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = site(&servers).await;
    site.set("FAILPOINT", point);
    let mut dying = site.api().await;
    site.unset("FAILPOINT");
    let (living, worker) = (site.api().await, site.worker().await);
    let file = large().bytes.clone();
    let sender = Sender::begin(&dying.url, file.len()).await;
    assert!(sender.patch(&dying.url, 0).body(file.clone()).send().await.is_err());
    assert_eq!(dying.process.ended().await.signal(), Some(9), "{point}");
    let id = sender.finish(&living.url, &file).await;
    assert_eq!(sender.look(&living.url).await, (file.len(), Some(id.clone())));
    sender.end(&living.url).await;
    drop(worker);
    has_one_image(&site, [&living], id).await;
    assert_eq!(parts_left(&site), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_multipart_upload_has_begun_and_before_its_row() {
    a_receiver_dies("resumable upload: begun").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_part_of_an_upload_and_before_its_row() {
    a_receiver_dies("resumable upload: part").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_parts_of_an_upload_were_joined() {
    a_receiver_dies("resumable upload: joined").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_upload_was_copied_and_before_its_commit() {
    a_receiver_dies("resumable upload: copied").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_commit_of_an_upload_and_before_its_end() {
    a_receiver_dies("resumable upload: committed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replicas_the_newer_goes_on_with_an_upload() {
    let Some(servers) = Servers::shared().await else { return };
    let site = site(&servers).await;
    let [older, newer] = [site.api().await, site.api().await];
    let file = large().bytes.clone();
    let sender = Sender::begin(&older.url, file.len()).await;
    // the older one waits in the middle of the second part
    let (more, comes) = mpsc::unbounded_channel::<Bytes>();
    let comes =
        stream::unfold(comes, |mut comes| async move { Some((comes.recv().await?, comes)) });
    let body = reqwest::Body::wrap_stream(comes.map(Ok::<_, std::io::Error>));
    let slow = tokio::spawn(sender.patch(&older.url, 0).body(body).send());
    more.send(file.slice(..12 * MIB)).unwrap();
    // it stores what came before its pause
    eventually("all that has come is stored", async || {
        (sender.look(&newer.url).await.0 == 12 * MIB).then_some(())
    })
    .await;
    let next = sender.patch(&newer.url, 12 * MIB).body(file.slice(12 * MIB..13 * MIB));
    assert_eq!(next.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    // the older one has the second part, and other bytes in it
    more.send(vec![7; 7 * MIB].into()).unwrap();
    drop(more);
    assert_eq!(slow.await.unwrap().unwrap().status(), StatusCode::CONFLICT);
    let id = sender.finish(&older.url, &file).await;
    sender.end(&newer.url).await;
    has_one_image(&site, [&older], id).await;
    assert_eq!(parts_left(&site), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_expires_leaves_no_part() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = site(&servers).await;
    site.set("UPLOAD_EXPIRES_S", "2");
    let (api, worker) = (site.api().await, site.worker().await);
    let file = large().bytes.clone();
    let sender = Sender::begin(&api.url, file.len()).await;
    let part = sender.patch(&api.url, 0).body(file.slice(..12 * MIB)).send().await.unwrap();
    assert_eq!(part.status(), StatusCode::NO_CONTENT);
    assert_eq!(parts_left(&site).len(), 1);
    eventually("the upload has expired", async || {
        (site.database.number("SELECT COUNT(*) FROM uploads").await == 0).then_some(())
    })
    .await;
    let late = sender.request(Method::HEAD, &api.url).send().await.unwrap();
    assert_eq!(late.status(), StatusCode::NOT_FOUND);
    site.assert_invariants(&[&api], &[&worker], &[]).await;
    assert_eq!(parts_left(&site), [] as [&str; 0]);
}
