//! What a pulled server asks of the other servers of its cluster, and what they say to it.

use std::time::Duration;

use super::queue::EventQueue;
use super::{PullServer, PulledEvent};
use crate::embed::{AckRequest, Audience, Command, Event, Payload, ServerTicket, SocketRef};
use crate::hub::Namespace;
use crate::server::{Application, Batch, Engine};

/// Every call gives the id by which the event that answers it is told from others.
impl PullServer {
    /// Sends an event to the other servers that wants answers; [`PulledEvent::ServerAnswers`] gives
    /// them. A `timeout` of `None`: as the cluster's settings say.
    pub fn ask_servers(
        &self,
        batch: &mut Batch<'_>,
        namespace: &Namespace,
        payload: Payload<'_>,
        timeout: Option<Duration>,
    ) -> u64 {
        let id = namespace.next_ack();
        batch.execute(Command::ServerSideEmit {
            namespace: namespace.id(),
            payload,
            ack: Some(AckRequest::new(id, timeout)),
        });
        id
    }

    /// Answers a [`PulledEvent::ServerMessage`] that carries a ticket.
    pub fn answer_server(
        &self,
        batch: &mut Batch<'_>,
        ticket: &ServerTicket,
        payload: Payload<'_>,
    ) {
        batch.execute(Command::AnswerServer { ticket, payload });
    }

    /// Asks for the sockets of all servers; [`PulledEvent::Sockets`] gives them.
    pub fn fetch_sockets(
        &self,
        batch: &mut Batch<'_>,
        namespace: &Namespace,
        audience: Audience<'_>,
        timeout: Option<Duration>,
    ) -> u64 {
        let id = namespace.next_ack();
        batch.execute(Command::FetchSockets {
            namespace: namespace.id(),
            audience,
            ask: AckRequest::new(id, timeout),
        });
        id
    }

    /// Asks how many servers there are; [`PulledEvent::ServerCount`] tells.
    pub fn count_servers(
        &self,
        batch: &mut Batch<'_>,
        namespace: &Namespace,
        timeout: Option<Duration>,
    ) -> u64 {
        let id = namespace.next_ack();
        batch.execute(Command::CountServers {
            namespace: namespace.id(),
            ask: AckRequest::new(id, timeout),
        });
        id
    }
}

impl EventQueue {
    /// Takes an event of the cluster.
    pub(super) fn handle_cluster(&self, engine: &Engine, event: Event<'_>) {
        let named = |id| Some(engine.hub().namespace(id)?.name().into());
        match event {
            // The bus cannot be told to wait: what the application has no room for is dropped.
            Event::ServerSideEmit { .. } if !self.is_ready() => {}
            Event::ServerSideEmit {
                namespace,
                ticket,
                data,
                attachments,
            } => {
                if let Some(namespace) = named(namespace) {
                    let mut owned = String::with_capacity(data.len() + 1);
                    owned.push_str(&data);
                    self.push(PulledEvent::ServerMessage {
                        namespace,
                        ticket: ticket.map(Box::new),
                        data: owned,
                        attachments,
                    });
                }
            }
            Event::ServerAnswers {
                namespace,
                id,
                outcome,
            } => {
                if let Some(namespace) = named(namespace) {
                    self.push(PulledEvent::ServerAnswers {
                        namespace,
                        id,
                        outcome,
                    });
                }
            }
            Event::Sockets {
                namespace,
                id,
                sockets,
                timed_out,
            } => {
                if let Some(namespace) = named(namespace) {
                    self.push(PulledEvent::Sockets {
                        namespace,
                        id,
                        sockets,
                        timed_out,
                    });
                }
            }
            Event::ServerCount {
                namespace,
                id,
                servers,
            } => {
                if let Some(namespace) = named(namespace) {
                    self.push(PulledEvent::ServerCount {
                        namespace,
                        id,
                        servers,
                    });
                }
            }
            Event::DisconnectAsked { socket, close } => {
                self.expel(engine, &mut engine.batch(), socket, close);
            }
            _ => {}
        }
    }

    fn expel(&self, engine: &Engine, batch: &mut Batch<'_>, socket: SocketRef, close: bool) {
        if let Some(key) = self.key_of(socket) {
            // Whoever is gone by now need not be disconnected.
            let _ = match close {
                true => self.close_connection(engine, batch, key),
                false => self.disconnect(engine, batch, key),
            };
        }
    }
}
