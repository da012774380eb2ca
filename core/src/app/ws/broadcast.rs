//! Addressing many plain WebSockets.

use std::fmt;
use std::sync::Arc;

use super::Message;
use super::endpoint::State;
use crate::app::broadcast::Rooms;
use crate::embed::{Audience, Command, ConnId, Reach, websocket};
use crate::server::Engine;

/// The clients of an endpoint in any of some rooms and in none of others. Each is reached once. Who
/// is reached is settled when [`Broadcast::send`] is called.
#[derive(Clone)]
#[must_use = "nothing is sent until `send` is called"]
pub struct Broadcast {
    engine: Engine,
    endpoint: Arc<State>,
    /// `None`: all clients; no rooms: nobody.
    rooms: Option<Vec<Box<str>>>,
    except: Vec<Box<str>>,
    but: Option<ConnId>,
}

impl Broadcast {
    pub(super) fn new(engine: &Engine, endpoint: &Arc<State>) -> Broadcast {
        Broadcast {
            engine: engine.clone(),
            endpoint: Arc::clone(endpoint),
            rooms: None,
            except: Vec::new(),
            but: None,
        }
    }

    pub(super) fn but(mut self, conn: ConnId) -> Broadcast {
        self.but = Some(conn);
        self
    }

    /// Adds the clients in any of `rooms`. Without a call of it, all clients are meant; with an
    /// empty list and nothing else, nobody.
    pub fn to(mut self, rooms: impl Rooms) -> Broadcast {
        let chosen = self.rooms.get_or_insert_default();
        rooms.each(&mut |room| chosen.push(room.into()));
        self
    }

    /// Leaves out the clients in any of `rooms`.
    pub fn except(mut self, rooms: impl Rooms) -> Broadcast {
        rooms.each(&mut |room| self.except.push(room.into()));
        self
    }

    /// Sends a message: framed once, and compressed once for each window size that was agreed on.
    pub fn send<'a>(self, message: impl Into<Message<'a>>) {
        if self.rooms.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        let message = message.into();
        let rooms: Vec<&str> = self.rooms.iter().flatten().map(|room| &**room).collect();
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        let broadcast = websocket::Broadcast {
            group: self.endpoint.group,
            audience: Audience {
                reach: Reach::Server,
                rooms: &rooms,
                except: &except,
            },
            except: self.but,
            kind: message.kind(),
            compress: true,
            data: message.as_bytes(),
        };
        self.engine.execute(Command::WebSocketBroadcast(broadcast));
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
