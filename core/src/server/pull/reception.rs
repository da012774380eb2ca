//! A pull application's part in HTTP: handshakes wait for its word, and its headers stand in the
//! answers.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use super::event::PulledEvent;
use super::queue::EventQueue;
use super::{Gone, PullServer};
use crate::embed::Handshake;
use crate::error::Error;
use crate::server::{Admission, Reception, WebSocketAdmission};

/// What the application has said about HTTP, and who waits for its word.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asks: AtomicBool,
    tickets: Arc<Mutex<Tickets>>,
    headers: RwLock<HeaderMap>,
}

/// Handshakes that wait, at most one for each open HTTP connection.
#[derive(Debug, Default)]
struct Tickets {
    last: u64,
    open: HashMap<u64, oneshot::Sender<Result<(), String>>>,
}

/// A handshake that waits. Dropped, when its time is up or its client gone, it waits no more.
struct Ticket {
    number: u64,
    tickets: Arc<Mutex<Tickets>>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.tickets.lock().open.remove(&self.number);
    }
}

impl Reception for EventQueue {
    fn admit(&self, handshake: &Arc<Handshake>) -> Option<Admission> {
        let desk = self.desk();
        if !desk.asks.load(Ordering::Acquire) {
            return None;
        }
        let (sender, decided) = oneshot::channel();
        let number = {
            let mut tickets = desk.tickets.lock();
            tickets.last += 1;
            let number = tickets.last;
            tickets.open.insert(number, sender);
            number
        };
        let ticket = Ticket {
            number,
            tickets: Arc::clone(&desk.tickets),
        };
        self.push(PulledEvent::Handshake {
            ticket: number,
            handshake: Arc::clone(handshake),
        });
        // No turn of the shard need follow.
        self.announce();
        Some(Box::pin(async move {
            let decided = decided.await;
            drop(ticket);
            decided.unwrap_or_else(|_| Err(String::new()))
        }))
    }

    fn adds_headers(&self) -> bool {
        !self.desk().headers.read().is_empty()
    }

    fn add_headers(&self, _: &Handshake, _: bool, headers: &mut HeaderMap) {
        headers.extend(self.desk().headers.read().clone());
    }

    fn admit_websocket(&self, request: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        self.admit_plain(request)
    }
}

impl PullServer {
    /// From now on every client that wants to open a connection waits for the application:
    /// [`PulledEvent::Handshake`] asks, [`PullServer::decide`] answers. Who is not answered within
    /// `connect_timeout` is refused.
    pub fn ask_about_handshakes(&self) {
        let asks = &self.queue.desk().asks;
        asks.store(true, Ordering::Release);
    }

    /// Lets a client open its connection, or turns it away with a message.
    ///
    /// # Errors
    /// [`Gone`] if the client has left, its time was up, or it has been decided about.
    pub fn decide(&self, ticket: u64, verdict: Result<(), String>) -> Result<(), Gone> {
        let waiting = self.queue.desk().tickets.lock().open.remove(&ticket);
        waiting.ok_or(Gone)?.send(verdict).map_err(|_| Gone)
    }

    /// From now on this header stands in every answer under the engine's path that is no refusal,
    /// those of WebSocket handshakes among them. A name may be added several times.
    ///
    /// # Errors
    /// [`Error::Misuse`] for what cannot be a header.
    pub fn add_header(&self, name: &str, value: &str) -> Result<(), Error> {
        let misuse = |what: &str| Error::Misuse(format!("{what} cannot stand in a header"));
        let name = HeaderName::try_from(name).map_err(|_| misuse("the name"))?;
        let value = HeaderValue::try_from(value).map_err(|_| misuse("the value"))?;
        self.queue.desk().headers.write().append(name, value);
        Ok(())
    }
}
