//! Compression: each coding decodes to the same bytes, and has an entity tag of its own.

use std::collections::BTreeSet;

use reqwest::Client;
use testkit::app::TestApp;

use crate::pictures::png;

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

#[tokio::test]
async fn text_is_compressed_for_clients_that_accept_it() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let plain = app.get(&image.at).await.is(200);
    assert_eq!(plain.header("content-encoding"), "");
    let mut tags = BTreeSet::from([plain.header("etag").to_owned()]);
    for coding in CODINGS {
        let coded = app.ask(&image.at, &[("accept-encoding", coding)]).await.is(200);
        assert_eq!(coded.header("content-encoding"), coding);
        assert!(coded.body.len() < plain.body.len(), "{coding}");
        assert_eq!(coded.header("content-length"), coded.body.len().to_string(), "{coding}");
        for answer in [&plain, &coded] {
            let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
            assert!(vary.contains(&&"accept-encoding".parse().expect("a value")), "{vary:?}");
        }
        let tag = coded.header("etag");
        assert!(tag.starts_with('"') && tag.ends_with('"'), "a strong one: {tag}");
        tags.insert(tag.to_owned());

        let unpacker = Client::builder().no_proxy();
        let unpacker = match coding {
            "gzip" => unpacker.no_brotli().no_zstd(),
            "br" => unpacker.no_gzip().no_zstd(),
            _ => unpacker.no_gzip().no_brotli(),
        };
        let unpacker = unpacker.build().expect("a client");
        let unpacked = unpacker.get(format!("http://{}{}", app.address, image.at)).send().await;
        let unpacked = unpacked.expect("an answer").text().await.expect("a text");
        assert_eq!(unpacked, plain.text(), "{coding}");
    }
    assert_eq!(tags.len(), 4, "a tag a coding");
}

#[tokio::test]
async fn a_compressed_text_that_the_client_has_is_not_sent_again() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    for coding in CODINGS {
        let accept = ("accept-encoding", coding);
        let full = app.ask(&image.at, &[accept]).await.is(200);
        let tag = full.header("etag");
        for held in [tag.to_owned(), format!("\"x\",{tag}")] {
            let answer = app.ask(&image.at, &[accept, ("if-none-match", &held)]).await.is(304);
            // the tag of the cached response: another one would invalidate it
            assert_eq!(answer.header("etag"), tag);
            let vary: Vec<_> = answer.headers.get_all("vary").iter().collect();
            assert_eq!(vary, full.headers.get_all("vary").iter().collect::<Vec<_>>());
        }
        // a cached body in a coding that this request does not accept
        app.ask(&image.at, &[("if-none-match", tag)]).await.is(200);
    }
}

#[tokio::test]
async fn a_client_that_refuses_every_coding_gets_the_plain_bytes() {
    let app = TestApp::spawn().await;
    for refusal in
        ["identity;q=0", "*;q=0", "deflate, identity;q=0", "IDENTITY; Q=0.0", "br;q=0, *;Q=0"]
    {
        let upload =
            app.request(reqwest::Method::POST, "/images").header("accept-encoding", refusal);
        let answer = app.send(upload.body(png(8, 8))).await.is(201);
        let at = answer.header("location").to_owned();
        assert_eq!(
            app.ask(&at, &[("accept-encoding", refusal)]).await.is(200).header("content-encoding"),
            ""
        );
    }
}

#[tokio::test]
async fn qualities_count() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    for (accept, coding) in [
        ("gzip;q=0.5, br;q=0.9", "br"),
        ("gzip, br;q=0", "gzip"),
        ("gzip;q=0", ""),
        ("deflate", ""),
        ("identity, gzip;q=0.1", ""),
    ] {
        let answer = app.ask(&image.at, &[("accept-encoding", accept)]).await.is(200);
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
    }
}

#[tokio::test]
async fn what_is_huge_is_not_compressed_while_others_wait() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 64)).await;
    for (side, coding) in [(40, "gzip"), (400, "")] {
        let look =
            format!("{}?format=html&color=full&fit=stretch&width={side}&height={side}", image.at);
        let answer = app.ask(&look, &[("accept-encoding", "gzip")]).await.is(200);
        assert_eq!(answer.header("content-encoding"), coding, "{} bytes", answer.body.len());
    }
}
