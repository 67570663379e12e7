//! A TCP proxy that can break, block, or lose a response.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::sleep,
};

/// The injected fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// None: forwards everything.
    Pass,
    /// Closes all connections, new and open ones.
    Refuse,
    /// Accepts connections and bytes, but forwards nothing.
    Hang,
    /// Forwards everything, with a delay per read.
    Delay(Duration),
    /// Forwards this number of bytes per connection and direction, then closes the connection.
    CutAfter(usize),
}

/// A TCP proxy on this machine, which runs as long as the runtime of the test.
pub(crate) struct Link {
    /// `HOST:PORT` of the proxy.
    pub address: String,
    mood: watch::Sender<Mood>,
    phrase: Phrase,
}

/// The message whose response is lost (the server executes it), and the fault from then on.
type Phrase = Arc<Mutex<Option<(&'static [u8], Mood)>>>;

impl Link {
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (mood, _) = watch::channel(Mood::Pass);
        let phrase = Phrase::default();
        let (server, changes, told) = (server.to_owned(), mood.clone(), phrase.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(connect(client, server.clone(), changes.clone(), told.clone()));
            }
        });
        Link { address, mood, phrase }
    }

    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Loses the response to the next message that contains `phrase`, and closes its connection;
    /// the link has this fault from then on.
    pub(crate) fn lose_answer_to(&self, phrase: &'static [u8], mood: Mood) {
        *self.phrase.lock().unwrap() = Some((phrase, mood));
    }

    /// Whether the response has not been lost yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.phrase.lock().unwrap().is_some()
    }
}

async fn connect(client: TcpStream, server: String, mood: watch::Sender<Mood>, phrase: Phrase) {
    let mut refused = mood.subscribe();
    let talk = async {
        let server = TcpStream::connect(server).await.unwrap();
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let doom = Mutex::new(None);
        let asks = pass(from_client, to_server, mood.subscribe(), |bytes| {
            let mut phrase = phrase.lock().unwrap();
            let is_last = |(it, _): &(&[u8], _)| bytes.windows(it.len()).any(|part| part == *it);
            if let Some((_, mood)) = phrase.take_if(|phrase| is_last(phrase)) {
                *doom.lock().unwrap() = Some(mood);
            }
            true
        });
        // the response is not forwarded
        let answers = pass(from_server, to_client, mood.subscribe(), |_| {
            let doom = *doom.lock().unwrap();
            if let Some(next) = doom.filter(|next| *next != Mood::Pass) {
                mood.send_replace(next);
            }
            doom.is_none()
        });
        tokio::select! {
            () = asks => {}
            () = answers => {}
        }
    };
    tokio::select! {
        () = talk => {}
        () = until(&mut refused, |mood| mood == Mood::Refuse) => {}
    }
}

/// Waits for a fault, or for the end of the test.
async fn until(moods: &mut watch::Receiver<Mood>, is: impl Fn(Mood) -> bool) {
    let _ended = moods.wait_for(|mood| is(*mood)).await.is_err();
}

/// Forwards bytes until either side ends, or `goes_on` returns false.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut moods: watch::Receiver<Mood>,
    mut goes_on: impl FnMut(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 1 << 16];
    let mut passed = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        until(&mut moods, |mood| mood != Mood::Hang).await;
        let mood = *moods.borrow_and_update();
        let most = match mood {
            Mood::CutAfter(bytes) => bytes.saturating_sub(passed),
            _ => read,
        };
        if let Mood::Delay(pause) = mood {
            sleep(pause).await;
        }
        let bytes = &buffer[..read.min(most)];
        if !goes_on(bytes) || to.write_all(bytes).await.is_err() || read > most {
            return;
        }
        passed = if matches!(mood, Mood::CutAfter(_)) { passed + read } else { 0 };
    }
}
