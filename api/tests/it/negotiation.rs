//! Content negotiation, and caching of its results.

use std::collections::BTreeSet;
use testkit::app::{TestApp, Uploaded};

use crate::pictures::{drawn, png};

#[tokio::test]
async fn accept_chooses_the_format() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (accept, media_type) in [
        ("*/*", "text/plain; charset=utf-8"),
        ("", "text/plain; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/*", "text/plain; charset=utf-8"),
        ("TEXT/HTML", "text/html; charset=utf-8"),
        ("image/svg+xml", "image/svg+xml; charset=utf-8"),
        ("image/png", "image/png"),
        ("image/avif,image/webp,image/*,*/*;q=0.8", "image/svg+xml; charset=utf-8"),
        (browser, "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/json, text/plain;q=0.5", "application/json"),
        ("image/avif, application/*", "application/json"),
    ] {
        let answer = app.ask(&image.at, &[("accept", accept)]).await.is(200);
        assert_eq!(answer.header("content-type"), media_type, "{accept}");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
        let vary = answer.headers.get_all("vary").iter().any(|value| value == "accept");
        assert!(vary, "{accept}: {:?}", answer.headers);
    }
    for accept in ["image/avif", "text/plain;q=0, text/html;q=0", "nonsense"] {
        let answer = app.ask(&image.at, &[("accept", accept)]).await.is(406);
        answer.tells_problem("not-acceptable", &["text/plain", "text/html", "application/json"]);
    }
}

#[tokio::test]
async fn the_format_parameter_overrules_accept() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = Uploaded::from(&app.post_form("image", "Pluto & Charon.png", &bytes).await.is(201));
    let txt =
        app.ask(&format!("{}?format=txt", image.at), &[("accept", "text/html")]).await.is(200);
    assert_eq!(txt.header("content-type"), "text/plain; charset=utf-8");
    let vary = txt.headers.get_all("vary").iter().any(|value| value == "accept");
    assert!(!vary, "{:?}", txt.headers);

    let html =
        app.ask(&format!("{}?format=html", image.at), &[("accept", "image/avif")]).await.is(200);
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(html.header("x-content-type-options"), "nosniff");
    assert!(html.header("content-security-policy").starts_with("default-src 'none'"));
    let page = html.text();
    assert!(page.contains("<title>Pluto &amp; Charon.png</title>"), "{page}");
    let picture = drawn(&bytes, "width=80");
    let first = picture.lines().next().expect("a row");
    let escaped = first.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    assert!(page.contains(&escaped.replace('"', "&quot;").replace('\'', "&#39;")), "{page}");
}

#[tokio::test]
async fn different_texts_have_different_tags() {
    let app = TestApp::spawn().await;
    let (one, other) = (app.upload(png(64, 40)).await, app.upload(png(64, 40)).await);
    let paths = [
        one.at.clone(),
        format!("{}?format=html", one.at),
        format!("{}?width=81", one.at),
        format!("{}?invert=true", one.at),
        other.at.clone(),
    ];
    let mut tags = BTreeSet::new();
    for path in &paths {
        let answer = app.get(path).await.is(200);
        let tag = answer.header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong one: {tag}");
        assert!(answer.header("last-modified").ends_with(" GMT"));
        assert_eq!(answer.version(), 1);
        tags.insert(tag.to_owned());
    }
    assert_eq!(tags.len(), paths.len());
}

#[tokio::test]
async fn a_text_that_the_client_has_is_not_sent_again() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let full = app.get(&image.at).await.is(200);
    let tag = full.header("etag");
    // without reading the store
    std::fs::remove_dir_all(app.folder().join("blobs")).expect("lose the store");
    for held in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = app.ask(&image.at, &[("if-none-match", &held)]).await.is(304);
        assert!(answer.body.is_empty());
        for name in ["etag", "last-modified", "cache-control", "render-version"] {
            assert_eq!(answer.header(name), full.header(name), "{held} {name}");
        }
    }
    let mut lines = app.request(reqwest::Method::GET, &image.at).header("if-none-match", "\"x\"");
    lines = lines.header("if-none-match", tag);
    app.send(lines).await.is(304);
    // 404 rather than 304
    let unknown = image.at.replace(&image.id[..8], "01999999");
    app.ask(&unknown, &[("if-none-match", "*")]).await.is(404);
    app.ask(&format!("{}?width=0", image.at), &[("if-none-match", "*")]).await.is(400);
}

#[tokio::test]
async fn a_fixed_version_may_be_kept_for_ever() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let moving = app.get(&image.at).await.is(200);
    let fixed = app.get(&format!("{}?version=1", image.at)).await.is(200);
    assert_eq!(moving.header("cache-control"), "private, no-cache");
    assert_eq!(fixed.header("cache-control"), "private, max-age=31536000, immutable");
    assert_eq!(fixed.header("etag"), moving.header("etag"));
    assert_eq!(fixed.body, moving.body);
    // a missing version may be stored later
    let missing = app.get(&format!("{}?version=2", image.at)).await.is(404);
    assert_eq!(missing.header("cache-control"), "no-store");
}
