//! Hostile clients: they hold or repeat what a service may not let them have for ever.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::wait::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// The address that hostile clients connect from; honest clients use 127.0.0.1.
const SOURCE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Bytes of a query, less than a request head may have.
const LONG_QUERY_BYTES: usize = 60_000;
/// For how long a client holds an answer of which it reads nothing.
const HOLD: Duration = Duration::from_secs(60);
/// Pause of a client before it begins again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a hostile client does, again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Attack {
    /// Requests large pictures of the image, and reads nothing.
    UnreadPictures,
    /// Sends the body of an upload byte by byte.
    TricklingUploads,
    /// Sends nothing, or half of a request head.
    IdleConnections,
    /// Requests renders with options of many kilobytes.
    LongQueries,
    /// Follows the events from the beginning, and leaves.
    ReconnectingFollowers,
}

pub(crate) const ATTACKS: [Attack; 5] = [
    Attack::UnreadPictures,
    Attack::TricklingUploads,
    Attack::IdleConnections,
    Attack::LongQueries,
    Attack::ReconnectingFollowers,
];

/// Clients of each kind, which stop when it is dropped.
pub(crate) struct HostileCrowd {
    clients: JoinSet<()>,
    /// Connections that each kind of attack has had, in the order of [`ATTACKS`].
    connections: [Arc<AtomicU64>; ATTACKS.len()],
}

impl HostileCrowd {
    /// Starts `of_each` clients of each kind against the service at `to` (`HOST:PORT`), which has
    /// `image`.
    pub(crate) fn start(to: &str, image: &str, of_each: usize) -> Self {
        let to: SocketAddr = to.parse().unwrap();
        let mut crowd = HostileCrowd { clients: JoinSet::new(), connections: Default::default() };
        for (attack, connections) in ATTACKS.into_iter().zip(&crowd.connections) {
            for nth in 0..of_each {
                let (image, connections) = (image.to_owned(), connections.clone());
                crowd.clients.spawn(async move {
                    for round in nth.. {
                        // refused, cut off or answered: it begins again
                        let _ended = attack.play(to, &image, round, &connections).await;
                        sleep(PAUSE).await;
                    }
                });
            }
        }
        crowd
    }

    /// Waits until each kind has had as many connections.
    pub(crate) async fn is_there(&self, connections: u64) {
        eventually("the crowd is there", async || {
            self.connections().iter().all(|(_, had)| *had >= connections).then_some(())
        })
        .await
    }

    /// Connections that each kind of attack has had so far.
    pub(crate) fn connections(&self) -> [(Attack, u64); ATTACKS.len()] {
        std::array::from_fn(|nth| (ATTACKS[nth], self.connections[nth].load(Ordering::Relaxed)))
    }
}

impl Attack {
    /// Plays the attack on one connection until the service closes it.
    async fn play(
        self,
        to: SocketAddr,
        image: &str,
        round: usize,
        connections: &AtomicU64,
    ) -> std::io::Result<()> {
        let mut stream = connect(to).await?;
        connections.fetch_add(1, Ordering::Relaxed);
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let head = match self {
            Attack::UnreadPictures => {
                // each is a render of its own, so that no cache holds it
                let side = 200 + round % 116;
                let look = ["format=png", "format=svg&symbols=braille&color=full"][round % 2];
                get(&format!("{image}?width={side}&height=316&fit=stretch&{look}"))
            }
            Attack::TricklingUploads => "POST /images HTTP/1.1\r\nHost: localhost\r\n\
                                         Content-Length: 1000000\r\n\r\n"
                .to_owned(),
            Attack::IdleConnections => ["", "GET / HTTP/1.1\r\nHost: loc"][round % 2].to_owned(),
            Attack::LongQueries => {
                get(&format!("{image}?symbols={}", "%E2%96%88".repeat(LONG_QUERY_BYTES / 9)))
            }
            Attack::ReconnectingFollowers => "GET /images/events HTTP/1.1\r\nHost: localhost\r\n\
                                              Last-Event-ID: 0\r\n\r\n"
                .to_owned(),
        };
        stream.write_all(head.as_bytes()).await?;
        match self {
            Attack::UnreadPictures => {
                sleep(HOLD).await;
                Ok(())
            }
            Attack::IdleConnections => stream.read_to_end(&mut Vec::new()).await.map(drop),
            Attack::TricklingUploads => loop {
                stream.write_all(b"x").await?;
                sleep(PAUSE).await;
            },
            Attack::LongQueries | Attack::ReconnectingFollowers => {
                stream.read(&mut [0; 4096]).await.map(drop)
            }
        }
    }
}

/// Connects from [`SOURCE`]. Its receive buffer is small, so that unread bytes stay with the
/// service.
async fn connect(to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind((SOURCE, 0).into())?;
    socket.connect(to).await
}
