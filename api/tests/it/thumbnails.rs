//! Thumbnails: small, legible, and made once.

use std::io::Cursor;

use image::{ImageFormat, RgbImage, RgbaImage};
use testkit::app::{TestApp, files};

use crate::pictures::png;

/// The decoded thumbnail at an address.
async fn thumbnail(app: &TestApp, path: &str) -> RgbImage {
    let answer = app.get(path).await.is(200);
    assert_eq!(answer.header("content-type"), "image/png");
    image::load_from_memory(&answer.body).expect("a PNG").into_rgb8()
}

#[tokio::test]
async fn a_thumbnail_shows_the_render_in_small() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(96, 64)).await;
    let at = format!("{}/thumbnail", image.at);
    for (query, size) in [
        ("", (320, 216)),
        ("?preset=small", (320, 208)),
        ("?preset=large", (320, 212)),
        ("?preset=blocks", (320, 216)),
        ("?width=600&height=40&fit=stretch", (600, 80)),
    ] {
        assert_eq!(thumbnail(&app, &format!("{at}{query}")).await.dimensions(), size, "{query}");
    }
    // the picture is brighter to the right, with a dark corner
    let blocks = thumbnail(&app, &format!("{at}?preset=blocks")).await;
    let red = |x, y| blocks.get_pixel(x, y).0[0];
    assert!(red(20, 20) < red(20, 200).max(40) && red(300, 100) > red(160, 100));
    assert!(red(300, 100) > 200, "{}", red(300, 100));

    app.get(&format!("{at}?format=svg")).await.is(400).tells_problem("bad-parameter", &["PNG"]);
    // however large, in its colours
    let large =
        thumbnail(&app, &format!("{at}?width=1000&height=300&fit=stretch&color=full")).await;
    assert_eq!(large.dimensions(), (1000, 600));
    app.delete(&image.at).await.is(204);
    app.get(&at).await.is(404);
}

#[tokio::test]
async fn a_thumbnail_is_written_once_and_kept_by_browsers_only() {
    let app = TestApp::with(&[("CACHE_BYTES", "0")]).await;
    let image = app.upload(png(96, 64)).await;
    app.work(1).await;
    let at = format!("{}/thumbnail?preset=blocks", image.at);
    let first = app.get(&at).await.is(200);
    assert_eq!(first.header("cache-control"), "private, max-age=3600");
    let tag = first.header("etag");
    app.ask(&at, &[("if-none-match", tag)]).await.is(304);
    app.ask(&at, &[("if-match", "\"other\"")]).await.is(412);
    let text = app.get(&format!("{}?preset=blocks&format=ansi", image.at)).await.is(200).body;
    assert!(first.body.len() < text.len(), "{} bytes of {}", first.body.len(), text.len());
    // neither the render nor the original is read again
    for blob in files(&app.folder().join("blobs")) {
        std::fs::remove_file(blob).expect("a blob");
    }
    assert_eq!(app.get(&at).await.is(200).body, first.body);
}

#[tokio::test]
async fn a_picture_that_would_be_a_black_box_or_a_line_says_so() {
    let app = TestApp::spawn().await;
    let clear = RgbaImage::from_pixel(60, 40, image::Rgba([200, 100, 50, 0]));
    let mut clear_png = Cursor::new(Vec::new());
    clear.write_to(&mut clear_png, ImageFormat::Png).expect("write a picture");
    let black = RgbImage::new(60, 40);
    let mut black_png = Cursor::new(Vec::new());
    black.write_to(&mut black_png, ImageFormat::Png).expect("write a picture");
    for (bytes, preset, size) in [
        (clear_png.clone().into_inner(), "blocks", (288, 192)),
        (clear_png.into_inner(), "default", (288, 192)),
        (black_png.into_inner(), "color", (288, 192)),
        (png(10, 5000), "blocks", (192, 384)),
        (png(5000, 10), "blocks", (480, 192)),
    ] {
        let image = app.upload(bytes).await;
        let at = format!("{}/thumbnail?preset={preset}", image.at);
        let shown = thumbnail(&app, &at).await;
        assert_eq!(shown.dimensions(), size, "{preset}");
        // grey words on black, which take a small part of the picture
        let is_grey = |pixel: &&image::Rgb<u8>| pixel.0 == [148; 3];
        let lit = shown.pixels().filter(is_grey).count() * 100 / shown.pixels().len();
        assert!(shown.pixels().any(|pixel| is_grey(&pixel)) && lit < 20, "{preset}: {lit} %");
        assert!(shown.pixels().all(|image::Rgb([r, g, b])| r == g && g == b), "{preset}");
    }
}
