//! A link to a server that can be cut, jammed, or lose an answer.

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

/// How the link behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Passes everything on.
    Pass,
    /// Hangs up on everybody, whoever is on the line included.
    Refuse,
    /// Takes connections and bytes, and passes nothing on.
    Hang,
    /// Passes everything on, each read after a pause.
    Delay(Duration),
    /// Passes so many bytes of each connection on, in each direction, and hangs up then.
    CutAfter(usize),
}

/// A TCP proxy on this machine, which lives as long as the test's runtime.
pub(crate) struct Link {
    /// `HOST:PORT` to use instead of the server's own.
    pub address: String,
    mood: watch::Sender<Mood>,
    phrase: Phrase,
}

/// What a client says last (the server hears it, and its answer is lost), and the mood from then on.
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

    /// Loses the answer to the next message that holds `phrase`, and the connection with it; the link
    /// is in that mood by then.
    pub(crate) fn lose_answer_to(&self, phrase: &'static [u8], mood: Mood) {
        *self.phrase.lock().unwrap() = Some((phrase, mood));
    }

    /// Whether an answer is still to be lost.
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
        // the answer to what was asked last is not passed on
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

/// Waits for a mood, or for the test to end.
async fn until(moods: &mut watch::Receiver<Mood>, is: impl Fn(Mood) -> bool) {
    let _ended = moods.wait_for(|mood| is(*mood)).await.is_err();
}

/// Passes bytes on until either side ends, or `goes_on` says no.
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
