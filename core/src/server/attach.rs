//! How a connection comes to be: a WebSocket is taken on, as a new connection or as the candidate
//! for an upgrade, or a polling client begins a session.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::connection::Connection;
use super::driver::feed_writer;
use super::shard::{Shard, read_link};
use super::task::{Attach, Stream};
use crate::config::TransportKind;
use crate::embed::{Event, RequestId};
use crate::hub::{Slot, new_sid};
use crate::proto::websocket::Frame;
use crate::session::Session;
use crate::transport::{Cork, Link, LinkId, Outlet};

impl Shard {
    /// Takes on a WebSocket: a new connection, or the candidate for an upgrade.
    pub(super) fn attach(&mut self, attach: Attach, shard: &Rc<RefCell<Shard>>) {
        let Attach { request, stream, answer, head, upgrade_of } = attach;
        if upgrade_of.is_some_and(|slot| !self.is_candidate_welcome(slot)) {
            self.refuse_candidate(request, stream, &answer);
            return;
        }
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let (outlet, reader) = match stream {
            Stream::Feed => (Outlet::Feed { unwritten: 0 }, None),
            Stream::Tcp(stream) => {
                let Ok(stream) = adopt(stream) else {
                    self.tell(Event::Forget { request });
                    return;
                };
                let (reader, writer) = stream.into_split();
                (Outlet::Tcp(writer), Some(reader))
            }
        };
        let mut link = Link::new(id, request, outlet);
        self.write_now(&mut link, &answer);
        let slot = match upgrade_of {
            Some(slot) => {
                if let Some(connection) = self.connections.get_mut(slot) {
                    connection.probe = Some(Box::new(link));
                }
                self.touch(slot);
                slot
            }
            None => self.open(request, TransportKind::WebSocket, Some(link)),
        };
        if reader.is_none() {
            self.feeds.insert(request, (slot, id));
        }
        for chunk in head.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_bytes(slot, id, chunk.len());
        }
        if let Some(stream) = reader {
            tokio::task::spawn_local(read_link(Rc::clone(shard), slot, id, stream));
        }
    }

    /// Opens a connection.
    pub(super) fn open(
        &mut self,
        request: RequestId,
        transport: TransportKind,
        link: Option<Link>,
    ) -> Slot {
        let sid = new_sid();
        let settings = Arc::clone(&self.engine.shared.settings);
        let session = Session::open(&sid, transport, settings, self.now);
        let connect_deadline = self.now + self.engine.config().connect_timeout;
        let mut connection = Connection::new(Arc::clone(&sid), session, connect_deadline);
        connection.link = link;
        let slot = self.connections.insert(connection);
        let conn = self.conn_id(slot);
        self.engine.shared.registry.insert(Arc::clone(&sid), conn);
        self.handle().counters.opened.increment();
        self.tell(Event::Open {
            conn,
            request,
            sid: &sid,
            transport,
        });
        self.touch(slot);
        slot
    }

    /// Whether the session takes a candidate now; if so it is probing from then on.
    fn is_candidate_welcome(&mut self, slot: Slot) -> bool {
        let now = self.now;
        self.connections.get_mut(slot).is_some_and(|connection| {
            connection.probe.is_none() && connection.session.handle_websocket(now).is_ok()
        })
    }

    /// Gives a WebSocket that nobody wants its answer and an empty close frame.
    fn refuse_candidate(&mut self, request: RequestId, stream: Stream, answer: &[u8]) {
        let farewell = [answer, Frame::close(None, "").as_bytes()].concat();
        self.tell(Event::Forget { request });
        match stream {
            Stream::Tcp(stream) => {
                if let Ok(stream) = adopt(stream) {
                    tokio::task::spawn_local(say_farewell(stream, farewell));
                }
            }
            Stream::Feed => {
                self.tell(Event::FeedWrite { request, bytes: &farewell });
                self.tell(Event::FeedEnd { request, discard: false });
            }
        }
    }

    /// Writes bytes of a link that belongs to no connection yet, or never will.
    fn write_now(&mut self, link: &mut Link, bytes: &[u8]) {
        let engine = self.engine.clone();
        let mut feed = feed_writer(&engine);
        let mut cork = Cork {
            buffer: &mut self.cork,
            feed: &mut feed,
        };
        link.write_raw(bytes, &mut cork);
        link.flush(&mut cork);
    }
}

fn adopt(stream: std::net::TcpStream) -> io::Result<TcpStream> {
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    TcpStream::from_std(stream)
}

/// Writes all of `bytes` and closes, unless the peer takes too long.
async fn say_farewell(stream: TcpStream, bytes: Vec<u8>) {
    let write = async {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            stream.writable().await?;
            match stream.try_write(rest) {
                Ok(n) => rest = &rest[n..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    // The peer is refused either way.
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, write).await;
}

const FAREWELL_TIMEOUT: Duration = Duration::from_secs(2);
