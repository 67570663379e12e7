//! Conditional requests (RFC 9110, 13).

use reqwest::Method;
use testkit::app::{Answer, TestApp};

use crate::pictures::png;

const LONG_AGO: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

async fn with(app: &TestApp, method: Method, at: &str, condition: (&str, &str)) -> Answer {
    app.send(app.request(method, at).header(condition.0, condition.1)).await
}

#[tokio::test]
async fn a_reader_can_insist_on_a_state() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    for at in [image.at.clone(), format!("{}/original", image.at)] {
        let answer = app.get(&at).await.is(200);
        let (tag, date) = (answer.header("etag"), answer.header("last-modified"));
        for (condition, status) in [
            (("if-match", tag), 200),
            (("if-match", "*"), 200),
            (("if-match", "\"other\""), 412),
            (("if-unmodified-since", date), 200),
            (("if-unmodified-since", LONG_AGO), 412),
            (("if-modified-since", date), 304),
            (("if-modified-since", LONG_AGO), 200),
            (("if-modified-since", "yesterday"), 200),
        ] {
            let answer = with(&app, Method::GET, &at, condition).await.is(status);
            if status == 412 {
                answer.tells_problem("precondition-failed", &["condition"]);
            }
        }
    }
}

#[tokio::test]
async fn only_what_the_client_means_is_deleted() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let tag = app.get(&image.at).await.header("etag").to_owned();
    for condition in [
        ("if-match", "\"other\""),
        ("if-none-match", &*tag),
        ("if-none-match", "*"),
        ("if-unmodified-since", LONG_AGO),
    ] {
        let answer = with(&app, Method::DELETE, &image.at, condition).await.is(412);
        answer.tells_problem("precondition-failed", &["condition"]);
        app.get(&image.at).await.is(200);
    }
    // the tag of any coding
    let coded = tag.replace("\"", "-gzip\"").replacen("-gzip\"", "\"", 1);
    with(&app, Method::DELETE, &image.at, ("if-match", &coded)).await.is(204);
    with(&app, Method::DELETE, &image.at, ("if-match", "*")).await.is(404);
}
