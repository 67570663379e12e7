//! Clients that upload continuously.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use testkit::wait::soon;
use tokio::task::JoinHandle;

use super::{
    customer::{Customer, Kept},
    pictures::Picture,
    reader::Shelf,
};

/// Clients that upload one image after the other until they are stopped.
pub(crate) struct Crowd {
    leave: Arc<AtomicBool>,
    shelf: Shelf,
    customers: Vec<JoinHandle<Vec<Kept>>>,
}

impl Crowd {
    pub(crate) fn gather(customer: &Customer, pictures: &[Arc<Picture>], shelf: &Shelf) -> Self {
        let leave = Arc::new(AtomicBool::new(false));
        let join = |nth: usize| {
            let (customer, shelf, leave) = (customer.clone(), shelf.clone(), leave.clone());
            let pictures = pictures.to_vec();
            tokio::spawn(async move {
                let mut all: Vec<Kept> = Vec::new();
                while !leave.load(Ordering::Relaxed) {
                    let picture = pictures[(nth + all.len()) % pictures.len()].clone();
                    let kept = customer.keep(nth, picture).await;
                    shelf.add(std::slice::from_ref(&kept));
                    all.push(kept);
                }
                all
            })
        };
        let customers = (0..4).map(join).collect();
        Crowd { leave, shelf: shelf.clone(), customers }
    }

    pub(crate) async fn grows_by(&self, count: usize) {
        self.shelf.reaches(self.shelf.len() + count).await;
    }

    pub(crate) async fn leaves(self) -> Vec<Kept> {
        self.leave.store(true, Ordering::Relaxed);
        let mut kept = Vec::new();
        for customer in self.customers {
            kept.extend(soon("a customer leaves", customer).await.unwrap());
        }
        kept
    }
}
