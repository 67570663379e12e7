//! Refused requests: the problem says what is valid, and nothing is left behind.

use image::ImageFormat;
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use testkit::app::TestApp;

use crate::{
    pictures::{file, png, png_claiming},
    wire::Wire,
};

#[tokio::test]
async fn bytes_that_are_no_image_that_we_take() {
    let app = TestApp::with(&[("MAX_FRAMES", "1")]).await;
    let (jpeg, whole) = (file(ImageFormat::Jpeg, 64, 40), png(64, 40));
    let cases: [(&[u8], u16, &str, &[&str]); 9] = [
        (b"", 400, "empty-upload", &["empty"]),
        (b"hello, world", 415, "unknown-format", &["JPEG", "PNG", "GIF", "WebP", "BMP", "TIFF"]),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            415,
            "unknown-format",
            &["SVG", "save it as PNG"],
        ),
        (b"%PDF-1.7\n", 415, "unknown-format", &["PDF", "save the page as PNG"]),
        (&[0; 4096], 415, "unknown-format", &["JPEG"]),
        (&jpeg[..jpeg.len() / 2], 422, "bad-image", &["JPEG", "cut off"]),
        (&whole[..whole.len() / 2], 422, "bad-image", &["PNG", "cut off"]),
        (&whole[..20], 422, "bad-image", &["PNG", "cut off"]),
        (&png_claiming(60_000, 60_000), 422, "over-limit", &["pixels", "3600000000", "128000000"]),
    ];
    for (bytes, status, slug, words) in cases {
        app.post(bytes.to_vec()).await.is(status).tells_problem(slug, words);
        app.post_form("image", "x.png", bytes).await.is(status).tells_problem(slug, words);
        assert_eq!(app.leftovers().await, [] as [&str; 0], "{slug}");
    }
    let side = app.post(png_claiming(70_000, 1)).await.is(422);
    side.tells_problem("over-limit", &["70000", "65535"]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn control_characters_of_a_request_are_escaped_in_problems() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let evil = "%1B%5B31m%C2%9B1m%7F%0A%D8%9C%E2%80%8E%E2%80%AE%E2%81%A6%E2%80%A8";
    for path in ["/images", "/presets", "/images/x", &image.at] {
        for query in [format!("{evil}=1"), format!("{evil}&{evil}"), format!("width={evil}")] {
            let answer = app.get(&format!("{path}?{query}")).await;
            let text = answer.text();
            let body = text.trim_end_matches('\n');
            assert!(!body.contains(asciify::is_display_control), "{path}: {body:?}");
            if answer.status == 400 {
                let problem = answer.json();
                let detail = problem["detail"].as_str().expect("a detail");
                assert!(!detail.contains(asciify::is_display_control), "{path}: {detail:?}");
            }
        }
        app.post_form("\u{9b}31m\u{202e}", "\u{9b}.png", &png(8, 8)).await.is(400);
    }
}

#[tokio::test]
async fn limits_are_settings() {
    let settings = [("MAX_SIDE_PX", "32"), ("MAX_PIXELS", "500"), ("MAX_DECODED_BYTES", "100000")];
    let app = TestApp::with(&settings).await;
    app.upload(file(ImageFormat::Gif, 16, 16)).await;
    app.post(png(33, 1)).await.is(422).tells_problem("over-limit", &["33", "32"]);
    app.post(png(32, 32)).await.is(422).tells_problem("over-limit", &["1024", "500"]);
    app.post(png(20, 20)).await.is(422).tells_problem("over-limit", &["bytes", "100000"]);
    assert_eq!(app.count("images").await, 1);
}

#[tokio::test]
async fn one_byte_too_many_is_refused_with_an_answer_that_can_be_read() {
    let app = TestApp::with(&[("MAX_UPLOAD_BYTES", "300000")]).await;
    let mut bytes = png(64, 40);
    bytes.resize(300_001, 0);
    // bytes after the end of an image are ignored
    app.upload(&bytes[..300_000]).await;
    app.post_form("image", "x", &bytes[..300_000]).await.is(201);
    let (images, blobs) = (app.count("images").await, app.count("blob_gc").await);

    // with a Content-Length, and a client that sends the body without waiting for the response
    app.post(bytes.clone()).await.is(413).tells_problem("too-large", &["300000 bytes"]);
    app.post_form("image", "x", &bytes).await.is(413).tells_problem("too-large", &["300000 bytes"]);
    let mut much = Wire::post(&app, &["Content-Length: 30000000"]).await;
    much.send(&vec![0; 30_000_000]).await;
    much.answer().await.is(413).tells_problem("too-large", &["300000 bytes"]);

    // without a Content-Length
    let mut chunked = Wire::post(&app, &["Transfer-Encoding: chunked"]).await;
    for chunk in bytes.chunks(10_000) {
        chunked.send(format!("{:x}\r\n", chunk.len()).as_bytes()).await;
        chunked.send(chunk).await;
        chunked.send(b"\r\n").await;
    }
    chunked.send(b"0\r\n\r\n").await;
    chunked.answer().await.is(413).tells_problem("too-large", &["300000 bytes"]);

    let head = ["Content-Type: multipart/form-data; boundary=b", "Transfer-Encoding: chunked"];
    let mut form = Wire::post(&app, &head).await;
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x\"\r\n\r\n".to_vec();
    body.extend(&bytes);
    body.extend(b"\r\n--b--\r\n");
    form.send(format!("{:x}\r\n", body.len()).as_bytes()).await;
    form.send(&body).await;
    form.send(b"\r\n0\r\n\r\n").await;
    form.answer().await.is(413).tells_problem("too-large", &["300000 bytes"]);

    // with `Expect: 100-continue`, the client does not send the body
    let ask = ["Content-Length: 300001", "Expect: 100-continue"];
    Wire::post(&app, &ask)
        .await
        .answer()
        .await
        .is(413)
        .tells_problem("too-large", &["300000 bytes"]);

    assert_eq!(app.count("images").await, images);
    assert_eq!(app.count("blob_gc").await, blobs);
    assert_eq!(testkit::app::files(&app.folder().join("spool")), [] as [&str; 0]);
}

#[tokio::test]
async fn forms_that_hold_no_image_or_several() {
    let app = TestApp::spawn().await;
    let image = || Part::bytes(png(8, 8)).file_name("x.png");
    let post =
        async |form: Form| app.send(app.request(Method::POST, "/images").multipart(form)).await;

    post(Form::new()).await.is(400).tells_problem("bad-request", &["form"]);
    post(Form::new().text("title", "Mars")).await.is(400).tells_problem("no-file", &["image"]);
    post(Form::new().part("photo", image()))
        .await
        .is(400)
        .tells_problem("no-file", &["named image"]);
    let two = Form::new().part("image", image()).part("file", image());
    post(two).await.is(400).tells_problem("several-files", &["one image"]);
    let long = Form::new().text("title", "x".repeat(70_000)).part("image", image());
    post(long).await.is(400).tells_problem("bad-request", &["65536"]);
    let many = (0..101).fold(Form::new(), |form, n| form.text(format!("field{n}"), "x"));
    post(many).await.is(400).tells_problem("bad-request", &["100 parts"]);
    app.nothing_is_left().await;

    // other fields are allowed
    post(Form::new().text("title", "Mars").part("image", image()).text("x", "y")).await.is(201);
}

#[tokio::test]
async fn forms_that_are_malformed() {
    let app = TestApp::spawn().await;
    let part = "Content-Disposition: form-data; name=\"image\"; filename=\"x.png\"";
    let form = "multipart/form-data; boundary=b";
    for (media_type, body) in [
        ("multipart/form-data", format!("--b\r\n{part}\r\n\r\nx\r\n--b--\r\n")),
        ("multipart/form-data; boundary=", format!("--b\r\n{part}\r\n\r\nx\r\n--b--\r\n")),
        ("multipart/form-data; boundary=other", format!("--b\r\n{part}\r\n\r\nx\r\n--b--\r\n")),
        (form, format!("--b\r\n{part}\r\n\r\nx")),
        (form, format!("--b\r\n{part}")),
        (form, "--b\r\nno header at all\r\n\r\nx\r\n--b--\r\n".to_owned()),
        (form, "no form at all".to_owned()),
        (form, String::new()),
    ] {
        let request = app.request(Method::POST, "/images").header("content-type", media_type);
        let answer = app.send(request.body(body.clone())).await;
        assert_eq!(answer.status, 400, "{media_type} {body}");
        answer.tells_problem("bad-request", &["form"]);
        assert_eq!(app.leftovers().await, [] as [&str; 0]);
    }
    // also with a large body
    let request =
        app.request(Method::POST, "/images").header("content-type", "multipart/form-data");
    app.send(request.body(vec![0; 20_000_000]))
        .await
        .is(400)
        .tells_problem("bad-request", &["boundary"]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn a_name_that_is_no_utf_8_is_no_harm() {
    let app = TestApp::spawn().await;
    let head = ["Content-Type: multipart/form-data; boundary=b"];
    let mut body =
        b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"caf\xe9.png\"\r\n\r\n"
            .to_vec();
    body.extend(png(8, 8));
    body.extend(b"\r\n--b--\r\n");
    let length = format!("Content-Length: {}", body.len());
    let mut wire = Wire::post(&app, &[head[0], &length]).await;
    wire.send(&body).await;
    let answer = wire.answer().await;
    assert!(matches!(answer.status, 201 | 400), "{answer:?}");
}

#[tokio::test]
async fn options_that_do_not_exist_or_make_no_sense() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    for (query, words) in [
        ("width=0", ["width", "1 to 1000"]),
        ("width=1001", ["width", "1 to 1000"]),
        ("width=99999", ["width", "1 to 1000"]),
        ("width=-1", ["width", "1 to 1000"]),
        ("width=1.5", ["width", "1 to 1000"]),
        ("width=abc", ["width", "1 to 1000"]),
        ("width=", ["width", "1 to 1000"]),
        ("width=+5", ["width", "1 to 1000"]),
        ("width=99999999999999999999", ["width", "1 to 1000"]),
        ("height=0", ["height", "1 to 1000"]),
        ("fit=fill", ["fit", "contain, cover or stretch"]),
        ("cell=0", ["cell", "0.1 to 10"]),
        ("cell=NaN", ["cell", "0.1 to 10"]),
        ("invert=yes", ["invert", "true or false"]),
        ("invert", ["invert", "true or false"]),
        ("version=0", ["version", "positive whole number"]),
        ("version=abc", ["version", "positive whole number"]),
        ("version=-1", ["version", "positive whole number"]),
        ("version=99999999999", ["version", "positive whole number"]),
        ("format=jpeg", ["format", "txt"]),
        ("format=", ["format", "txt"]),
        ("preset=nope", ["preset", "default, small, large"]),
        ("preset=", ["preset", "default, small, large"]),
        ("colour=red", ["colour", "width"]),
        ("Width=8", ["Width", "width"]),
        ("%ff=1", ["width", "invert"]),
        ("=1", ["width", "invert"]),
        ("width=8&width=8", ["width", "twice"]),
        ("width=8&%77idth=9", ["width", "twice"]),
        ("format=txt&format=html", ["format", "twice"]),
    ] {
        let answer = app.get(&format!("{}?{query}", image.at)).await;
        assert_eq!(answer.status, 400, "{query}");
        answer.tells_problem("bad-parameter", &words);
    }
    // a long unknown name is truncated in the message
    let long = app.get(&format!("{}?{}=1", image.at, "x".repeat(5000))).await.is(400);
    assert!(long.body.len() < 1000, "{}", long.text());
}

#[tokio::test]
async fn pages_that_cannot_be() {
    let app = TestApp::spawn().await;
    for (query, words) in [
        ("limit=0", ["limit", "1 to 200"]),
        ("limit=201", ["limit", "1 to 200"]),
        ("limit=x", ["limit", "1 to 200"]),
        ("limit=-1", ["limit", "1 to 200"]),
        ("cursor=x", ["cursor", "next"]),
        ("cursor=", ["cursor", "next"]),
        ("sort=name&cursor=x.y", ["cursor", "same `sort`"]),
        ("sort=size&cursor=01a20f99-48b9-701c-bde0-968a90457218.x", ["cursor", "next"]),
        ("sort=name&cursor=01a20f99-48b9-701c-bde0-968a90457218.%00", ["cursor", "next"]),
        ("cursor=01a20f99-48b9-701c-bde0-968a90457218.7", ["cursor", "next"]),
        ("before=x", ["before", "next"]),
        ("sort=name&after=01a20f99-48b9-701c-bde0-968a90457218", ["after", "before"]),
        ("sort=random", ["sort", "newest, oldest, name, size"]),
        ("count=yes", ["count", "true or false"]),
        (&format!("q={}", "x".repeat(101)), ["q", "100 characters"]),
        (&format!("sort=name&sha256={}", "0".repeat(64)), ["sha256", "sort=name"]),
        (&format!("q=a&sha256={}", "0".repeat(64)), ["sha256", "q"]),
        ("sha256=abc", ["sha256", "64 hexadecimal digits"]),
        ("sha256=zz", ["sha256", "64 hexadecimal digits"]),
        ("offset=3", ["offset", "cursor"]),
        ("limit=3&limit=3", ["limit", "twice"]),
    ] {
        let answer = app.get(&format!("/images?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        answer.tells_problem("bad-parameter", &words);
    }
}

#[tokio::test]
async fn ids_that_are_none() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let unknown = image.at.replace(&image.id[..8], "01999999");
    let mut paths = vec![unknown, format!("/images/{}", image.id.to_uppercase())];
    paths.push(format!("/images/{}", image.id.replace('-', "")));
    paths.push(format!("/images/%7B{}%7D", image.id));
    for id in ["x", "0", "%ff", "%00", "..%2f..%2fetc%2fpasswd", "%2e%2e%2f", "%252e", "null", "🪐"]
    {
        paths.push(format!("/images/{id}"));
    }
    for path in paths {
        for part in ["", "/metadata", "/original", "/renders"] {
            let answer = app.get(&format!("{path}{part}")).await;
            assert_eq!(answer.status, 404, "{path}{part}");
            answer.tells_problem("not-found", &["no such"]);
        }
        app.delete(&path).await.is(404);
    }
    app.get(&image.at).await.is(200);
}

#[tokio::test]
async fn addresses_that_do_not_exist() {
    let app = TestApp::spawn().await;
    let id = app.upload(png(8, 8)).await.id;
    for path in [
        "/nowhere",
        "/images/",
        "//images",
        "/Images",
        "/images/../x",
        "/images/../../etc/passwd",
        "/images/%2e%2e/x",
        &format!("/images/{id}/"),
        &format!("/images/{id}/nothing"),
        &format!("/images/{id}/original/x"),
        "/problems/nonsense",
        "/problems/%ff",
        "/problems/",
        "/images/%",
        "/docs/",
        "/favicon.ico",
    ] {
        // by hand: a client library would normalise the address
        let answer = Wire::open(&app, Method::GET, path, &[]).await.answer().await.is(404);
        answer.tells_problem("not-found", &["no such"]);
    }
    app.get("/docs/").await.is(404).tells_problem("not-found", &["end with a slash"]);
    let loud = app.get(&format!("/images/{}", id.to_uppercase())).await.is(404);
    loud.tells_problem("not-found", &["lower case"]);
    let answer = app.get(&format!("/images/{id}?version=99")).await.is(404);
    answer.tells_problem("not-found", &["99", "/renders"]);
}

#[tokio::test]
async fn slips_with_curl_are_guessed() {
    let app = TestApp::spawn().await;
    let no_at =
        "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nphoto.jpg\r\n--b--\r\n";
    for (media_type, body, hint) in [
        ("multipart/form-data; boundary=b", no_at.as_bytes(), "-F image=@photo.jpg"),
        ("application/x-www-form-urlencoded", b"image=@photo.jpg", "-F image=@photo.jpg"),
        ("application/x-www-form-urlencoded", b"\x89PNG\x1a\rIHDR", "--data-binary @photo"),
    ] {
        let post = app.request(Method::POST, "/images").header("content-type", media_type);
        let answer = app.send(post.body(body.to_vec())).await.is(415);
        answer.tells_problem("unknown-format", &["PNG", hint]);
    }
    // no file name, and no text
    let bytes = [no_at.split("photo.jpg").next().unwrap_or_default().as_bytes(), &[0; 80]].concat();
    let post = app.request(Method::POST, "/images");
    let post = post.header("content-type", "multipart/form-data; boundary=b");
    let answer = app.send(post.body([&bytes, &b"\r\n--b--\r\n"[..]].concat())).await.is(415);
    assert!(!answer.text().contains("curl"), "{}", answer.text());
    let drawn = app.request(Method::POST, "/images?width=20").body(png(8, 8));
    app.send(drawn).await.is(400).tells_problem("bad-parameter", &["width", "requested"]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn methods_that_an_address_does_not_take() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    for (method, path, allow) in [
        (Method::PUT, "/images", "GET,HEAD,POST"),
        (Method::DELETE, "/images", "GET,HEAD,POST"),
        (Method::POST, &*image.at, "DELETE,GET,HEAD"),
        (Method::PATCH, &*image.at, "DELETE,GET,HEAD"),
        (Method::DELETE, "/presets", "GET,HEAD"),
        (Method::POST, "/livez", "GET,HEAD"),
        (Method::from_bytes(b"BREW").expect("a method"), "/presets", "GET,HEAD"),
    ] {
        let answer = app.send(app.request(method, path)).await.is(405);
        let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        allowed.sort();
        assert_eq!(allowed.join(","), allow, "{path}");
        answer.tells_problem("method-not-allowed", &["Allow"]);
    }
    app.get(&image.at).await.is(200);
}

#[tokio::test]
async fn keys_that_are_none() {
    let app = TestApp::spawn().await;
    let long = "k".repeat(256);
    for key in ["", &*long, "caf\u{e9}"] {
        let request = app.request(Method::POST, "/images").header("idempotency-key", key);
        let answer = app.send(request.body(png(8, 8))).await.is(400);
        answer.tells_problem("bad-parameter", &["Idempotency-Key", "1 to 255 visible ASCII"]);
    }
    let two = app.request(Method::POST, "/images").header("idempotency-key", "a");
    let two = two.header("idempotency-key", "b").body(png(8, 8));
    app.send(two).await.is(400).tells_problem("bad-parameter", &["Idempotency-Key", "once"]);
    app.nothing_is_left().await;
}

#[tokio::test]
async fn uploads_leave_room_on_the_disk() {
    // more than any disk has
    let app = TestApp::with(&[("SPOOL_FREE_BYTES", "9000000000000000000")]).await;
    let answer = app.post(png(64, 40)).await.is(507);
    assert_eq!(answer.header("retry-after"), "60");
    answer.tells_problem("no-room", &["no space for uploads"]);
    app.post_form("image", "x.png", &png(64, 40)).await.is(507);
    app.nothing_is_left().await;
}
