//! Traces: one from an upload to its stored renders, over the processes that take part.

use axum::http::Method;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use testkit::wait::eventually;

use crate::support::{
    collector::{Collector, Received},
    pictures::pictures,
    servers::Servers,
    site::Site,
    test_client::TestClient,
};

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// A site whose processes export their traces.
async fn traced_site(servers: &Servers) -> (Site, Collector) {
    let (collector, url) = Collector::serve().await;
    let mut site = Site::open(servers).await;
    site.set("OTEL_EXPORTER_OTLP_ENDPOINT", &url);
    // the delay of OpenTelemetry's SDK between two exports, in milliseconds
    site.set("OTEL_BSP_SCHEDULE_DELAY", "50");
    (site, collector)
}

/// Uploads with a trace of the caller's; returns the id of the image.
async fn upload_traced(url: &str, traceparent: &str) -> String {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = http.post(format!("{url}/images")).header("traceparent", traceparent);
    let picture = pictures(1).remove(0);
    let answer = post.body(picture.bytes.clone()).send().await.unwrap();
    crate::support::test_client::id(answer.error_for_status().unwrap()).await.unwrap()
}

async fn wait_until_ready(url: &str, id: &str) {
    let client = TestClient::of(&[url]);
    eventually("the image is ready", async || {
        let body = client.json(&format!("/images/{id}/metadata")).await;
        (body["status"] == "ready").then_some(())
    })
    .await;
}

fn one<'a>(spans: &'a [Received], name: &str) -> &'a Received {
    let mut found = spans.iter().filter(|span| span.name == name);
    let span = found.next().unwrap_or_else(|| panic!("no span {name} among {spans:#?}"));
    assert!(found.next().is_none(), "several spans {name}");
    span
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_an_upload_over_the_broker_to_the_stored_renders() {
    let Some(servers) = Servers::shared().await else { return };
    let (mut site, collector) = traced_site(&servers).await;
    // jobs are heard of by hints alone
    site.set("POLL_S", "1000");
    let (mut api, mut worker) = (site.api().await, site.worker().await);
    // the caller does not decide whether its trace is exported
    let id = upload_traced(&api.url, CALLER).await;
    wait_until_ready(&api.url, &id).await;
    // what is not exported yet is when the processes end
    for process in [&mut api.process, &mut worker.process] {
        process.signal("TERM");
        assert!(process.ended().await.success());
    }
    let spans = collector.spans();
    let of_trace: Vec<Received> =
        spans.iter().filter(|span| span.trace == TRACE).cloned().collect();

    let server = one(&of_trace, "POST /images");
    assert_eq!((server.kind, server.parent.as_str()), (SpanKind::Server, SPAN));
    assert_eq!(server.service, "planet-api");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/images"),
        ("http.response.status_code", "201"),
        ("url.path", "/images"),
    ] {
        assert_eq!(server.attributes[key], value, "{key}");
    }
    let is_producer = |span: &&Received| span.kind == SpanKind::Producer;
    let producer = of_trace.iter().find(is_producer).expect("a producer");
    assert_eq!(producer.parent, server.id);
    assert_eq!(producer.attributes["messaging.system"], "rabbitmq");
    let queue = &producer.attributes["messaging.destination.name"];
    assert_eq!(producer.name, format!("publish {queue}"));
    let consumer = one(&of_trace, &format!("process {queue}"));
    assert_eq!((consumer.kind, &consumer.parent), (SpanKind::Consumer, &producer.id));
    assert_eq!(consumer.links, std::slice::from_ref(&producer.id));
    assert_eq!(consumer.service, "planet-worker");
    assert_eq!(consumer.attributes["planet.image"], id);
    assert_eq!(consumer.attributes["planet.outcome"], "done");
    for (step, parent) in
        [("receive", server), ("probe", server), ("load", consumer), ("render", consumer)]
    {
        let step = one(&of_trace, step);
        assert_eq!((step.kind, &step.parent), (SpanKind::Internal, &parent.id), "{step:?}");
        assert!(step.time.0 <= step.time.1 && parent.time.0 <= step.time.0, "{step:?}");
    }
    // the original and the texts are stored, image and renders committed
    for (step, parents) in [("store", [server, consumer]), ("commit", [producer, consumer])] {
        for parent in parents {
            let is_step = |span: &&Received| span.name == step && span.parent == parent.id;
            assert!(of_trace.iter().any(|span| is_step(&span)), "{step} of {}", parent.name);
        }
    }
    assert!(of_trace.iter().all(|span| !span.is_failed));
    // neither probes nor lines of the database
    assert!(spans.iter().all(|span| !span.name.contains("readyz")), "{spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_found_by_polling_and_one_that_is_retried_stay_in_the_trace() {
    let Some(servers) = Servers::shared().await else { return };
    let (mut site, collector) = traced_site(&servers).await;
    let api = site.api().await;
    // workers that listen at another queue hear no hint
    site.set("QUEUE_NAME", &format!("test.{}", uuid::Uuid::now_v7()));
    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let mut victim = site.worker().await;
    let id = upload_traced(&api.url, CALLER).await;
    trap.hit().await;
    victim.process.kill();
    trap.release();

    let _worker = site.worker().await;
    wait_until_ready(&api.url, &id).await;
    let consumers = collector.wait_for("the span of the retried job", 1, |span| {
        span.kind == SpanKind::Consumer && span.attributes["planet.image"] == id
    });
    let consumers = consumers.await;
    let producers = collector.wait_for("the producer", 1, |span| span.kind == SpanKind::Producer);
    let producer = producers.await.remove(0);
    for consumer in &consumers {
        assert_eq!((consumer.trace.as_str(), &consumer.parent), (TRACE, &producer.id));
        assert_eq!(consumer.links, std::slice::from_ref(&producer.id));
    }
    assert!(consumers.iter().any(|span| span.attributes["planet.attempt"] == "2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_of_exported_traces_is_a_setting_and_none_are_exported_by_default() {
    let Some(servers) = Servers::shared().await else { return };
    let (mut site, collector) = traced_site(&servers).await;
    site.set("OTEL_TRACES_SAMPLER_ARG", "0");
    let sampled = CALLER.replace("3331-00", "3331-01");
    let (mut none, mut worker) = (site.api().await, site.worker().await);
    let id = upload_traced(&none.url, &sampled).await;
    wait_until_ready(&none.url, &id).await;
    site.unset("OTEL_EXPORTER_OTLP_ENDPOINT");
    let mut off = site.api().await;
    upload_traced(&off.url, &sampled).await;
    for process in [&mut none.process, &mut worker.process, &mut off.process] {
        process.signal("TERM");
        assert!(process.ended().await.success());
    }
    assert_eq!(collector.headers().len(), 0);
    // logs have the trace nevertheless, in both processes
    for process in [&none.process, &worker.process, &off.process] {
        assert!(process.log().contains(TRACE), "{}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_delays_nothing() {
    let Some(servers) = Servers::shared().await else { return };
    let (mut site, collector) = traced_site(&servers).await;
    site.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let (api, worker) = (site.api().await, site.worker().await);
    let id = upload_traced(&api.url, CALLER).await;
    wait_until_ready(&api.url, &id).await;
    eventually("the log says so", async || {
        api.process.log().contains("traces are lost").then_some(())
    })
    .await;
    assert!(collector.spans().is_empty());
    drop((api, worker));
}
