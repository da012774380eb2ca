//! Engine.IO without Socket.IO in a pull server: its connections are members of the rosters as
//! sockets are, in a namespace that does not exist, and so have keys and user data like them.

use super::event::{PulledEvent, RawEvent};
use super::queue::EventQueue;
use super::{Gone, PullServer, SocketKey};
use crate::config::Protocol;
use crate::embed::{Command, ConnId, Event, NamespaceId, Raw};
use crate::server::Batch;

/// Where connections without Socket.IO are: nowhere that a command could reach.
const NOWHERE: NamespaceId = NamespaceId(u32::MAX);

impl EventQueue {
    /// Takes an event of an engine that does not speak Socket.IO.
    pub(super) fn handle_raw(&self, event: Event<'_>) {
        let (conn, event) = match event {
            Event::Open {
                conn,
                sid,
                transport,
                handshake,
                ..
            } => {
                let Some(mut roster) = self.roster(conn.shard) else {
                    return;
                };
                let key = roster.ask(conn.slot, "".into(), sid.into()).key;
                roster.admit(key, NOWHERE);
                let handshake = handshake.cloned();
                (
                    conn,
                    RawEvent::Open {
                        transport,
                        handshake,
                    },
                )
            }
            Event::Raw { conn, message } => {
                let is_binary = matches!(message, Raw::Binary(_));
                (conn, RawEvent::message(message.as_bytes(), is_binary))
            }
            Event::Upgraded { conn, .. } => (conn, RawEvent::Upgrade),
            Event::Sent { conn, token } => (conn, RawEvent::Sent(token)),
            Event::Close {
                conn,
                reason,
                description,
                ..
            } => {
                let description = description.map(Into::into);
                let event = RawEvent::Close {
                    reason,
                    description,
                };
                let Some(mut roster) = self.roster(conn.shard) else {
                    return;
                };
                if let Some(member) = roster.remove_connection(conn.slot).pop() {
                    let socket = member.socket;
                    self.push(PulledEvent::Raw { socket, event });
                }
                return;
            }
            _ => return,
        };
        let roster = self.roster(conn.shard);
        if let Some(socket) = roster.and_then(|roster| roster.only(conn.slot)) {
            self.push(PulledEvent::Raw { socket, event });
        }
    }
}

/// How to send an Engine.IO message.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawOptions {
    /// Drop it if the connection is not writable.
    pub volatile: bool,
    /// [`RawEvent::Sent`] tells of this token once the message has been handed to the transport.
    pub token: Option<u64>,
}

/// Of a server whose [`Config::protocol`](crate::Config::protocol) is `EngineIo`.
impl PullServer {
    /// Sends an Engine.IO message as it is.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn send_raw(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        message: Raw<'_>,
        options: RawOptions,
    ) -> Result<(), Gone> {
        batch.execute(Command::Send {
            conn: self.raw(socket)?,
            message,
            volatile: options.volatile,
            compress: true,
            token: options.token,
        });
        Ok(())
    }

    /// Closes a connection; with `discard` at once, else when what is queued has left.
    /// [`RawEvent::Close`] follows.
    ///
    /// # Errors
    /// [`Gone`]
    pub fn close_raw(
        &self,
        batch: &mut Batch<'_>,
        socket: SocketKey,
        discard: bool,
    ) -> Result<(), Gone> {
        let conn = self.raw(socket)?;
        batch.execute(Command::Close { conn, discard });
        Ok(())
    }

    fn raw(&self, socket: SocketKey) -> Result<ConnId, Gone> {
        if self.engine.config().protocol != Protocol::EngineIo {
            return Err(Gone);
        }
        Ok(self.client(socket)?.conn)
    }
}

impl RawEvent {
    fn message(bytes: &[u8], is_binary: bool) -> RawEvent {
        let mut data = Vec::with_capacity(bytes.len() + 1);
        data.extend_from_slice(bytes);
        RawEvent::Message { data, is_binary }
    }
}
