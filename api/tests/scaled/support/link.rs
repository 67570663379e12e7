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
pub(crate) enum LinkFault {
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
    fault: watch::Sender<LinkFault>,
    pattern: MatchBytes,
}

/// The message whose response is lost (the server executes it), and the fault from then on.
type MatchBytes = Arc<Mutex<Option<(&'static [u8], LinkFault)>>>;

impl Link {
    pub(crate) async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (fault, _) = watch::channel(LinkFault::Pass);
        let pattern = MatchBytes::default();
        let (server, changes, told) = (server.to_owned(), fault.clone(), pattern.clone());
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(connect(client, server.clone(), changes.clone(), told.clone()));
            }
        });
        Link { address, fault, pattern }
    }

    pub(crate) fn set(&self, fault: LinkFault) {
        self.fault.send_replace(fault);
    }

    /// Loses the response to the next message that contains `pattern`, and closes its connection;
    /// the link has this fault from then on.
    pub(crate) fn lose_answer_to(&self, pattern: &'static [u8], fault: LinkFault) {
        *self.pattern.lock().unwrap() = Some((pattern, fault));
    }

    /// Whether the response has not been lost yet.
    pub(crate) fn is_waiting(&self) -> bool {
        self.pattern.lock().unwrap().is_some()
    }
}

async fn connect(
    client: TcpStream,
    server: String,
    fault: watch::Sender<LinkFault>,
    pattern: MatchBytes,
) {
    let mut refused = fault.subscribe();
    let talk = async {
        let server = TcpStream::connect(server).await.unwrap();
        let ((from_client, to_client), (from_server, to_server)) =
            (client.into_split(), server.into_split());
        let next_fault = Mutex::new(None);
        let asks = pass(from_client, to_server, fault.subscribe(), |bytes| {
            let mut pattern = pattern.lock().unwrap();
            let is_last = |(it, _): &(&[u8], _)| bytes.windows(it.len()).any(|part| part == *it);
            if let Some((_, fault)) = pattern.take_if(|pattern| is_last(pattern)) {
                *next_fault.lock().unwrap() = Some(fault);
            }
            true
        });
        // the response is not forwarded
        let answers = pass(from_server, to_client, fault.subscribe(), |_| {
            let next_fault = *next_fault.lock().unwrap();
            if let Some(next) = next_fault.filter(|next| *next != LinkFault::Pass) {
                fault.send_replace(next);
            }
            next_fault.is_none()
        });
        tokio::select! {
            () = asks => {}
            () = answers => {}
        }
    };
    tokio::select! {
        () = talk => {}
        () = until(&mut refused, |fault| fault == LinkFault::Refuse) => {}
    }
}

/// Waits for a fault, or for the end of the test.
async fn until(faults: &mut watch::Receiver<LinkFault>, is: impl Fn(LinkFault) -> bool) {
    let _ended = faults.wait_for(|fault| is(*fault)).await.is_err();
}

/// Forwards bytes until either side ends, or `goes_on` returns false.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut faults: watch::Receiver<LinkFault>,
    mut goes_on: impl FnMut(&[u8]) -> bool,
) {
    let mut buffer = vec![0; 1 << 16];
    let mut passed = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        until(&mut faults, |fault| fault != LinkFault::Hang).await;
        let fault = *faults.borrow_and_update();
        let most = match fault {
            LinkFault::CutAfter(bytes) => bytes.saturating_sub(passed),
            _ => read,
        };
        if let LinkFault::Delay(pause) = fault {
            sleep(pause).await;
        }
        let bytes = &buffer[..read.min(most)];
        if !goes_on(bytes) || to.write_all(bytes).await.is_err() || read > most {
            return;
        }
        passed = if matches!(fault, LinkFault::CutAfter(_)) { passed + read } else { 0 };
    }
}
