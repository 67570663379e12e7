//! The main journey: an image is uploaded, rendered, read and deleted.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::app::{TestApp, Uploaded, files};

use crate::pictures::{FORMATS, drawn, file, png, png_with_broken_pixels};

#[tokio::test]
async fn an_uploaded_image_becomes_text() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);

    let answer = app.post_form("image", "mars.png", &bytes).await.is(201);
    let image = Uploaded::from(&answer);
    assert_eq!(answer.header("location"), image.at);
    assert_eq!(image.json["status"], "pending");

    let before = app.get(&image.at).await.is(200);
    assert_eq!(before.source(), "render");
    app.work(1).await;
    let app = app.restart(&[], |_| {}).await;
    let after = app.get(&image.at).await.is(200);
    assert_eq!(after.source(), "store");

    assert_eq!(before.text(), drawn(&bytes, "width=80"));
    assert_eq!(after.text(), before.text());
    assert_eq!(after.header("etag"), before.header("etag"));
    assert_eq!(after.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(app.get(&format!("{}/metadata", image.at)).await.json()["status"], "ready");
}

#[tokio::test]
async fn an_image_is_described_in_full() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = Uploaded::from(&app.post_form("image", "mars.png", &bytes).await.is(201));
    let at = &image.at;
    let mut expected = json!({
        "id": image.id,
        "name": "mars.png",
        "media_type": "image/png",
        "format": "PNG",
        "bytes": bytes.len(),
        "width": 64,
        "height": 40,
        "frames": 1,
        "bands": 3,
        "bit_depth": 8,
        "band_names": null,
        "geo": null,
        "orientation": 1,
        "sha256": common::render::sha256_hex(&bytes),
        "created_at": image.json["created_at"],
        "status": "pending",
        "links": {
            "text": at,
            "original": format!("{at}/original"),
            "metadata": format!("{at}/metadata"),
            "renders": format!("{at}/renders"),
            "events": format!("{at}/events"),
        },
    });
    assert_eq!(image.json, expected);
    let created_at = image.json["created_at"].as_str().expect("a time");
    assert!(created_at.starts_with("20") && created_at.ends_with('Z'), "{created_at}");
    assert_eq!(image.id.as_bytes()[14], b'7', "the version of the UUID");

    app.work(1).await;
    expected["status"] = json!("ready");
    let metadata = format!("{at}/metadata");
    assert_eq!(app.get(&metadata).await.is(200).json(), expected);
    // regardless of `Accept`
    assert_eq!(app.ask(&metadata, &[("accept", "text/html")]).await.json(), expected);
    assert_eq!(app.ask(at, &[("accept", "application/json")]).await.json(), expected);
    assert_eq!(app.get("/images").await.json()["items"], json!([expected]));
    for link in expected["links"].as_object().expect("links").values() {
        // an event stream has no end
        let link = link.as_str().expect("an address");
        app.send(app.request(Method::HEAD, link)).await.is(200);
    }
}

#[tokio::test]
async fn a_form_s_file_and_a_bare_body_are_both_uploads() {
    let app = TestApp::spawn().await;
    for part in ["image", "file"] {
        let image = Uploaded::from(&app.post_form(part, "a.png", &png(8, 8)).await.is(201));
        assert_eq!(image.json["name"], "a.png");
    }
    let bare = app.upload(png(8, 8)).await;
    assert_eq!(bare.json["name"], Value::Null);
    let named = app
        .request(Method::POST, "/images")
        .body(png(8, 8))
        .header("content-disposition", r#"attachment; filename="one; two \"three\".png""#);
    let named = Uploaded::from(&app.send(named).await.is(201));
    assert_eq!(named.json["name"], "one; two \"three\".png");
}

#[tokio::test]
async fn the_format_is_told_by_content_alone() {
    let app = TestApp::spawn().await;
    for (format, media_type) in FORMATS {
        let bytes = file(format, 30, 20);
        let lie = app.request(Method::POST, "/images").header("content-type", "text/html");
        let image = Uploaded::from(&app.send(lie.body(bytes.clone())).await.is(201));
        assert_eq!(image.json["media_type"], media_type);
        assert_eq!(image.json["width"], 30);
        assert_eq!(app.text(&image.at).await, drawn(&bytes, "width=80"), "{media_type}");
    }
}

#[tokio::test]
async fn images_are_listed_newest_first_page_by_page() {
    let app = TestApp::spawn().await;
    let empty = app.get("/images").await.is(200);
    assert_eq!(empty.json(), json!({ "items": [], "next": null }));

    let mut uploaded = Vec::new();
    for width in 1..=5 {
        uploaded.push(app.upload(png(width, 4)).await.id);
    }
    uploaded.reverse();

    let (mut listed, mut pages, mut next) = (Vec::new(), 0, Some("/images?limit=2".to_owned()));
    while let Some(page) = next {
        let answer = app.get(&page).await.is(200);
        let body = answer.json();
        let items = body["items"].as_array().expect("items");
        listed.extend(items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
        next = body["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        assert_eq!(answer.header("link"), link.unwrap_or_default());
        pages += 1;
    }
    assert_eq!((listed, pages), (uploaded, 3));
    // an exactly full page is the last one
    assert_eq!(app.get("/images?limit=5").await.json()["next"], Value::Null);
}

#[tokio::test]
async fn images_newer_than_one_are_listed_from_it_upwards() {
    let app = TestApp::spawn().await;
    let mut ids = Vec::new();
    for width in 1..=6 {
        ids.push(app.upload(png(width, 4)).await.id);
    }
    let mut next = Some(format!("/images?after={}&limit=2", ids[0]));
    let mut pages = Vec::new();
    while let Some(page) = next {
        let body = app.get(&page).await.is(200).json();
        let items = body["items"].as_array().expect("items");
        let listed = items.iter().map(|item| item["id"].as_str().expect("an id").to_owned());
        pages.push(listed.collect::<Vec<_>>());
        next = body["next"].as_str().map(str::to_owned);
    }
    // each page is newest first; the first one has the nearest
    let [_, second, third, fourth, fifth, sixth] = ids.try_into().expect("six ids");
    let expected = [vec![third, second.clone()], vec![fifth, fourth], vec![sixth]];
    assert_eq!(pages, expected);

    app.get("/images?after=lena").await.is(400).tells_problem("bad-parameter", &["after"]);
    let both = app.get(&format!("/images?after={second}&cursor={second}")).await.is(400);
    both.tells_problem("bad-parameter", &["after", "cursor"]);
}

#[tokio::test]
async fn images_are_found_by_their_hash() {
    let app = TestApp::spawn().await;
    let first = app.upload(png(9, 9)).await;
    app.upload(png(10, 10)).await;
    let again = app.upload(png(9, 9)).await;
    let hash = first.json["sha256"].as_str().expect("a hash");

    for asked in [hash.to_owned(), hash.to_uppercase()] {
        let page = app.get(&format!("/images?limit=1&sha256={asked}")).await.is(200).json();
        assert_eq!(page["items"][0]["id"], again.id);
        let rest = app.get(page["next"].as_str().expect("a next page")).await.is(200).json();
        assert_eq!(rest["items"][0]["id"], first.id);
        assert_eq!(rest["next"], Value::Null);
    }
    let none = app.get(&format!("/images?sha256={}", "0".repeat(64))).await.is(200).json();
    assert_eq!(none["items"], json!([]));
}

#[tokio::test]
async fn every_render_is_listed_with_its_job() {
    let app =
        TestApp::with(&[("PRESETS", "default?width=80 small?width=40 large?width=160")]).await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    let renders = format!("{}/renders", image.at);

    let before = app.get(&renders).await.is(200).json();
    assert_eq!(before["items"], json!([]));
    assert_eq!(
        before["job"],
        json!({ "state": "pending", "attempts": 0, "error": null, "version": 1 })
    );

    app.work(1).await;
    let after = app.get(&renders).await.is(200).json();
    assert_eq!(
        after["job"],
        json!({ "state": "done", "attempts": 1, "error": null, "version": 1 })
    );
    let items = after["items"].as_array().expect("items");
    let mut presets: Vec<_> = items.iter().map(|item| item["preset"].as_str()).collect();
    presets.sort();
    assert_eq!(presets, [Some("default"), Some("large"), Some("small")]);
    for item in items {
        let text = drawn(&bytes, item["spec"].as_str().expect("a spec"));
        assert_eq!(item["version"], 1);
        assert_eq!(item["sha256"], common::render::sha256_hex(text.as_bytes()));
        assert_eq!(item["bytes"], text.len());
        assert_eq!(item["rows"], text.lines().count());
        assert_eq!(item["columns"], text.lines().next().expect("a row").chars().count());
        assert!(item["created_at"].as_str().is_some_and(|time| time.ends_with('Z')));
        let link = item["links"]["text"].as_str().expect("an address");
        assert_eq!(app.text(link).await, text, "{link}");
    }
}

#[tokio::test]
async fn a_render_s_link_leads_to_that_very_render_whatever_the_default_is() {
    let presets = "default?width=30&invert=true&cell=1 plain?width=30 tall?height=9&invert=true";
    let app = TestApp::with(&[("PRESETS", presets)]).await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let renders = app.get(&format!("{}/renders", image.at)).await.json();
    let items = renders["items"].as_array().expect("items");
    assert_eq!(items.len(), 3);
    for item in items {
        let link = item["links"]["text"].as_str().expect("an address");
        let text = app.text(link).await;
        assert_eq!(item["sha256"], common::render::sha256_hex(text.as_bytes()), "{link}");
    }
}

#[tokio::test]
async fn presets_are_listed_with_their_options() {
    let app = TestApp::with(&[("PRESETS", "tiny?width=9 default?invert=true&width=080")]).await;
    assert_eq!(
        app.get("/presets").await.is(200).json(),
        json!({
            "items": [
                { "name": "tiny", "spec": "width=9" },
                { "name": "default", "spec": "width=80&invert=true" },
            ],
            "version": 1,
        })
    );
}

#[tokio::test]
async fn a_removed_image_is_gone_for_everybody() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    app.get(&image.at).await.is(200);
    app.get(&format!("{}?width=33", image.at)).await.is(200);
    // the original, and the texts of the job
    assert_eq!(files(&app.folder().join("blobs")).len(), 2);

    let gone = app.delete(&image.at).await.is(204);
    assert!(gone.body.is_empty());

    app.nothing_is_left().await;
    for path in
        ["", "?width=33", "?preset=small", "?version=1", "/metadata", "/original", "/renders"]
    {
        let path = format!("{}{path}", image.at);
        app.get(&path).await.is(404).tells_problem("not-found", &["no such image"]);
    }
    app.ask(&image.at, &[("accept", "application/json")]).await.is(404);
    app.delete(&image.at).await.is(404).tells_problem("not-found", &["no such image"]);
    assert_eq!(app.get("/images").await.json()["items"], json!([]));
}

#[tokio::test]
async fn an_image_may_be_removed_before_its_job_ran() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.delete(&image.at).await.is(204);
    app.work(0).await;
    app.nothing_is_left().await;
}

#[tokio::test]
async fn an_image_that_cannot_be_decoded_says_so() {
    let app = TestApp::spawn().await;
    let image = app.upload(png_with_broken_pixels()).await;
    app.get(&image.at).await.is(422).tells_problem("bad-image", &["PNG"]);

    app.work(1).await;
    let metadata = app.get(&format!("{}/metadata", image.at)).await.is(200).json();
    assert_eq!(metadata["status"], "failed");
    assert!(metadata["error"].as_str().is_some_and(|why| why.contains("PNG")), "{metadata}");
    let job = &app.get(&format!("{}/renders", image.at)).await.is(200).json()["job"];
    assert_eq!((&job["state"], &job["error"]), (&json!("dead"), &metadata["error"]));
    app.get(&image.at).await.is(422).tells_problem("bad-image", &["PNG"]);
    app.get(&format!("{}/original", image.at)).await.is(200);
    app.delete(&image.at).await.is(204);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn head_equals_get_without_a_body() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let at = &image.at;
    let (unknown, html) = (format!("{at}0"), format!("{at}?format=html"));
    let of_image = ["", "/metadata", "/original", "/renders"].map(|part| format!("{at}{part}"));
    let mut paths: Vec<&str> = of_image.iter().map(String::as_str).collect();
    paths.extend(["/", "/images", "/presets", "/livez", "/readyz", "/openapi.json", "/docs"]);
    paths.extend([
        "/problems/busy",
        "/problems/none",
        "/nowhere",
        "/images?limit=0",
        &unknown,
        &html,
    ]);
    for path in paths {
        for coding in ["identity", "gzip"] {
            // the first one may be a cache miss
            app.ask(path, &[("accept-encoding", coding)]).await;
            let get = app.ask(path, &[("accept-encoding", coding)]).await;
            let head = app.request(Method::HEAD, path).header("accept-encoding", coding);
            let head = app.send(head).await.is(get.status);
            for (name, value) in &get.headers {
                let own = ["x-request-id", "date", "transfer-encoding"].contains(&name.as_str());
                let about_id = name == "content-length" && get.status >= 400;
                if !own && !about_id {
                    let same = head.headers.get_all(name).iter().any(|other| other == value);
                    assert!(same, "{path} {coding} {name}: {:?}", head.headers);
                }
            }
            assert!(head.body.is_empty(), "{path}");
        }
    }
    // metrics differ between two requests
    let head = app.send(app.request(Method::HEAD, "/metrics")).await.is(200);
    assert_eq!(head.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
}

#[tokio::test]
async fn a_client_may_wait_for_its_renders() {
    let app = TestApp::spawn().await;
    let post =
        |wait: &str| app.request(Method::POST, "/images").header("prefer", wait).body(png(64, 40));
    let early = app.send(post("wait=1")).await.is(201);
    assert_eq!(early.header("preference-applied"), "wait=1");
    assert_eq!(early.json()["status"], "pending");

    let worker = app.spawn_worker();
    let ready = app.send(post("respond-async, wait=100")).await.is(201);
    assert_eq!(ready.header("preference-applied"), "wait=30");
    assert_eq!(ready.json()["status"], "ready");

    let unasked = app.send(post("wait=soon")).await.is(201);
    assert_eq!(unasked.header("preference-applied"), "");
    app.stop.cancel();
    worker.await.expect("the worker stops cleanly");
}
