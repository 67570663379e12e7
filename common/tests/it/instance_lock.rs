//! The instance lock of a SQLite file.

use common::{
    catalog::{Config, Sharing},
    env::Env,
};

fn config(url: &str) -> Config {
    let mut env = Env::new([("DATABASE_URL", url)], []);
    let config = Config::read(&mut env);
    assert_eq!(env.errors(), [] as [&str; 0]);
    config
}

// the time that a lock is waited for passes at once
#[tokio::test(start_paused = true)]
async fn processes_that_share_a_file_exclude_one_that_does_not() {
    let temp = tempfile::tempdir().unwrap();
    let config = config(&format!("sqlite://{}", temp.path().join("planet.db").display()));
    let take = async |sharing| config.instance_lock(sharing).await;

    let one = take(Sharing::Shared).await.unwrap().unwrap();
    let two = take(Sharing::Shared).await.unwrap().unwrap();
    assert!(!one.is_exclusive());
    drop(one);
    let refusal = take(Sharing::Exclusive).await.err().unwrap().to_string();
    assert!(refusal.contains("another process uses"), "{refusal}");
    drop(two);

    let only = take(Sharing::Exclusive).await.unwrap().unwrap();
    assert!(only.is_exclusive());
    for sharing in [Sharing::Shared, Sharing::Exclusive] {
        assert!(take(sharing).await.is_err());
    }
}

#[tokio::test]
async fn a_database_server_has_no_instance_lock() {
    let config = config("postgres://planet@localhost/planet");
    assert!(config.instance_lock(Sharing::Exclusive).await.unwrap().is_none());
}
