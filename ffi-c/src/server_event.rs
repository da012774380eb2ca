//! Events of the other servers of a cluster.

use sori_core::proto::cluster::sockets_json;
use sori_core::server::pull::PulledEvent;

use crate::event::{Answer, sori_event};
use crate::kind::sori_event_kind::*;
use crate::texts::{Text, Texts};

impl sori_event {
    pub(crate) fn of_cluster(event: PulledEvent) -> sori_event {
        match event {
            PulledEvent::ServerMessage {
                namespace,
                ticket,
                data,
                attachments,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_SERVER_MESSAGE);
                event.asked_namespace = Some(namespace);
                event.texts = Texts::of_message(data);
                event.attachments = attachments;
                // Of the ack there is nothing to tell but that there is one.
                event.ack = ticket.is_some().then_some(0);
                event.ticket = ticket;
                event
            }
            PulledEvent::ServerAnswers {
                namespace,
                id,
                outcome,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_SERVER_ANSWERS);
                event.asked_namespace = Some(namespace);
                event.ack = Some(id);
                event.is_timed_out = outcome.timed_out;
                event.answers = outcome.responses.into_iter().map(Answer::new).collect();
                event
            }
            PulledEvent::Sockets {
                namespace,
                id,
                sockets,
                timed_out,
            } => {
                let (json, attachments) = sockets_json(&sockets);
                let mut event = sori_event::empty(SORI_EVENT_SOCKETS);
                event.asked_namespace = Some(namespace);
                event.ack = Some(id);
                event.texts.put(Text::Args, &json);
                event.attachments = attachments;
                event.is_timed_out = timed_out;
                event
            }
            PulledEvent::ServerCount {
                namespace,
                id,
                servers,
            } => {
                let mut event = sori_event::empty(SORI_EVENT_SERVER_COUNT);
                event.asked_namespace = Some(namespace);
                event.ack = Some(id);
                event.token = servers.unwrap_or_default() as u64;
                event
            }
            event => sori_event::new(event),
        }
    }
}
