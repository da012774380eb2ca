//! Plain WebSockets of a pull server: which paths have them, and what their peers do.
//!
//! They are members of the rosters as sockets are, in the group of their path, and so have keys,
//! rooms and user data like them.

use std::future::ready;
use std::sync::Arc;

use http::HeaderMap;
use parking_lot::RwLock;

use super::event::{PulledEvent, WebSocketEvent};
use super::queue::EventQueue;
use super::reception::WebSocketVerdict;
use crate::config::WebSocketSettings;
use crate::embed::websocket::{Command, Event, Failure};
use crate::embed::{Command as EngineCommand, Handshake, NamespaceId};
use crate::error::Error;
use crate::hub::ConnId;
use crate::server::{Engine, WebSocketAdmission, WebSocketRefusal, WebSocketTerms};

/// Where a pull server has plain WebSockets, and for whom.
#[derive(Clone, Debug)]
pub struct WebSocketPath {
    /// The path of their requests, for example `/feed`.
    pub path: String,
    /// Subprotocols that are spoken. Of those that a client offers, the first that is among them is
    /// agreed on; without one the client is let in all the same.
    pub protocols: Vec<String>,
    /// Origins of the pages that may open one; a request that names another is refused (403). With
    /// none here, all may. Programs that are no browsers name none.
    pub origins: Vec<String>,
    /// Whether the application decides about every client that none of the above turns away:
    /// [`PulledEvent::WebSocketHandshake`] asks, [`PullServer::decide_about_websocket`] answers.
    ///
    /// [`PullServer::decide_about_websocket`]: super::PullServer::decide_about_websocket
    pub asks: bool,
    /// Their settings.
    pub settings: WebSocketSettings,
}

/// The paths that have been opened.
#[derive(Debug, Default)]
pub(super) struct Paths(RwLock<Vec<Arc<Opened>>>);

#[derive(Debug)]
struct Opened {
    path: Box<str>,
    /// What the application calls the group.
    name: Arc<str>,
    group: NamespaceId,
    protocols: Vec<String>,
    origins: Vec<String>,
    asks: bool,
    settings: Arc<WebSocketSettings>,
}

impl Paths {
    pub(super) fn open(&self, engine: &Engine, wanted: WebSocketPath) -> Result<(), Error> {
        let WebSocketPath {
            path,
            protocols,
            origins,
            asks,
            mut settings,
        } = wanted;
        // What it says about the messages before an end leaves before the answer.
        settings.application_answers = true;
        check_path(engine, &path, "WebSockets")?;
        let mut paths = self.0.write();
        if paths.iter().any(|opened| *opened.path == *path) {
            let rule = "that path has WebSockets already";
            return Err(Error::Misuse(rule.to_owned()));
        }
        paths.push(Arc::new(Opened {
            name: [PREFIX, &path].concat().into(),
            path: path.into(),
            group: engine.open_group(),
            protocols,
            origins,
            asks,
            settings: Arc::new(settings),
        }));
        Ok(())
    }

    /// The group that the application calls `name`.
    pub(super) fn group(&self, name: &str) -> Option<NamespaceId> {
        let path = name.strip_prefix(PREFIX)?;
        Some(self.find(|opened| *opened.path == *path)?.group)
    }

    fn name_of(&self, group: NamespaceId) -> Option<Arc<str>> {
        let opened = self.find(|opened| opened.group == group)?;
        Some(Arc::clone(&opened.name))
    }

    fn find(&self, is_it: impl Fn(&Opened) -> bool) -> Option<Arc<Opened>> {
        let paths = self.0.read();
        paths.iter().find(|opened| is_it(opened)).map(Arc::clone)
    }
}

/// Whether something may be served at a path beside the engine's own.
pub(super) fn check_path(engine: &Engine, path: &str, what: &str) -> Result<(), Error> {
    if !path.starts_with('/') || path.contains(['?', '#']) {
        let rule = format!("the path of {what} begins with '/' and has no query");
        return Err(Error::Misuse(rule));
    }
    let own = engine.config().path.trim_end_matches('/');
    let below = path.strip_prefix(own);
    if below.is_some_and(|rest| rest.starts_with('/')) {
        let rule = format!("the path of {what} must not be below that of Socket.IO");
        return Err(Error::Misuse(rule));
    }
    Ok(())
}

/// Before the path, in the name of a group: no namespace has a name like it.
const PREFIX: &str = "ws:";

impl EventQueue {
    /// Decides about a request for a plain WebSocket.
    pub(super) fn admit_plain(&self, request: &Arc<Handshake>) -> Option<WebSocketAdmission> {
        let path = request.path();
        let opened = self.paths().find(|opened| *opened.path == *path)?;
        if !opened.lets_in(request.header("origin")) {
            return Some(Box::pin(ready(Err(refusal(403)))));
        }
        if !self.has_space() {
            return Some(Box::pin(ready(Err(refusal(503)))));
        }
        if !opened.asks {
            return Some(Box::pin(ready(Ok(opened.terms(request, None)))));
        }
        let ticket = self.ask_about_websocket(Arc::clone(&opened.name), request);
        let request = Arc::clone(request);
        Some(Box::pin(async move {
            match ticket.verdict().await {
                Some(WebSocketVerdict::Allow { protocol }) => Ok(opened.terms(&request, protocol)),
                Some(WebSocketVerdict::Deny { status, message }) => Err(WebSocketRefusal {
                    message,
                    ..refusal(status)
                }),
                None => Err(refusal(503)),
            }
        }))
    }
}

fn refusal(status: u16) -> WebSocketRefusal {
    WebSocketRefusal {
        status,
        message: String::new(),
        headers: HeaderMap::new(),
    }
}

impl Opened {
    fn lets_in(&self, origin: Option<&str>) -> bool {
        let is_allowed = |origin| self.origins.iter().any(|allowed| allowed == origin);
        self.origins.is_empty() || origin.is_none_or(is_allowed)
    }

    /// What a client gets, with `protocol` or else the first offered one that is spoken.
    fn terms(&self, request: &Handshake, protocol: Option<String>) -> WebSocketTerms {
        let offered = request.header("sec-websocket-protocol").unwrap_or_default();
        let spoken = offered
            .split(',')
            .map(str::trim)
            .find(|offer| self.protocols.iter().any(|spoken| spoken == offer));
        WebSocketTerms {
            group: self.group,
            settings: Arc::clone(&self.settings),
            protocol: protocol.or_else(|| spoken.map(str::to_owned)),
            headers: HeaderMap::new(),
        }
    }
}

impl EventQueue {
    pub(super) fn handle_websocket(&self, engine: &Engine, conn: ConnId, event: Event<'_>) {
        if let Some(ending) = Ending::of(conn, &event) {
            self.push_ending(ending);
        }
        let Some(mut roster) = self.roster(conn.shard) else {
            return;
        };
        let event = match event {
            Event::Open {
                group,
                handshake,
                gauge,
                ..
            } => {
                let namespace = engine.hub().namespace(group);
                let sid = namespace.and_then(|namespace| namespace.sid_of(conn));
                let (Some(sid), Some(name)) = (sid, self.paths().name_of(group)) else {
                    return;
                };
                roster.enter(conn.slot, name, sid, group, Arc::clone(gauge));
                WebSocketEvent::Open {
                    handshake: handshake.cloned(),
                }
            }
            Event::Text(text) => WebSocketEvent::message(text.as_bytes(), false),
            Event::RawText(text) => WebSocketEvent::message(text, false),
            Event::Binary(bytes) => WebSocketEvent::message(bytes, true),
            Event::Pong(payload) => WebSocketEvent::Pong(payload.into()),
            Event::Drain => WebSocketEvent::Drain,
            Event::Failed(failure) => {
                roster.fail(conn.slot, describe(failure).into());
                return;
            }
            Event::Closed { code, reason } => {
                for member in roster.remove_connection(conn.slot) {
                    let namespace = member.namespace.and_then(|id| engine.hub().namespace(id));
                    let rooms = namespace.map_or_else(Vec::new, |n| n.rooms_of(conn));
                    self.push(PulledEvent::WebSocket {
                        socket: member.socket,
                        event: WebSocketEvent::Closed {
                            code,
                            reason: String::from_utf8_lossy(reason).into(),
                            description: member.failure,
                            rooms,
                        },
                    });
                }
                return;
            }
            // The close comes for all who want to know of an end; pings are answered.
            Event::Ping(_) | Event::CloseFrame { .. } | Event::Sent { .. } | Event::Ended => return,
        };
        if let Some(socket) = roster.only(conn.slot) {
            self.push(PulledEvent::WebSocket { socket, event });
        }
    }
}

/// A peer's end that is to be answered.
#[derive(Debug)]
pub(super) struct Ending {
    conn: ConnId,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Close(Option<u16>, Box<str>),
    End,
}

impl Ending {
    pub(super) fn of(conn: ConnId, event: &Event<'_>) -> Option<Ending> {
        let answer = match event.answer()? {
            Command::Close { code, reason } => Answer::Close(code, reason.into()),
            _ => Answer::End,
        };
        Some(Ending { conn, answer })
    }

    pub(super) fn command(&self) -> EngineCommand<'_> {
        let command = match &self.answer {
            Answer::Close(code, reason) => Command::Close {
                code: *code,
                reason,
            },
            Answer::End => Command::End,
        };
        EngineCommand::WebSocket {
            conn: self.conn,
            command,
        }
    }
}

fn describe(failure: Failure<'_>) -> String {
    match failure {
        Failure::Protocol(error) => error.to_string(),
        Failure::PingFlood => "too many pings".to_owned(),
        Failure::SlowReader => "the peer reads too slowly".to_owned(),
        Failure::TooManyMessages => "too many messages".to_owned(),
        Failure::TooManyOfAddress => "too many messages from this address".to_owned(),
        Failure::Io(error) => error.to_string(),
    }
}
