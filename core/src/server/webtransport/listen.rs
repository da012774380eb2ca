//! The engine's listener for WebTransport: QUIC on a thread of its own, whose sessions become links
//! on the shards.
//!
//! ```text
//!  a QUIC connection ─► its session's request ─► its stream ─► first packet ─┬─► `0`: new connection
//!  (at most MAX_BEGINNING at once,               404: not                    └─► `0{"sid":…}`:
//!   each for at most `upgrade_timeout`)          the engine's path               candidate for it
//! ```
//! The thread keeps the session until the link's end has reached the peer, or the session is over.

use std::borrow::Cow;
use std::future::poll_fn;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::timeout;
use wtransport::config::QuicTransportConfig;
use wtransport::endpoint::endpoint_side::Server;
use wtransport::endpoint::{IncomingSession, SessionRequest};
use wtransport::quinn::IdleTimeout;
use wtransport::{Connection, Endpoint, RecvStream, SendStream, ServerConfig, VarInt};

use super::super::Engine;
use super::super::driver::CLOSE_ANSWER_TIMEOUT;
use super::super::http::{reception, unless};
use super::super::listen::during;
use super::WebTransport;
use crate::Tls;
use crate::embed::{Handshake, Peer};
use crate::error::Error;
use crate::proto::webtransport::{FirstPacket, MAX_HEADER};
use crate::trace::tell;
use crate::transport::QuicStream;

/// Most QUIC connections that have not become connections of the engine; more are refused.
const MAX_BEGINNING: usize = 256;

/// Streams that a peer may have open: one for the session, one for its packets, and those of HTTP/3.
const MAX_STREAMS: u32 = 8;

/// Most bytes that a peer may send ahead of what has been read, and that wait for it to acknowledge
/// them.
const WINDOW: u32 = 1024 * 1024;

impl Engine {
    /// Accepts sessions of WebTransport (HTTP/3, over UDP) on `address`, at the engine's path; port
    /// 0 lets the system choose. Gives the address bound. Polling clients that come from then on
    /// are offered it as an upgrade, where they are offered WebSocket.
    ///
    /// `tls` is used as it is now; a certificate that is loaded later counts for the next call.
    ///
    /// # Errors
    /// [`Error::Io`] if the address cannot be had, [`Error::Misuse`] if `tls` has not the cipher
    /// that QUIC begins with, [`Error::Closed`] after [`Engine::close`].
    pub fn listen_webtransport(
        &self,
        address: impl ToSocketAddrs,
        tls: &Tls,
    ) -> Result<SocketAddr, Error> {
        let socket = UdpSocket::bind(address).map_err(during)?;
        let bound = socket.local_addr().map_err(during)?;
        let config = self.webtransport_config(socket, tls)?;
        self.listen_until_close(
            move || Endpoint::server(config),
            async |endpoint, engine| {
                LocalSet::new().run_until(serve(endpoint, engine)).await;
            },
        )?;
        self.offer_webtransport();
        tell!(info, address = %bound, "listening for WebTransport");
        Ok(bound)
    }

    fn webtransport_config(&self, socket: UdpSocket, tls: &Tls) -> Result<ServerConfig, Error> {
        let mut identity = (*tls.current()).clone();
        identity.alpn_protocols = vec![b"h3".to_vec()];
        let crypto = wtransport::quinn::crypto::rustls::QuicServerConfig::try_from(identity);
        let crypto = crypto
            .map_err(|_| Error::Misuse("WebTransport needs TLS13_AES_128_GCM_SHA256".into()))?;
        // A peer that has gone without a word is found out by its missing pong.
        let config = self.config();
        let silence = config.ping_interval.saturating_add(config.ping_timeout);
        let mut transport = QuicTransportConfig::default();
        transport
            .max_concurrent_bidi_streams(MAX_STREAMS.into())
            .max_concurrent_uni_streams(MAX_STREAMS.into())
            .stream_receive_window(WINDOW.into())
            .receive_window(WINDOW.into())
            .send_window(WINDOW.into())
            .datagram_receive_buffer_size(Some(DATAGRAMS))
            .keep_alive_interval(Some(KEEP_ALIVE))
            .max_idle_timeout(IdleTimeout::try_from(silence.max(2 * KEEP_ALIVE)).ok());
        let mut quic = wtransport::quinn::ServerConfig::with_crypto(Arc::new(crypto));
        quic.transport_config(Arc::new(transport))
            .max_incoming(MAX_BEGINNING)
            .incoming_buffer_size_total(WINDOW.into());
        Ok(ServerConfig::builder()
            .with_bind_socket(socket)
            .build_with_quic_config(quic))
    }
}

/// Clients give a silent connection up after 30 s; heartbeats may be rarer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Bytes of datagrams that are kept: WebTransport has them, Engine.IO does not.
const DATAGRAMS: usize = 2 * 1024;

/// Takes sessions until the engine closes, then sees those off that there are.
async fn serve(endpoint: Endpoint<Server>, engine: Engine) {
    let places = Arc::new(Semaphore::new(MAX_BEGINNING));
    let mut sessions = JoinSet::new();
    let mut closing = pin!(engine.closing());
    loop {
        let mut accepting = pin!(endpoint.accept());
        let next = poll_fn(|cx| {
            while let Poll::Ready(Some(_)) = sessions.poll_join_next(cx) {}
            match closing.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepting.as_mut().poll(cx).map(Some),
            }
        });
        let Some(incoming) = next.await else { break };
        // In a rush a client has to show that its address is its own: who sends from many that are
        // not takes no places.
        let is_rush = places.available_permits() < MAX_BEGINNING / 2;
        if is_rush && !incoming.remote_address_validated() {
            incoming.retry();
            continue;
        }
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let engine = engine.clone();
                sessions.spawn_local(async move {
                    let begun = timeout(engine.config().upgrade_timeout, begin(&engine, incoming));
                    let begun = unless(engine.closing(), begun).await;
                    drop(place);
                    if let Some(Ok(Some(session))) = begun {
                        session.keep().await;
                    }
                });
            }
            Err(_) => {
                engine.shared.shards[0].counters.refused.increment_shared();
                incoming.refuse();
            }
        }
    }
    // The shards end their links, and with them the sessions, in no longer than this.
    let patience = engine.time_to_finish() + 2 * CLOSE_ANSWER_TIMEOUT;
    let _ = timeout(patience, async {
        while sessions.join_next().await.is_some() {}
    })
    .await;
    sessions.abort_all();
    endpoint.close(VarInt::from_u32(0), b"");
    // Peers that have not heard it find out by themselves.
    let _ = timeout(CLOSE_ANSWER_TIMEOUT, endpoint.wait_idle()).await;
}

/// A session whose stream has become a link.
struct Session {
    connection: Connection,
    finished: oneshot::Receiver<SendStream>,
}

impl Session {
    /// Keeps the session until it is over; the link's last words are let through first.
    async fn keep(self) {
        let finished = unless(self.connection.closed(), self.finished).await;
        if let Some(Ok(mut stream)) = finished {
            // A peer that takes no more gets no more.
            let _ = timeout(CLOSE_ANSWER_TIMEOUT, stream.finish()).await;
        }
        self.connection.close(VarInt::from_u32(0), b"");
    }
}

/// Brings a session to where its stream is a shard's; `None` if it does not come that far.
async fn begin(engine: &Engine, incoming: IncomingSession) -> Option<Session> {
    let request = incoming.await.ok()?;
    let (path, _) = request
        .path()
        .split_once('?')
        .unwrap_or((request.path(), ""));
    if !engine.is_own_path(path) {
        request.not_found().await;
        return None;
    }
    let handshake = handshake_of(&request);
    let connection = request.accept().await.ok()?;
    let (outward, mut inward) = connection.accept_bi().await.ok()?;
    let first = match read_first_packet(&mut inward).await {
        Some(first) if is_welcome(engine, &first, &handshake).await => first,
        _ => {
            connection.close(VarInt::from_u32(0), b"");
            return None;
        }
    };
    let (sender, finished) = oneshot::channel();
    engine.attach_webtransport(
        &first,
        WebTransport {
            request: engine.next_request(),
            stream: QuicStream::new(outward, inward, sender),
            handshake: Some(handshake),
            address: None,
        },
    );
    Some(Session {
        connection,
        finished,
    })
}

/// The packet that says what a stream is for, and nothing of what follows; `None` if it is not one.
async fn read_first_packet(stream: &mut RecvStream) -> Option<FirstPacket> {
    let mut bytes = [0; MAX_HEADER + FirstPacket::MAX];
    let mut n = 0;
    loop {
        if let Some((first, _)) = FirstPacket::decode(&bytes[..n]).ok()? {
            return Some(first);
        }
        stream.read_exact(bytes.get_mut(n..=n)?).await.ok()?;
        n += 1;
    }
}

/// Whether there is a place for it, and the application lets it in. Of a candidate the session decides.
async fn is_welcome(engine: &Engine, first: &FirstPacket, handshake: &Arc<Handshake>) -> bool {
    match first {
        FirstPacket::Open => {
            let has_place = !engine.is_full() && !engine.is_full_for(handshake);
            has_place && reception::admit(engine, handshake).await.is_ok()
        }
        FirstPacket::Upgrade { .. } => true,
    }
}

/// The request that opened the session, with the host where HTTP/1.1 has it.
fn handshake_of(request: &SessionRequest) -> Arc<Handshake> {
    let host = ("host", Cow::Borrowed(request.authority()));
    let named = request.headers().iter();
    let named = named.filter(|(name, _)| !name.starts_with(':') && *name != "host");
    let named = named.map(|(name, value)| (name.as_str(), Cow::Borrowed(value.as_str())));
    let peer = Peer {
        remote_address: Some(request.remote_address()),
        is_secure: true,
    };
    Arc::new(Handshake::new(
        request.path(),
        std::iter::once(host).chain(named),
        peer,
    ))
}
