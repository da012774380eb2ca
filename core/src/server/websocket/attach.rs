//! How a plain WebSocket comes to be.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::WebSocketUpgrade;
use super::allowances::Allowances;
use super::connection::WebSocket;
use super::task::Attach;
use crate::embed::Event;
use crate::embed::websocket::{self, Gauge};
use crate::hub::new_sid;
use crate::proto::websocket::Role;
use crate::server::reader::spawn_reader;
use crate::server::shard::Shard;
use crate::transport::{Link, LinkId, Outlet};

impl Shard {
    /// Takes on a plain WebSocket.
    pub(in crate::server) fn attach_websocket(
        &mut self,
        attach: Attach,
        shard: &Rc<RefCell<Shard>>,
    ) {
        let Attach {
            mut stream,
            upgrade,
            group,
        } = attach;
        let WebSocketUpgrade {
            request,
            mut answer,
            head,
            role,
            deflate,
            settings,
            group: group_id,
            handshake,
            address: named,
        } = upgrade;
        let address = match role {
            Role::Server => self.engine.identify(named.as_deref(), handshake.as_deref()),
            Role::Client => None,
        };
        let Ok(share) = self.may_open(None, address) else {
            match role {
                Role::Server => self.turn_away(request, stream, &answer),
                Role::Client => self.tell(Event::Forget { request }),
            }
            return;
        };
        // It is no message: who looks at the gauge is not to find it there.
        stream.write_ahead(&mut answer);
        let (outlet, reader) = match stream.adopt() {
            Ok(None) => (Outlet::Feed { unwritten: 0 }, None),
            Ok(Some(wire)) => {
                let (reader, outlet) = wire.split();
                (outlet, Some(reader))
            }
            Err(_) => {
                self.tell(Event::Forget { request });
                return;
            }
        };
        let id = LinkId(self.next_link);
        self.next_link = self.next_link.wrapping_add(1);
        let mut link = Link::new(id, request, outlet, role, deflate);
        if settings.skip_utf8_validation {
            link.decoder = link.decoder.without_text_check();
        }
        self.write_now(&mut link, &answer);
        let of_group = settings.rate_limit_per_address.and_then(|limit| {
            let client = (named.as_deref(), handshake.as_deref());
            self.engine
                .share_in_group(group_id, client, limit, self.now)
        });
        let allowances = Allowances::new(&settings, [of_group, share], self.now);
        let gauge = Arc::new(Gauge::default());
        let mut websocket =
            WebSocket::new(link, role, Arc::clone(&group), settings, Arc::clone(&gauge));
        websocket.allowances = allowances;
        websocket.outbox.pass(answer.len(), 0);
        let slot = self.connections.insert_websocket(websocket);
        let conn = self.conn_id(slot);
        match self.engine.shared.application.names_websockets() {
            true => group.add(conn, new_sid(), None),
            false => group.add_nameless(conn),
        }
        self.handle().counters.opened.increment();
        self.tell_websocket(
            slot,
            websocket::Event::Open {
                request,
                group: group_id,
                handshake: handshake.as_ref(),
                gauge: &gauge,
            },
        );
        self.touch(slot);
        if reader.is_none() {
            self.feeds.insert(request, (slot, id));
        }
        for chunk in head.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_websocket_bytes(slot, chunk.len());
        }
        if let Some(stream) = reader {
            spawn_reader(shard, slot, id, stream);
        }
    }
}
