//! The whole service in one process, in one folder.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{
    customer::Customer,
    database::Database,
    invariants::{House, assert_invariants},
    pictures::pictures,
    process::{Process, free_port},
    reader::Reader,
    site::SHORT_WAITS,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_one_process_is_killed_twice_and_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let bind = format!("127.0.0.1:{}", free_port());
    let url = format!("http://{bind}");
    let start = async || {
        let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
        settings.push(("BIND", bind.clone()));
        let program = Path::new(env!("CARGO_BIN_EXE_planet"));
        let process = Process::start(program, folder.path(), &settings);
        Customer::of(&[&url]).sees_ready(0, true).await;
        process
    };
    let customer = Customer::of(&[&url]);
    let pictures = pictures(50);

    let mut process = start().await;
    let reader = Reader::start(customer.clone());
    let shelf = reader.shelf();
    let uploads = tokio::spawn({
        let (customer, shelf) = (customer.clone(), shelf.clone());
        async move {
            let mut all = Vec::new();
            for batch in pictures.chunks(10) {
                let kept = customer.keep_all(batch).await;
                shelf.add(&kept);
                all.extend(kept);
            }
            all
        }
    });
    for kept in [10, 30] {
        shelf.reaches(kept).await;
        process.kill();
        process = start().await;
    }
    let kept = uploads.await.unwrap();
    customer.all_ready(&kept).await;

    let file = folder.path().join("data/planet.db");
    let house = House {
        customer,
        database: &Database::at(format!("sqlite://{}", file.display())).await,
        blobs: &folder.path().join("data/blobs"),
        metrics: vec![format!("{url}/metrics")],
    };
    assert_invariants(&house, &kept).await;
    reader.leaves_content().await;
    process.signal("TERM");
    assert!(process.ended().await.success());
}
