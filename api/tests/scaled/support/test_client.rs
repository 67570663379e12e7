//! A client that retries with idempotency keys, and records what was acknowledged.

use std::{sync::Arc, time::Duration};

use reqwest::{
    Client, Response, StatusCode,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER},
    multipart,
};
use serde_json::Value;
use testkit::wait::{INTERVAL, at_once, eventually, soon};
use tokio::time::sleep;
use uuid::Uuid;

use super::pictures::Picture;

/// Longer than any response may take.
const PATIENCE: Duration = Duration::from_secs(50);

/// An image that the service has acknowledged.
#[derive(Clone)]
pub(crate) struct StoredImage {
    pub id: String,
    pub picture: Arc<Picture>,
    pub key: String,
    /// The response of an earlier attempt.
    pub refusals: Vec<StatusCode>,
}

/// An HTTP client with the addresses of the API processes.
#[derive(Clone)]
pub(crate) struct TestClient {
    http: Client,
    urls: Vec<String>,
}

impl TestClient {
    pub(crate) fn of(urls: &[&str]) -> Self {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        TestClient { http, urls: urls.iter().map(|url| url.to_string()).collect() }
    }

    /// The same client, signed in with this token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        let bearer = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let http = Client::builder().no_proxy().timeout(PATIENCE).default_headers(headers);
        TestClient { http: http.build().unwrap(), urls: self.urls.clone() }
    }

    pub(crate) fn url(&self, nth: usize) -> &str {
        &self.urls[nth % self.urls.len()]
    }

    /// `GET` from the first API process.
    pub(crate) async fn get(&self, path: &str) -> reqwest::Result<Response> {
        self.http.get(format!("{}{path}", self.url(0))).send().await
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.unwrap().error_for_status().unwrap().json().await.unwrap()
    }

    pub(crate) async fn delete(&self, id: &str) -> reqwest::Result<Response> {
        self.http.delete(format!("{}/images/{id}", self.url(0))).send().await
    }

    /// Deletes the image, with retries: a response may be lost.
    pub(crate) async fn remove(&self, id: &str) {
        const GONE: [StatusCode; 2] = [StatusCode::NO_CONTENT, StatusCode::NOT_FOUND];
        soon("it is deleted", async {
            loop {
                match self.delete(id).await {
                    Ok(answer) if GONE.contains(&answer.status()) => return,
                    _ => sleep(INTERVAL).await,
                }
            }
        })
        .await;
    }

    /// Makes an image public.
    pub(crate) async fn publish(&self, id: &str) {
        let patch = self.http.patch(format!("{}/images/{id}", self.url(0)));
        let answer = patch.body(r#"{"visibility": "public"}"#).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{id} is made public");
    }

    /// One upload attempt, as a form or as a bare body.
    pub(crate) async fn try_upload(
        &self,
        api: usize,
        picture: &Picture,
        key: &str,
    ) -> reqwest::Result<Response> {
        let post = self.http.post(format!("{}/images", self.url(api)));
        let post = post.header("idempotency-key", key);
        let length = picture.bytes.len() as u64;
        let post = match picture.bytes.len() % 2 {
            0 => post.body(picture.bytes.clone()),
            _ => {
                let body = picture.bytes.clone();
                let part = multipart::Part::stream_with_length(body, length);
                let part = part.file_name(picture.name.clone());
                post.multipart(multipart::Form::new().part("image", part))
            }
        };
        post.send().await
    }

    /// Uploads bytes that must be accepted; returns the id.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> String {
        let answer = self.http.post(format!("{}/images", self.url(0))).body(bytes).send().await;
        id(answer.unwrap().error_for_status().unwrap()).await.unwrap()
    }

    /// Uploads to any API process until it is acknowledged; all attempts have the same key.
    pub(crate) async fn upload_until_stored(
        &self,
        first_api: usize,
        picture: Arc<Picture>,
    ) -> StoredImage {
        let key = Uuid::now_v7().to_string();
        let mut refusals = Vec::new();
        let what = format!("an upload of {}", picture.name);
        let id = soon(&what, async {
            for api in first_api.. {
                // a broken connection leaves the result unknown
                if let Ok(answer) = self.try_upload(api, &picture, &key).await {
                    let status = answer.status();
                    match status {
                        StatusCode::CREATED | StatusCode::OK => match id(answer).await {
                            Some(id) => return id,
                            None => continue,
                        },
                        _ => assert!(is_retryable(&answer), "{what}: {status}"),
                    }
                    refusals.push(status);
                }
                sleep(INTERVAL).await;
            }
            unreachable!("there are urls enough")
        });
        StoredImage { id: id.await, picture, key, refusals }
    }

    /// Uploads with this key until it is stored, now or by an earlier attempt.
    pub(crate) async fn retry_upload(&self, picture: &Arc<Picture>, key: &str) -> StoredImage {
        let id = eventually(&format!("{} is taken", picture.name), async || {
            let answer = self.try_upload(0, picture, key).await.ok()?;
            match answer.status() {
                StatusCode::CREATED | StatusCode::OK => id(answer).await,
                _ => None,
            }
        })
        .await;
        StoredImage { id, picture: picture.clone(), key: key.to_owned(), refusals: Vec::new() }
    }

    /// Uploads all of them, a few at a time to each API process.
    pub(crate) async fn upload_all(&self, pictures: &[Arc<Picture>]) -> Vec<StoredImage> {
        const AT_ONCE: usize = 8;
        let lanes = (0..AT_ONCE).map(|lane| {
            let own: Vec<_> = pictures.iter().skip(lane).step_by(AT_ONCE).cloned().collect();
            let test_client = self.clone();
            async move {
                let mut kept = Vec::new();
                for picture in own {
                    kept.push(test_client.upload_until_stored(lane, picture).await);
                }
                kept
            }
        });
        at_once(lanes).await.into_iter().flatten().collect()
    }

    /// Waits until all presets of these images are stored.
    pub(crate) async fn wait_until_all_ready(&self, kept: &[StoredImage]) {
        for StoredImage { id, .. } in kept {
            eventually(&format!("{id} is ready"), async || {
                let answer = self.get(&format!("/images/{id}/metadata")).await.ok()?;
                let body: Value = answer.error_for_status().ok()?.json().await.ok()?;
                assert_ne!(body["status"], "failed", "{body}");
                (body["status"] == "ready").then_some(())
            })
            .await;
        }
    }

    /// Waits until `/readyz` of this API process has this status.
    pub(crate) async fn wait_for_readyz(&self, api: usize, ready: bool) {
        let url = format!("{}/readyz", self.url(api));
        let expected = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        eventually(&format!("{url} answers {expected}"), async || {
            let answer = self.http.get(&url).send().await.ok()?;
            (answer.status() == expected).then_some(())
        })
        .await;
    }
}

/// The id in the response to an upload; `None` when the connection broke.
pub(crate) async fn id(answer: Response) -> Option<String> {
    let body: Value = answer.json().await.ok()?;
    Some(body["id"].as_str().unwrap().to_owned())
}

/// Whether the response is an error with `Retry-After`.
pub(crate) fn is_retryable(answer: &Response) -> bool {
    let status = answer.status();
    let told = answer.headers().contains_key(RETRY_AFTER);
    told && (status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::CONFLICT)
}
