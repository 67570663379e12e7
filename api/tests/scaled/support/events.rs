//! A client of an event stream that reconnects as a browser does.

use reqwest::{Client, Response};
use serde_json::Value;
use testkit::wait::{TIMEOUT, eventually, soon};

/// An event stream and the id of its last event.
pub(crate) struct Events {
    response: Response,
    unread: String,
    pub last_id: String,
}

impl Events {
    /// Opens the stream at this API process, after the event `last_id` unless it is empty.
    pub(crate) async fn of(url: &str, path: &str, last_id: &str) -> Self {
        let client = Client::builder().no_proxy().read_timeout(TIMEOUT).build().unwrap();
        let response = eventually("a stream of events", async || {
            let mut request = client.get(format!("{url}{path}"));
            if !last_id.is_empty() {
                request = request.header("last-event-id", last_id);
            }
            request.send().await.ok()?.error_for_status().ok()
        })
        .await;
        let mut events = Events { response, unread: String::new(), last_id: last_id.to_owned() };
        if last_id.is_empty() {
            events.block().await.expect("a first word");
        }
        events
    }

    /// The text up to the next empty line; `None` when the connection ends or breaks.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.unread.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.unread = rest;
                if let Some(id) = block.lines().find_map(|line| line.strip_prefix("id:")) {
                    self.last_id = id.trim().to_owned();
                }
                return Some(block);
            }
            let chunk = self.response.chunk().await.ok()??;
            self.unread += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The next event: the image's id, and its status or `deleted`; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, String)> {
        loop {
            let block = self.block().await?;
            let field = |name| block.lines().find_map(|line| line.strip_prefix(name));
            let Some(data) = field("data:") else { continue };
            let data: Value = serde_json::from_str(data).unwrap();
            let text = |name: &str| data[name].as_str().unwrap().to_owned();
            let status = match field("event:").unwrap().trim() {
                "image" => text("status"),
                kind => kind.to_owned(),
            };
            return Some((text("id"), status));
        }
    }

    /// Reads until an event has this status of the image.
    pub(crate) async fn expect_status(&mut self, image: &str, status: &str) {
        self.expect_all(&[(image, status)]).await;
    }

    /// Reads until events have this status of all images, in any order.
    pub(crate) async fn expect_all(&mut self, expected: &[(&str, &str)]) {
        let mut missing = expected.to_vec();
        soon(&format!("{expected:?} are told"), async {
            while !missing.is_empty() {
                let (id, status) = self.next().await.expect("a stream that goes on");
                missing.retain(|expected| *expected != (&*id, &*status));
            }
        })
        .await;
    }
}
