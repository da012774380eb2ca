//! A pull application's part in HTTP: handshakes wait for its word, and its headers stand in the
//! answers.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::RwLock;

use super::event::PulledEvent;
use super::queue::EventQueue;
use super::sse::SseVerdict;
use super::tickets::{Ticket, Tickets};
use super::{Gone, PullServer};
use crate::embed::Handshake;
use crate::error::Error;
use crate::server::{Admission, Engine, EventAdmission, Reception, WebSocketAdmission};

/// What the application has said about HTTP, and who waits for its word.
#[derive(Debug, Default)]
pub(super) struct Desk {
    asks: AtomicBool,
    last_ticket: AtomicU64,
    handshakes: Tickets<Result<(), String>>,
    websockets: Tickets<WebSocketVerdict>,
    sse: Tickets<SseVerdict>,
    headers: RwLock<HeaderMap>,
}

/// What the application says about a client that asks for a plain WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebSocketVerdict {
    /// It gets it.
    Allow {
        /// The subprotocol, told only to a client that offered it; `None` for the one that the path
        /// agrees on.
        protocol: Option<String>,
    },
    /// It does not.
    Deny {
        /// The HTTP status, 400 to 599.
        status: u16,
        /// The body of the answer; if it is empty, the status's own phrase.
        message: String,
    },
}

impl Desk {
    /// Of all kinds, so that a ticket of one is none of another.
    fn next_ticket(&self) -> u64 {
        self.last_ticket.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl EventQueue {
    /// Asks the application about a client that wants a plain WebSocket.
    pub(super) fn ask_about_websocket(
        &self,
        namespace: Arc<str>,
        handshake: &Arc<Handshake>,
    ) -> Ticket<WebSocketVerdict> {
        let number = self.desk().next_ticket();
        let ticket = self.desk().websockets.issue(number);
        self.push(PulledEvent::WebSocketHandshake {
            ticket: number,
            namespace,
            handshake: Arc::clone(handshake),
        });
        // No turn of the shard need follow.
        self.announce();
        ticket
    }

    /// Asks the application about a client that wants server-sent events.
    pub(super) fn ask_about_sse(
        &self,
        namespace: Arc<str>,
        handshake: &Arc<Handshake>,
    ) -> Ticket<SseVerdict> {
        let number = self.desk().next_ticket();
        let ticket = self.desk().sse.issue(number);
        self.push(PulledEvent::SseHandshake {
            ticket: number,
            namespace,
            handshake: Arc::clone(handshake),
        });
        self.announce();
        ticket
    }
}

impl Reception for EventQueue {
    fn admit(&self, handshake: &Arc<Handshake>) -> Option<Admission> {
        let desk = self.desk();
        if !desk.asks.load(Ordering::Acquire) {
            return None;
        }
        if !self.has_space() {
            // Its question would wait behind all the others, and longer than the client.
            return Some(Box::pin(ready(Err("too many events wait".to_owned()))));
        }
        let number = desk.next_ticket();
        let ticket = desk.handshakes.issue(number);
        self.push(PulledEvent::Handshake {
            ticket: number,
            handshake: Arc::clone(handshake),
        });
        self.announce();
        Some(Box::pin(async move {
            let verdict = ticket.verdict().await;
            verdict.unwrap_or_else(|| Err(String::new()))
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

    fn admit_events(&self, engine: &Engine, request: &Arc<Handshake>) -> Option<EventAdmission> {
        self.admit_sse(engine, request)
    }

    fn has_endpoint(&self, path: &str) -> bool {
        self.streams().has(path)
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
        let is_decided = self.queue.desk().handshakes.decide(ticket, verdict);
        is_decided.then_some(()).ok_or(Gone)
    }

    /// Gives a client the plain WebSocket that [`PulledEvent::WebSocketHandshake`] asks for, or turns
    /// it away. Who is not answered within `connect_timeout` is refused (503).
    ///
    /// # Errors
    /// [`Gone`] if the client has left, its time was up, or it has been decided about.
    pub fn decide_about_websocket(
        &self,
        ticket: u64,
        verdict: WebSocketVerdict,
    ) -> Result<(), Gone> {
        let is_decided = self.queue.desk().websockets.decide(ticket, verdict);
        is_decided.then_some(()).ok_or(Gone)
    }

    /// Gives a client the server-sent events that [`PulledEvent::SseHandshake`] asks for, or turns it
    /// away. Who is not answered within `connect_timeout` is refused (503).
    ///
    /// # Errors
    /// [`Gone`] if the client has left, its time was up, or it has been decided about.
    pub fn decide_about_sse(&self, ticket: u64, verdict: SseVerdict) -> Result<(), Gone> {
        let is_decided = self.queue.desk().sse.decide(ticket, verdict);
        is_decided.then_some(()).ok_or(Gone)
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
