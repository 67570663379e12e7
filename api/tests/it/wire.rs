//! Raw HTTP over TCP, for requests that no client library sends.

use std::time::Duration;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use testkit::app::{ANSWER_TIMEOUT, Answer, TestApp};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A raw connection.
pub struct Wire {
    stream: TcpStream,
    method: Method,
    path: String,
}

impl Wire {
    /// Opens a connection and sends the head of a request; `headers` are complete lines.
    pub async fn open(app: &TestApp, method: Method, path: &str, headers: &[&str]) -> Self {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        Wire::raw(app, &format!("{head}\r\n")).await
    }

    /// Opens a connection and sends `head` unchanged.
    pub async fn raw(app: &TestApp, head: &str) -> Self {
        let mut words = head.split(' ');
        let mut word = || words.next().expect("a request line");
        let method = word().parse().expect("a method");
        let path = word().split('?').next().expect("a path").to_owned();
        let stream = TcpStream::connect(&app.address).await.expect("connect");
        let mut wire = Wire { stream, method, path };
        wire.send(head.as_bytes()).await;
        wire
    }

    pub async fn post(app: &TestApp, headers: &[&str]) -> Self {
        Wire::open(app, Method::POST, "/images", headers).await
    }

    /// Sends all of `bytes`.
    pub async fn send(&mut self, bytes: &[u8]) {
        let sent =
            timeout(ANSWER_TIMEOUT, self.stream.write_all(bytes)).await.expect("send in time");
        sent.expect("a connection that stays open while we send");
    }

    /// Sends a chunk of a chunked body.
    pub async fn chunk(&mut self, text: &str) {
        self.send(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).await;
    }

    /// Closes the sending side.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.expect("shut down");
    }

    /// Whether the service sends something within this time.
    pub async fn hears_something(&mut self, within: Duration) -> bool {
        timeout(within, self.stream.peek(&mut [0])).await.is_ok()
    }

    /// Reads until the connection is closed, at most `most` bytes at a time, with a pause after each.
    /// Returns how many bytes there were.
    pub async fn trickle(&mut self, most: usize, pause: Duration) -> usize {
        let (mut buffer, mut received) = (vec![0; most], 0);
        loop {
            match timeout(ANSWER_TIMEOUT, self.stream.read(&mut buffer))
                .await
                .expect("bytes or an end")
            {
                Ok(0) | Err(_) => return received,
                Ok(bytes) => received += bytes,
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Reads the response until the connection is closed.
    pub async fn answer(self) -> Answer {
        let answer = self.answer_of_hyper().await;
        answer.keeps_the_contract();
        answer
    }

    /// Everything that is received until the connection is closed or reset.
    pub async fn everything(mut self) -> String {
        let mut bytes = Vec::new();
        let _reset =
            timeout(ANSWER_TIMEOUT, self.stream.read_to_end(&mut bytes)).await.expect("an end");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// A response that may come from the HTTP library itself.
    pub async fn answer_of_hyper(mut self) -> Answer {
        let mut bytes = Vec::new();
        let read = timeout(ANSWER_TIMEOUT, self.stream.read_to_end(&mut bytes))
            .await
            .expect("an answer in time");
        read.expect("an answer that can be read");
        let split = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        let split =
            split.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
        let head = String::from_utf8(bytes[..split].to_vec()).expect("a head");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let headers: HeaderMap = lines.map(header).collect();
        let body = bytes[split + 4..].to_vec();
        let Wire { method, path, .. } = self;
        Answer { method, path, status: status.expect("a status"), headers, body }
    }
}

fn header(line: &str) -> (HeaderName, HeaderValue) {
    let (name, value) = line.split_once(':').expect("a header");
    (name.parse().expect("a name"), value.trim().parse().expect("a value"))
}
