//! `GET /images/{id}`: options, sources of a render, and concurrent requests.

use std::time::Duration;

use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::{
    pictures::{drawn, file, noise, png},
    versions::lose_original,
};

#[tokio::test]
async fn options_change_the_picture() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    for (asked, meant) in [
        ("width=20", "width=20"),
        ("height=7", "height=7"),
        ("width=20&height=20", "width=20&height=20"),
        ("width=20&height=20&fit=cover", "width=20&height=20&fit=cover"),
        ("width=20&height=20&fit=stretch", "width=20&height=20&fit=stretch"),
        ("invert=true", "width=80&invert=true"),
        ("cell=1", "width=80&cell=1"),
        ("preset=small&invert=true", "width=40&invert=true"),
        ("preset=large&width=12", "width=12"),
        ("width=1000", "width=1000"),
        ("%77idth=2%30", "width=20"),
    ] {
        let text = app.text(&format!("{}?{asked}", image.at)).await;
        assert_eq!(text, drawn(&bytes, meant), "{asked}");
    }
    let text = app.text(&format!("{}?width=20&height=20&fit=stretch", image.at)).await;
    assert_eq!(text.lines().count(), 20);
    assert!(text.lines().all(|line| line.chars().count() == 20));
}

#[tokio::test]
async fn options_that_equal_a_preset_s_are_that_preset() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    app.work(1).await;
    lose_original(&app, &image);
    for (asked, meant) in [
        ("", "width=80"),
        ("?", "width=80"),
        ("?preset=default", "width=80"),
        ("?width=80", "width=80"),
        ("?width=080&fit=contain&cell=0.5&invert=false", "width=80"),
        ("?preset=small", "width=40"),
        ("?width=40", "width=40"),
        ("?preset=large&invert=false", "width=160"),
        ("?preset=small&width=160", "width=160"),
    ] {
        assert_eq!(
            app.text(&format!("{}{asked}", image.at)).await,
            drawn(&bytes, meant),
            "{asked}"
        );
    }
    // other renders need the original
    let other = app.get(&format!("{}?width=41", image.at)).await.is(503);
    other.tells_problem("unavailable", &["original"]);
}

#[tokio::test]
async fn a_text_is_made_once_and_kept_in_memory() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let at = format!("{}?width=33", image.at);
    let first = app.get(&at).await.is(200);
    assert_eq!(first.header("cache-status"), "planet; fwd=miss; stored");
    let timing = first.header("server-timing");
    let stages: Vec<&str> =
        timing.split(", ").filter_map(|stage| stage.split(';').next()).collect();
    assert_eq!(stages, ["room", "load", "memory", "wait", "render"], "{timing}");

    lose_original(&app, &image);
    // an equivalent query
    let again = app.get(&format!("{}?cell=0.500&width=033", image.at)).await.is(200);
    assert_eq!(again.header("cache-status"), "planet; hit");
    assert_eq!(again.header("server-timing"), "");
    assert_eq!(again.text(), first.text());
    assert_eq!(again.header("etag"), first.header("etag"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_requests_at_once_do_the_work_once() {
    let app = TestApp::spawn().await;
    let image = app.upload(noise(400, 3)).await;
    let at = format!("{}?width=99", image.at);
    let answers = join_all((0..50).map(|_| app.get(&at))).await;
    let misses = answers.iter().filter(|answer| answer.source() == "render").count();
    assert_eq!(misses, 1);
    let text = drawn(&noise(400, 3), "width=99");
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.text() == text));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_that_waits_too_long_for_a_core_gets_503() {
    let app = TestApp::with(&[("RENDER_CONCURRENCY", "1"), ("RENDER_WAIT_S", "0.05")]).await;
    let image = app.upload(noise(1500, 5)).await;
    let paths: Vec<String> = (0..24).map(|n| format!("{}?width={}", image.at, 500 + n)).collect();
    let answers = join_all(paths.iter().map(|path| app.get(path))).await;
    let (served, refused): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!served.is_empty() && !refused.is_empty(), "{} served", served.len());
    for answer in refused {
        answer.is(503).tells_problem("busy", &["try again"]);
    }
    // a refusal is not cached
    for path in &paths {
        assert_eq!(app.get(path).await.is(200).version(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reader_who_leaves_takes_nothing_from_the_others() {
    let app = TestApp::spawn().await;
    let image = app.upload(noise(600, 7)).await;
    let at = format!("{}?width=77", image.at);
    let impatient = app.request(reqwest::Method::GET, &at).timeout(Duration::from_millis(5)).send();
    let (left, stayed) = tokio::join!(impatient, join_all((0..4).map(|_| app.get(&at))));
    drop(left);
    assert!(stayed.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_render_that_the_store_lost_is_drawn_again() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let text = app.text(&image.at).await;
    let app = app.restart(&[], |_| {}).await;
    std::fs::remove_dir_all(app.folder().join("blobs/renders")).expect("lose the renders");
    let answer = app.get(&image.at).await.is(200);
    assert_eq!((answer.source(), answer.text()), ("render", text));
}

#[tokio::test]
async fn colours_are_kept_for_outputs_that_show_them() {
    let look = "width=20&symbols=quad&color=256&color_on=both";
    let app = TestApp::with(&[("PRESETS", &format!("default?{look}"))]).await;
    let image = app.upload(png(64, 40)).await;
    for stored in [false, true] {
        if stored {
            app.work(1).await;
            lose_original(&app, &image);
        }
        let terminal = app.get(&image.at).await.is(200);
        assert_eq!(terminal.header("content-type"), "text/plain; charset=utf-8");
        assert!(terminal.text().contains("\u{1b}[38;5;"), "{}", terminal.text());
        let same = app.text(&format!("{}?{look}&format=ansi", image.at)).await;
        assert_eq!(same, terminal.text());
        let plain = app.text(&format!("{}?format=txt", image.at)).await;
        assert!(!plain.contains('\u{1b}') && plain.lines().all(|row| row.chars().count() == 20));
        let page = app.text(&format!("{}?format=html", image.at)).await;
        assert!(page.contains("<i class=\"c0\">") && page.contains(".c0{"), "{page}");
        assert!(!page.contains('\u{1b}') && !page.contains("style="), "{page}");
        let drawing = app.text(&format!("{}?format=svg", image.at)).await;
        assert!(drawing.starts_with("<svg ") && drawing.contains("<path fill=\"#"));
        let picture = app.get(&format!("{}?format=png", image.at)).await.is(200);
        let picture = image::load_from_memory(&picture.body).expect("a PNG").into_rgb8();
        assert_eq!(picture.width(), 20 * 16);
        assert!(picture.pixels().any(|pixel| pixel.0 != [0; 3]));
    }
}

#[tokio::test]
async fn a_picture_of_too_many_cells_is_refused() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    let large = format!("{}?width=400&height=400&fit=stretch", image.at);
    app.get(&large).await.is(200);
    let answer = app.get(&format!("{large}&format=png")).await.is(400);
    answer.tells_problem("bad-parameter", &["format", "100000 cells"]);
}

#[tokio::test]
async fn a_ramp_of_one_s_own_travels_in_an_address() {
    let app = TestApp::spawn().await;
    let bytes = png(64, 40);
    let image = app.upload(bytes.clone()).await;
    let ramp = "width=20&symbols=ramp:%20-%2B%26%23%E2%96%88";
    let text = app.text(&format!("{}?{ramp}", image.at)).await;
    assert_eq!(text, drawn(&bytes, ramp));
    assert!(text.chars().all(|it| " -+&#█\n".contains(it)), "{text}");
}

#[tokio::test]
async fn what_an_image_has_not_cannot_be_asked_for() {
    let app = TestApp::spawn().await;
    let image = app.upload(file(ImageFormat::Tiff, 30, 20)).await;
    let described = app.get(&format!("{}/metadata", image.at)).await.is(200).json();
    for (name, value) in [("format", json!("TIFF")), ("bands", json!(3)), ("frames", json!(1))] {
        assert_eq!(described[name], value);
    }
    let red = app.text(&format!("{}?bands=1&stretch=0:128", image.at)).await;
    assert_ne!(red, app.text(&format!("{}?bands=3&stretch=0:128", image.at)).await);
    for (asked, told) in [
        ("bands=4", "bands must be whole numbers from 1 to 3"),
        ("bands=1,2", "bands must be auto, one band, or three joined by commas"),
        ("frame=1", "frame must be 0: the image has no other frame"),
        ("region=30,0,1,1", "region must be within the image, which has 30 × 20 pixels"),
        ("region=0,0,0,1", "region must be full, square, left, top, width and height"),
        (
            "stretch=5:1",
            "stretch must be auto, none, two numbers such as 0:3000, or three such pairs",
        ),
    ] {
        let answer = app.get(&format!("{}?{asked}", image.at)).await.is(400);
        answer.tells_problem("bad-parameter", &[told]);
    }
}
