//! Addressing many sockets: rooms in, rooms out, then what is to happen to those chosen.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::answers::PendingAnswers;
use super::encode::Encoded;
use super::namespace::NamespaceState;
use super::router::Router;
use super::socket::Socket;
use crate::embed::{AckRequest, Audience, Command, NamespaceId, SocketRef};
use crate::error::Error;
use crate::server::Engine;

/// One room or several: `"a"`, `["a", "b"]`, a `Vec` or a slice of anything that is text.
pub trait Rooms {
    #[doc(hidden)]
    fn each(&self, take: &mut dyn FnMut(&str));
}

macro_rules! one_room {
    ($($T:ty),*) => {$(
        impl Rooms for $T {
            fn each(&self, take: &mut dyn FnMut(&str)) {
                take(self);
            }
        }
    )*};
}

one_room!(&str, String, &String, Arc<str>, &Arc<str>, Box<str>);

macro_rules! several_rooms {
    ($($T:ty $(, $N:ident)?;)*) => {$(
        impl<R: AsRef<str> $(, const $N: usize)?> Rooms for $T {
            fn each(&self, take: &mut dyn FnMut(&str)) {
                for room in self.iter() {
                    take(room.as_ref());
                }
            }
        }
    )*};
}

several_rooms! {
    [R; N], N;
    &[R; N], N;
    &[R];
    Vec<R>;
    &Vec<R>;
}

/// The sockets in any of some rooms and in none of others. Each is reached once, however many of
/// the rooms it is in.
///
/// Who is reached is settled when the last method is called, in the order in which the program
/// speaks: a socket that joined before is reached, one that leaves afterwards still is.
///
/// # Examples
/// ```no_run
/// # fn example(server: &sori::Server) -> sori::Result {
/// let chat = server.of("/chat");
/// chat.to(["red", "blue"]).except("muted").emit("score", (2, 1))?;
/// chat.to("red").disconnect();
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent until `emit` is called"]
pub struct Broadcast {
    engine: Engine,
    router: Arc<Router>,
    namespace: Arc<NamespaceState>,
    /// `None`: all sockets; no rooms: nobody.
    rooms: Option<Vec<Box<str>>>,
    except: Vec<Box<str>>,
    is_volatile: bool,
}

impl Broadcast {
    pub(super) fn new(
        engine: &Engine,
        router: &Arc<Router>,
        namespace: &Arc<NamespaceState>,
    ) -> Broadcast {
        Broadcast {
            engine: engine.clone(),
            router: Arc::clone(router),
            namespace: Arc::clone(namespace),
            rooms: None,
            except: Vec::new(),
            is_volatile: false,
        }
    }

    /// Adds the sockets in any of `rooms`. Without a call of it, all sockets are meant; with an
    /// empty list and nothing else, nobody.
    pub fn to(mut self, rooms: impl Rooms) -> Broadcast {
        let chosen = self.rooms.get_or_insert_default();
        rooms.each(&mut |room| chosen.push(room.into()));
        self
    }

    /// The same as [`Broadcast::to`].
    pub fn within(self, rooms: impl Rooms) -> Broadcast {
        self.to(rooms)
    }

    /// Leaves out the sockets in any of `rooms`.
    pub fn except(mut self, rooms: impl Rooms) -> Broadcast {
        rooms.each(&mut |room| self.except.push(room.into()));
        self
    }

    /// Drops the event for sockets that could not be sent it at once.
    pub fn volatile(mut self) -> Broadcast {
        self.is_volatile = true;
        self
    }

    /// Reaches only the sockets of this server; in a cluster of one that is all of them.
    pub fn local(self) -> Broadcast {
        self
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one. It is encoded
    /// once, whatever the number of sockets.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a reserved name, and for arguments that cannot be JSON.
    pub fn emit(self, event: &str, arguments: impl Serialize) -> Result<(), Error> {
        self.send(&Encoded::event(event, &arguments)?, None);
        Ok(())
    }

    /// Sends an event, when the result is awaited, and gathers what the clients answer: the first
    /// argument of each, or a tuple of several.
    pub fn emit_with_ack<R>(self, event: &str, arguments: impl Serialize) -> PendingAnswers<R> {
        PendingAnswers::new(self, Encoded::event(event, &arguments))
    }

    /// Puts the sockets into `rooms`.
    pub fn join(self, rooms: impl Rooms) {
        with_rooms(rooms, |rooms| {
            self.with_audience(|namespace, audience| {
                self.engine.execute(Command::JoinMany {
                    namespace,
                    audience,
                    rooms,
                });
            });
        });
    }

    /// Takes the sockets out of `rooms`.
    pub fn leave(self, rooms: impl Rooms) {
        with_rooms(rooms, |rooms| {
            self.with_audience(|namespace, audience| {
                self.engine.execute(Command::LeaveMany {
                    namespace,
                    audience,
                    rooms,
                });
            });
        });
    }

    /// Takes the sockets out of the namespace; see [`Socket::disconnect`].
    pub fn disconnect(self) {
        for socket in self.sockets() {
            socket.disconnect();
        }
    }

    /// Closes the sockets' connections; see [`Socket::close`].
    pub fn close(self) {
        for socket in self.sockets() {
            socket.close();
        }
    }

    /// The sockets.
    pub fn sockets(&self) -> Vec<Socket> {
        if self.is_to_nobody() {
            return Vec::new();
        }
        let namespace = self.namespace.id();
        let rooms = self.rooms.as_deref().unwrap_or_default();
        let targets = self.namespace.hub().select(rooms, &self.except);
        let found = targets.connections().into_iter();
        found
            .filter_map(|conn| self.router.seats().find(SocketRef { conn, namespace }))
            .collect()
    }

    pub(super) fn namespace_state(&self) -> &Arc<NamespaceState> {
        &self.namespace
    }

    pub(super) fn send(&self, event: &Encoded, ack: Option<AckRequest>) {
        self.namespace.announce(None, event);
        self.with_audience(|namespace, audience| {
            self.engine.execute(Command::Broadcast {
                namespace,
                audience,
                payload: event.payload(),
                volatile: self.is_volatile,
                ack,
            });
        });
    }

    /// An empty list of rooms means everybody to the engine, which nobody who has one expects.
    pub(super) fn is_to_nobody(&self) -> bool {
        self.rooms.as_ref().is_some_and(Vec::is_empty)
    }

    fn with_audience(&self, work: impl FnOnce(NamespaceId, Audience<'_>)) {
        if self.is_to_nobody() {
            return;
        }
        let rooms = self.rooms.iter().flatten();
        let rooms: Vec<&str> = rooms.map(|room| &**room).collect();
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        let audience = Audience {
            rooms: &rooms,
            except: &except,
        };
        work(self.namespace.id(), audience);
    }
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// Gives `work` the rooms as the engine takes them.
pub(super) fn with_rooms(rooms: impl Rooms, work: impl FnOnce(&[&str])) {
    let mut owned: Vec<Box<str>> = Vec::new();
    rooms.each(&mut |room| owned.push(room.into()));
    let borrowed: Vec<&str> = owned.iter().map(|room| &**room).collect();
    work(&borrowed);
}
