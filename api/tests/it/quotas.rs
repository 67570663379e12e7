//! What a user may store and how fast: refusals say what would fit, and what is left.

use common::account::scopes::Scopes;
use reqwest::Method;

use crate::{access::House, pictures::png};

#[tokio::test]
async fn every_upload_that_was_counted_says_what_is_left() {
    let house = House::open(&[("UPLOADS_PER_MINUTE", "9"), ("QUOTA_IMAGES", "1")]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let form = ("content-type", "multipart/form-data; boundary=x");
    let key = ("idempotency-key", "k");
    let text = b"no image".to_vec();
    let no_file = b"--x\r\ncontent-disposition: form-data; name=a\r\n\r\nb\r\n--x--\r\n".to_vec();
    let uploads = [
        (415, None, text),
        (400, None, Vec::new()),
        (400, Some(form), no_file),
        (400, Some(form), b"--x\r\n".to_vec()),
        (201, None, png(8, 8)),
        // its quota is checked when it is committed
        (403, Some(key), png(9, 9)),
    ];
    for (nth, (status, header, body)) in uploads.into_iter().enumerate() {
        let mut request = house.app.request(Method::POST, "/images").body(body);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let answer = house.app.send(request.bearer_auth(&owner)).await.is(status);
        assert_eq!(answer.header("ratelimit-policy"), "\"uploads\";q=9;w=60", "upload {nth}");
        let left = format!("\"uploads\";r={};t=", 8 - nth);
        assert!(answer.header("ratelimit").starts_with(&left), "upload {nth}: {answer:?}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_the_upload_takes_and_what_is_left() {
    let first = png(8, 8);
    let max = first.len() as u64 + 50;
    let house = House::open(&[("QUOTA_BYTES", &max.to_string())]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let upload = async |body: Vec<u8>, key: &'static str| {
        let mut request = house.app.request(Method::POST, "/images").body(body);
        if !key.is_empty() {
            request = request.header("idempotency-key", key);
        }
        house.app.send(request.bearer_auth(&owner)).await
    };
    let second = png(9, 9);
    upload(first, "").await.is(201);
    // before it is received, and when it is committed
    for key in ["", "key"] {
        let told = format!(
            "the upload has {} bytes, and 50 of the {max} bytes that you may have are left",
            second.len()
        );
        let refused = upload(second.clone(), key).await.is(403);
        refused.tells_problem("quota-exceeded", &[&told, "/account"]);
    }
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let at = format!("/admin/users/{}", house.owner.id);
    house
        .send("patch", &at, Some(&admin), r#"{"max_images": 1, "max_bytes": 100000}"#)
        .await
        .is(200);
    let refused = upload(second, "").await.is(403);
    refused.tells_problem("quota-exceeded", &["you have 1 images, and may have 1"]);
}

#[tokio::test]
async fn a_resumable_upload_is_counted_and_refused_alike() {
    let settings =
        [("UPLOADS_PER_MINUTE", "9"), ("MAX_UPLOAD_BYTES", "2000"), ("QUOTA_BYTES", "4000")];
    let house = House::open(&settings).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let begin = async |length: &str| {
        let request = house.app.request(Method::POST, "/uploads").bearer_auth(&owner);
        let request = request.header("tus-resumable", "1.0.0").header("upload-length", length);
        house.app.send(request).await
    };
    let refused = begin("3000").await.is(413);
    assert!(refused.header("ratelimit").starts_with("\"uploads\";r=8;t="), "{refused:?}");
    begin("1500").await.is(201);
    begin("1500").await.is(201);
    let told = "the upload has 1500 bytes, and 1000 of the 4000 bytes that you may have are left";
    begin("1500").await.is(403).tells_problem("quota-exceeded", &[told]);
}
