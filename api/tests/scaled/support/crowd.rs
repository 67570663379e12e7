//! Clients that upload continuously.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use testkit::wait::soon;
use tokio::task::JoinHandle;

use super::{
    pictures::Picture,
    reader::Gallery,
    test_client::{StoredImage, TestClient},
};

/// Clients that upload one image after the other until they are stopped.
pub(crate) struct Crowd {
    leave: Arc<AtomicBool>,
    gallery: Gallery,
    customers: Vec<JoinHandle<Vec<StoredImage>>>,
}

impl Crowd {
    pub(crate) fn start(
        test_client: &TestClient,
        pictures: &[Arc<Picture>],
        gallery: &Gallery,
    ) -> Self {
        Crowd::of(std::slice::from_ref(test_client), pictures, gallery)
    }

    /// Clients that are signed in as one after the other of `test_clients`.
    pub(crate) fn of(
        test_clients: &[TestClient],
        pictures: &[Arc<Picture>],
        gallery: &Gallery,
    ) -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let join = |nth: usize| {
            let test_client = test_clients[nth % test_clients.len()].clone();
            let (gallery, leave) = (gallery.clone(), leave.clone());
            let pictures = pictures.to_vec();
            tokio::spawn(async move {
                let mut all: Vec<StoredImage> = Vec::new();
                while !leave.load(Ordering::Relaxed) {
                    let picture = pictures[(nth + all.len()) % pictures.len()].clone();
                    let kept = test_client.upload_until_stored(nth, picture).await;
                    gallery.add(std::slice::from_ref(&kept));
                    all.push(kept);
                }
                all
            })
        };
        let customers = (0..4).map(join).collect();
        Crowd { leave, gallery: gallery.clone(), customers }
    }

    pub(crate) async fn grow_by(&self, count: usize) {
        self.gallery.reaches(self.gallery.len() + count).await;
    }

    pub(crate) async fn stop(self) -> Vec<StoredImage> {
        self.leave.store(true, Ordering::Relaxed);
        let mut kept = Vec::new();
        for test_client in self.customers {
            kept.extend(soon("a test_client leaves", test_client).await.unwrap());
        }
        kept
    }
}
