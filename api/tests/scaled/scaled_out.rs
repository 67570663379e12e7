//! Several API processes and several workers as one service.

use axum::http::Method;
use testkit::wait::at_once;

use crate::support::{
    pictures::pictures, reader::Reader, servers::Servers, site::Site, test_client::TestClient,
};

#[tokio::test(flavor = "multi_thread")]
async fn migrations_at_the_same_time_all_succeed() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::without_schema(&servers).await;
    let migrations = (0..5).map(|_| site.migrate());
    let ends = at_once(migrations.map(|mut one| async move { one.ended().await })).await;
    assert!(ends.iter().all(|end| end.success()), "{ends:?}");
    site.assert_invariants(&[&site.api().await], &[&site.worker().await], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_makes_no_tables_and_no_bucket_where_there_are_none() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::without_schema(&servers).await;
    let complaint = || {
        let output = site.check();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = complaint();
    assert!(said.contains("DATABASE_URL names another place"), "{said}");
    let tables = "SELECT table_name::text FROM information_schema.tables \
                  WHERE table_schema = 'public'";
    assert!(site.database.texts(tables).await.is_empty());

    assert!(site.migrate().ended().await.success());
    let said = complaint();
    let bucket = format!("s3://{}; STORE_URL names another place", site.bucket.name());
    assert!(said.contains(&bucket), "{said}");
    assert!(!site.bucket.folder().exists());

    site.database.rows("DELETE FROM seaql_migrations WHERE version LIKE 'm0003%'").await;
    let said = complaint();
    assert!(said.contains("planet-admin migrate updates it"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_and_a_broker_that_restarts_lose_nothing() {
    let Some(servers) = Servers::alone().await else { return };
    let site = Site::open(&servers).await;
    let [one, two] = [site.api().await, site.api().await];
    let mut workers = vec![site.worker().await, site.worker().await, site.worker().await];
    let test_client = TestClient::of(&[&one.url, &two.url]);
    let reader = Reader::start(TestClient::of(&[&two.url]));
    let gallery = reader.gallery();
    let pictures = pictures(50);

    // The worker crashes between its put and its commit; the put is executed late.
    let mut trap = site.bucket.breakpoint(Method::PUT, "renders/");
    let mut kept = test_client.upload_all(&pictures[..25]).await;
    gallery.add(&kept);
    let key = trap.hit().await;
    let victim = site.holder(&key, &workers).await;
    workers.remove(victim).process.kill();
    trap.release();

    let (more, ()) =
        tokio::join!(test_client.upload_all(&pictures[25..]), servers.run("restart", "rabbitmq"));
    gallery.add(&more);
    kept.extend(more);
    test_client.wait_until_all_ready(&kept).await;
    site.assert_invariants(&[&one, &two], &[&workers[0], &workers[1]], &kept).await;
    reader.finish().await;
}
