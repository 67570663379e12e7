//! A rolling restart behind a proxy, under load.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use testkit::wait::eventually;

use crate::support::{
    pictures::picture,
    process::free_port,
    proxy::{Load, Proxy, Tools},
    servers::Servers,
    site::Site,
    test_client::{StoredImage, TestClient},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_behind_nginx_loses_no_request() {
    let Some(servers) = Servers::shared().await else { return };
    let Some(tools) = Tools::find() else { return };
    let mut site = Site::open(&servers).await;
    // much longer than nginx keeps a connection that is not used, and than it avoids a server
    site.set("SHUTDOWN_NOTICE_S", "6");
    let binds = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let mut apis = vec![site.api_at(&binds[0]).await, site.api_at(&binds[1]).await];
    let worker = site.worker().await;
    let proxy = Proxy::start(&tools, &[&binds[0], &binds[1]]).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (ended, url, curl) = (stop.clone(), proxy.url.clone(), tools.curl.clone());
    let uploads = tokio::task::spawn_blocking(move || {
        let mut kept = Vec::new();
        for nth in 0.. {
            let picture = picture(nth);
            if ended.load(Ordering::Relaxed) {
                break;
            }
            let folder = tempfile::TempDir::new().unwrap();
            let file = folder.path().join("picture");
            std::fs::write(&file, &picture.bytes).unwrap();
            let key = format!("key-{nth}");
            // as one try: nothing repeats it
            let output = Command::new(&curl)
                .args(["-sSk", "-w", "\n%{http_code}", "-H", &format!("idempotency-key: {key}")])
                .arg("--data-binary")
                .arg(format!("@{}", file.display()))
                .args(["-H", "content-type: application/octet-stream"])
                .arg(format!("{url}/images"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(said.ends_with("\n201"), "upload {nth}: {output:?}");
            let body: serde_json::Value =
                serde_json::from_str(said.rsplit_once('\n').unwrap().0).unwrap();
            let id = body["id"].as_str().unwrap().to_owned();
            kept.push(StoredImage { id, picture, key, refusals: Vec::new() });
        }
        kept
    });
    let load = Load::start(&tools, &format!("{}/images?limit=3", proxy.url));
    let requests = async |url: &str| {
        let metrics = reqwest::get(format!("{url}/metrics")).await.ok()?.text().await.ok()?;
        let of_list = |line: &&str| {
            line.starts_with("planet_requests_total") && line.contains("route=\"/images\"")
        };
        let counts = metrics.lines().filter(of_list);
        Some(counts.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>())
    };

    for (nth, bind) in binds.iter().enumerate() {
        // both take part before one of them leaves
        for api in &apis {
            eventually("it gets requests", async || {
                requests(&api.url).await.filter(|count| *count >= 200.0)
            })
            .await;
        }
        apis[nth].process.signal("TERM");
        assert!(apis[nth].process.ended().await.success());
        apis[nth] = site.api_at(bind).await;
    }
    for api in &apis {
        eventually("it gets requests", async || {
            requests(&api.url).await.filter(|count| *count >= 200.0)
        })
        .await;
    }

    stop.store(true, Ordering::Relaxed);
    let kept = uploads.await.unwrap();
    let (answered, report) = load.finish();
    assert!(answered > 800 && kept.len() > 10, "{} uploads, {report}", kept.len());
    for trouble in ["Socket errors", "Non-2xx"] {
        assert!(!report.contains(trouble), "{report}\n{}", proxy.errors());
    }
    let client = TestClient::of(&[&apis[0].url, &apis[1].url]);
    client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&apis[0], &apis[1]], &[&worker], &kept).await;
}
