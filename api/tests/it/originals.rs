//! The original: returned byte for byte, whole or in ranges, and safe in a browser.

use asciify::Spec;
use common::{
    account::principal::Principal,
    pipeline::{DrawError, ServeError},
};
use image::ImageFormat;
use reqwest::Method;
use testkit::app::{TestApp, Uploaded};

use crate::pictures::{FORMATS, file, png};

#[tokio::test]
async fn it_comes_back_byte_for_byte() {
    let app = TestApp::spawn().await;
    for (format, media_type) in FORMATS {
        let bytes = file(format, 30, 20);
        let image = app.upload(bytes.clone()).await;
        // a compressed image is not compressed again
        let accept = [("accept-encoding", "gzip, br, zstd")];
        let answer = app.ask(&format!("{}/original", image.at), &accept).await.is(200);
        assert_eq!(answer.body, bytes);
        assert_eq!(answer.header("content-type"), media_type);
        assert_eq!(answer.header("content-length"), bytes.len().to_string());
        assert_eq!(answer.header("content-encoding"), "");
        assert_eq!(answer.header("etag"), format!("\"{}\"", common::render::sha256_hex(&bytes)));
        assert_eq!(answer.header("accept-ranges"), "bytes");
        assert!(answer.header("last-modified").ends_with(" GMT"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("content-security-policy"), "sandbox");
        let extension = match format {
            ImageFormat::Tiff => "tif",
            format => format.extensions_str()[0],
        };
        let name = format!("{}.{extension}", image.id);
        let disposition = format!("inline; filename=\"{name}\"; filename*=UTF-8''{name}");
        assert_eq!(answer.header("content-disposition"), disposition);
    }
}

#[tokio::test]
async fn an_original_that_the_client_has_is_not_sent_again() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let at = format!("{}/original", image.at);
    let full = app.get(&at).await.is(200);
    let tag = full.header("etag");
    for held in [tag.to_owned(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = app.ask(&at, &[("if-none-match", &held)]).await.is(304);
        assert!(answer.body.is_empty());
        for name in ["etag", "cache-control"] {
            assert_eq!(answer.header(name), full.header(name), "{held} {name}");
        }
    }
    app.ask(&at, &[("if-none-match", "\"x\"")]).await.is(200);
    // 304 does not read the store
    std::fs::remove_file(app.original(&image)).expect("remove the blob");
    app.ask(&at, &[("if-none-match", tag)]).await.is(304);
    app.get(&at).await.is(503).tells_problem("unavailable", &[]);
}

#[tokio::test]
async fn parts_of_it_can_be_had() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    let at = format!("{}/original", image.at);
    let tag = app.get(&at).await.header("etag").to_owned();
    let all = bytes.len();

    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, all),
        ("bytes=-5", all - 5, all),
        ("bytes=-99999999", 0, all),
        ("bytes=5-99999999", 5, all),
    ] {
        let answer = app.ask(&at, &[("range", range), ("if-range", &tag)]).await.is(206);
        assert_eq!(answer.body, bytes[start..end], "{range}");
        let content_range = format!("bytes {start}-{}/{all}", end - 1);
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.header("content-length"), (end - start).to_string());
        assert_eq!(answer.header("etag"), tag);
    }
    for range in [format!("bytes={all}-"), "bytes=-0".to_owned()] {
        let answer = app.ask(&at, &[("range", &range)]).await.is(416);
        assert_eq!(answer.header("content-range"), format!("bytes */{all}"));
        answer.tells_problem("range-not-satisfiable", &[&all.to_string()]);
    }
    // another representation, several ranges, malformed ranges: the whole
    for (range, condition) in [
        ("bytes=0-9", "\"other\""),
        ("bytes=0-1,4-5", &*tag),
        ("bytes=9-5", &*tag),
        ("lines=1-2", &*tag),
    ] {
        let answer = app.ask(&at, &[("range", range), ("if-range", condition)]).await.is(200);
        assert_eq!(answer.body, bytes, "{range} {condition}");
    }
}

#[tokio::test]
async fn head_ignores_ranges() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let at = format!("{}/original", image.at);
    let full = app.get(&at).await.is(200);
    for range in ["bytes=0-0", "bytes=-5", "bytes=99999999-"] {
        let head = app.request(Method::HEAD, &at).header("range", range);
        let head = app.send(head).await.is(200);
        assert_eq!(head.header("content-range"), "", "{range}");
        for name in ["content-length", "etag", "accept-ranges"] {
            assert_eq!(head.header(name), full.header(name), "{range} {name}");
        }
    }
}

#[tokio::test]
async fn an_evil_name_is_a_name_and_nothing_else() {
    let app = TestApp::spawn().await;
    let too_long = "x".repeat(1000);
    for (given, plain, header) in [
        ("Jüpiter 木星.png", "J_piter __.png", "J%C3%BCpiter%20%E6%9C%A8%E6%98%9F.png"),
        ("../../etc/passwd", "_.._etc_passwd", "%2F..%2Fetc%2Fpasswd"),
        (".curlrc", "curlrc", "curlrc"),
        ("a\"; filename=b.exe", "a__ filename_b.exe", "a%22%3B%20filename%3Db.exe"),
        (
            "<script>alert(1)</script>",
            "_script_alert_1___script_",
            "%3Cscript%3Ealert%281%29%3C%2Fscript%3E",
        ),
        (&too_long, &too_long[..255], &too_long[..255]),
    ] {
        let image = Uploaded::from(&app.post_form("image", given, &png(8, 8)).await.is(201));
        let kept: String = given.chars().take(255).collect();
        assert_eq!(image.json["name"], kept);
        let answer = app.get(&format!("{}/original", image.at)).await.is(200);
        assert_eq!(
            answer.header("content-disposition"),
            format!("inline; filename=\"{plain}\"; filename*=UTF-8''{header}")
        );
        let page = app.get(&format!("{}?format=html", image.at)).await.is(200).text();
        assert!(!page.contains("<script"), "{page}");
    }
    // originals, renders and uploads
    assert_eq!(std::fs::read_dir(app.folder().join("blobs")).expect("blobs").count(), 3);

    let bare = app.request(Method::POST, "/images").body(png(8, 8));
    let bare = bare.header("content-disposition", "inline; filename*=UTF-8''..%2Fa%0D%0Ab%00.png");
    assert_eq!(app.send(bare).await.is(201).json()["name"], "../ab.png");
}

#[tokio::test]
async fn a_form_may_code_the_file_name_as_headers_do() {
    let app = TestApp::spawn().await;
    for (disposition, name) in [
        ("name=\"image\"; filename*=UTF-8''J%C3%BCpiter.png", "J\u{fc}piter.png"),
        (
            "name=image; filename=\"=?utf-8?B?SsO8cGl0ZXIucG5n?=\"; filename*=utf-8''J%C3%BCpiter.png",
            "J\u{fc}piter.png",
        ),
        ("NAME=\"image\"; FILENAME=\"mars.png\"", "mars.png"),
    ] {
        let head = format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        let body = [head.as_bytes(), &png(8, 8), b"\r\n--b--\r\n"].concat();
        let post = app.request(Method::POST, "/images").body(body);
        let answer = app.send(post.header("content-type", "multipart/form-data; boundary=b")).await;
        assert_eq!(answer.is(201).json()["name"], name, "{disposition}");
    }
}

#[tokio::test]
async fn a_name_is_text_in_every_answer() {
    let app = TestApp::spawn().await;
    let evil = "</title></text>]]>--><script>alert('1')</script>&amp;\"'\0\r\n\u{1b}[2J\u{85}\u{61c}\u{202e}\u{2066}\u{2028}\u{fffe}\u{ffff}";
    let coded: String = evil.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let post = app.request(Method::POST, "/images").body(png(8, 8));
    let post = post.header("content-disposition", format!("inline; filename*=UTF-8''{coded}"));
    let image = Uploaded::from(&app.send(post).await.is(201));
    let kept: String = evil.chars().filter(|&c| !asciify::is_display_control(c)).collect();
    assert_eq!(app.get(&format!("{}/metadata", image.at)).await.is(200).json()["name"], kept);
    for (path, policy) in [
        (format!("{}?format=html", image.at), "default-src 'none'; style-src 'sha256-"),
        (format!("{}?format=svg", image.at), "default-src 'none'"),
        (format!("{}/original", image.at), "sandbox"),
    ] {
        let answer = app.get(&path).await.is(200);
        let given = answer.header("content-security-policy");
        assert!(given.starts_with(policy) && !given.contains("unsafe"), "{path}: {given}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(answer.header("content-disposition").is_ascii());
        if path.ends_with("original") {
            continue;
        }
        let page = answer.text();
        assert!(page.contains("&lt;script") && !page.contains("<script"), "{page}");
        assert_eq!(page.matches("</title>").count(), 1, "{page}");
        // characters that XML does not allow, not even escaped
        assert!(!page.contains(['\u{fffe}', '\u{ffff}']), "{page}");
    }
}

#[tokio::test]
async fn absurd_ranges_cost_no_more_than_the_file() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let at = format!("{}/original", app.upload(bytes.clone()).await.at);
    let many = format!("bytes={}", "0-,".repeat(20_000));
    for range in [
        many.as_str(),
        "bytes=0-10,5-15,0-",
        "bytes=-18446744073709551616",
        "bytes=18446744073709551616-",
        "bytes=9-18446744073709551616",
        "bytes=--5",
        "bytes=-",
        "bytes=+0-5",
        "bytes=0x0-5",
        "bytes=0-5-9",
        "bytes=\u{661}-5",
        "bytes",
        "",
    ] {
        let answer = app.ask(&at, &[("range", range)]).await.is(200);
        assert!(answer.body == bytes, "{range:.40}");
    }
    for (range, start) in [("bytes=5-18446744073709551615", 5), ("bytes=-18446744073709551615", 0)]
    {
        let answer = app.ask(&at, &[("range", range)]).await.is(206);
        assert!(answer.body == bytes[start..], "{range}");
    }
    app.ask(&at, &[("range", "bytes=18446744073709551615-")]).await.is(416);
}

#[tokio::test]
async fn an_image_that_is_deleted_while_it_is_drawn_is_gone_and_not_lost() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let id = image.id.parse().unwrap();
    let view = app.pipeline.resolve(id, Spec::default(), None, &Principal::Open).await.unwrap();
    app.delete(&image.at).await.is(204);
    let lack = app.pipeline.text(&view).await.unwrap_err();
    assert!(matches!(*lack, ServeError::Draw(DrawError::Deleted)), "{lack}");
}
