//! Executes orders: what JavaScript asks of plain WebSockets, one after another in memory.
//! `lib/ws/orders.js` writes them.
//!
//! ```text
//! kind | flags << 8 | close code << 16,  socket or group,  payload length,  [token],  payload, padded to words
//! ```

use sori::embed::websocket::{Broadcast, Command as Ask, Control, Message, MessageKind};
use sori::embed::{Audience, Command, NamespaceId, Reach, SocketRef};
use sori::server::{Batch, Engine};

use super::sockets::{Place, Sockets};

const SEND: u8 = 1;
const PING: u8 = 2;
const PONG: u8 = 3;
const RAW: u8 = 4;
const CLOSE: u8 = 5;
const TERMINATE: u8 = 6;
const PAUSE: u8 = 7;
const RESUME: u8 = 8;
const JOIN: u8 = 9;
const LEAVE: u8 = 10;
const BROADCAST: u8 = 11;
const END: u8 = 12;
const RESET: u8 = 13;

/// Flags in the second byte.
const IS_BINARY: u8 = 1;
const IS_LAST: u8 = 2;
const COMPRESS: u8 = 4;
const HAS_TOKEN: u8 = 8;

/// One order, taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    /// The order's first word.
    pub(super) head: u32,
    /// A socket's or a group's number.
    pub(super) subject: u32,
    /// 0 for none.
    pub(super) token: u32,
    pub(super) payload: &'a [u8],
}

impl Order<'_> {
    fn kind(&self) -> u8 {
        self.head as u8
    }

    fn has(&self, flag: u8) -> bool {
        (self.head >> 8) as u8 & flag != 0
    }

    fn code(&self) -> Option<u16> {
        Some((self.head >> 16) as u16).filter(|code| *code != 0)
    }

    fn token(&self) -> Option<u64> {
        Some(self.token.into()).filter(|token| *token != 0)
    }

    fn message_kind(&self) -> MessageKind {
        if self.has(IS_BINARY) {
            MessageKind::Binary
        } else {
            MessageKind::Text
        }
    }

    /// The payload as text; JavaScript writes what it means to be text as UTF-8.
    fn text(&self) -> &str {
        std::str::from_utf8(self.payload).unwrap_or_default()
    }

    /// Writes it as it was read.
    fn write_to(&self, orders: &mut Vec<u8>) {
        let head = if self.token == 0 {
            self.head & !(u32::from(HAS_TOKEN) << 8)
        } else {
            self.head | u32::from(HAS_TOKEN) << 8
        };
        for word in [head, self.subject, self.payload.len() as u32] {
            orders.extend_from_slice(&word.to_ne_bytes());
        }
        if self.token != 0 {
            orders.extend_from_slice(&self.token.to_ne_bytes());
        }
        orders.extend_from_slice(self.payload);
        orders.resize(orders.len().next_multiple_of(4), 0);
    }
}

/// Orders in memory, one after another.
struct Orders<'a>(&'a [u8]);

impl<'a> Iterator for Orders<'a> {
    type Item = Order<'a>;

    fn next(&mut self) -> Option<Order<'a>> {
        let mut words = Words(self.0);
        let (head, subject) = (words.next()?, words.next()?);
        let length = words.next()? as usize;
        let has_token = (head >> 8) as u8 & HAS_TOKEN != 0;
        let token = if has_token { words.next()? } else { 0 };
        let payload = words.bytes(length)?;
        self.0 = words.0;
        Some(Order {
            head,
            subject,
            token,
            payload,
        })
    }
}

/// Words, and bytes padded to words.
struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_ne_bytes(*word))
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let bytes = self.0.get(..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.next()? as usize;
        std::str::from_utf8(self.bytes(length)?).ok()
    }

    fn texts(&mut self) -> Option<Vec<&'a str>> {
        let count = self.next()?;
        (0..count).map(|_| self.text()).collect()
    }
}

/// Executes `orders`. What names a socket that is gone does nothing.
pub(super) fn execute(engine: &Engine, sockets: &mut Sockets, orders: &[u8]) {
    let mut batch = engine.batch();
    for order in Orders(orders) {
        execute_one(&mut batch, sockets, order);
    }
}

/// Executes one order.
pub(super) fn execute_one(batch: &mut Batch<'_>, sockets: &mut Sockets, order: Order<'_>) {
    if order.kind() == BROADCAST {
        // What does not parse is this package's own mistake; in debug builds it shows.
        let done = broadcast(batch, sockets, order);
        debug_assert!(done.is_some(), "bad broadcast {order:?}");
        return;
    }
    if let Some(opening) = sockets.opening_mut(order.subject) {
        match order.kind() {
            JOIN => opening.rooms.push(order.text().to_owned()),
            LEAVE => opening.rooms.retain(|room| room != order.text()),
            SEND | PING | PONG | RAW => opening.message_bytes += order.payload.len(),
            _ => {}
        }
        order.write_to(&mut opening.orders);
        // Rooms matter to nobody before the next order.
        if !matches!(order.kind(), JOIN | LEAVE) {
            sockets.ask(order.subject);
        }
    } else if let Place::Open {
        conn, group, gauge, ..
    } = sockets.get(order.subject)
    {
        let (conn, gauge) = (*conn, Some(&**gauge));
        let socket = SocketRef {
            conn,
            namespace: *group,
        };
        let control = Control {
            data: order.payload,
            token: order.token(),
            gauge,
        };
        let command = match order.kind() {
            SEND => Ask::Send(Message {
                kind: order.message_kind(),
                fin: order.has(IS_LAST),
                compress: order.has(COMPRESS),
                data: order.payload,
                token: order.token(),
                gauge,
            }),
            PING => Ask::Ping(control),
            PONG => Ask::Pong(control),
            RAW => Ask::Raw(control),
            CLOSE => Ask::Close {
                code: order.code(),
                reason: order.text(),
            },
            END => Ask::End,
            TERMINATE => Ask::Terminate,
            RESET => Ask::Reset,
            PAUSE => Ask::Pause,
            RESUME => Ask::Resume,
            kind => {
                let rooms = &[order.text()];
                match kind {
                    JOIN => batch.execute(Command::Join { socket, rooms }),
                    LEAVE => batch.execute(Command::Leave { socket, rooms }),
                    _ => debug_assert!(false, "bad order {order:?}"),
                }
                return;
            }
        };
        batch.execute(Command::WebSocket { conn, command });
    }
}

/// Payload: the excepted socket's number plus one, rooms, rooms left out, the message.
fn broadcast(batch: &mut Batch<'_>, sockets: &mut Sockets, order: Order<'_>) -> Option<()> {
    let mut words = Words(order.payload);
    let except_id = words.next()?.checked_sub(1);
    let (rooms, except_rooms) = (words.texts()?, words.texts()?);
    let length = words.next()? as usize;
    let data = words.bytes(length)?;
    let group = NamespaceId(order.subject);
    let except = except_id.and_then(|id| match sockets.get(id) {
        Place::Open { conn, .. } => Some(*conn),
        Place::Free | Place::Opening(_) => None,
    });
    batch.execute(Command::WebSocketBroadcast(Broadcast {
        group,
        audience: Audience {
            rooms: &rooms,
            except: &except_rooms,
            reach: Reach::Server,
        },
        except,
        kind: order.message_kind(),
        compress: order.has(COMPRESS),
        data,
    }));
    let to_one = Order {
        head: order.head & 0xff00 | u32::from(SEND) | u32::from(IS_LAST) << 8,
        token: 0,
        payload: data,
        ..order
    };
    for id in sockets.opening_in(group) {
        if let Some(opening) = sockets.opening_mut(id)
            && except_id != Some(id)
            && opening.is_in(&rooms, &except_rooms)
        {
            let order = Order {
                subject: id,
                ..to_one
            };
            order.write_to(&mut opening.orders);
            sockets.ask(id);
        }
    }
    Some(())
}
