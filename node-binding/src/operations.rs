//! Executes a text of operations: records that end with 0x1e, of fields separated by 0x1f, neither
//! of which JSON text can contain. `lib/queue.js` and its callers write it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use napi::bindgen_prelude::Buffer;
use sori::embed::{
    AckRequest, Audience, Command, NamespaceId, Payload, Raw, Reach, RequestId, SocketRef, Telling,
};
use sori::proto::cluster::sockets_from_json;
use sori::server::{Batch, Engine};

use crate::cluster::read_ticket;
use crate::names::Meanings;
use crate::sink::Sink;

const RECORD_END: u8 = 0x1e;
const FIELD_END: u8 = 0x1f;

/// Executes `text`, taking attachments from `buffers` in order. What names a connection that is
/// gone does nothing.
pub(crate) fn execute(
    engine: &Engine,
    sink: &Sink,
    meanings: &Meanings,
    text: &str,
    buffers: &[Buffer],
) {
    let mut run = Run {
        engine,
        batch: engine.batch(),
        sink,
        meanings,
        buffers: buffers.iter(),
    };
    let mut rest = text;
    while let Some(end) = memchr::memchr(RECORD_END, rest.as_bytes()) {
        run.execute(&rest[..end]);
        rest = &rest[end + 1..];
    }
}

struct Run<'a> {
    engine: &'a Engine,
    batch: Batch<'a>,
    sink: &'a Sink,
    meanings: &'a Meanings,
    buffers: std::slice::Iter<'a, Buffer>,
}

impl Run<'_> {
    fn execute(&mut self, record: &str) {
        let mut fields = Fields(Some(record));
        // A record that does not parse is this package's own mistake; in debug builds it shows.
        let done = self.execute_fields(&mut fields);
        debug_assert!(done.is_some(), "bad operation {record:?}");
    }

    fn execute_fields(&mut self, fields: &mut Fields<'_>) -> Option<()> {
        match fields.next()? {
            "e" => {
                let socket = self.socket(fields)?;
                let volatile = fields.next()?.contains('v');
                let ack = fields.ack()?;
                let payload = self.payload(fields)?;
                self.on(socket, |socket| Command::Emit {
                    socket,
                    payload,
                    volatile,
                    ack,
                });
            }
            "k" => {
                let socket = self.socket(fields)?;
                let id = fields.number()?;
                let payload = self.payload(fields)?;
                self.on(socket, |socket| Command::Answer {
                    socket,
                    id,
                    payload,
                });
            }
            "b" => {
                let addressed = fields.addressed()?;
                let telling = if addressed.flags.contains('1') {
                    Telling::OneByOne
                } else {
                    Telling::Together
                };
                let ack = fields.ack()?.map(|ack| AckRequest { telling, ..ack });
                let payload = self.payload(fields)?;
                addressed.with_audience(|audience| {
                    self.batch.execute(Command::Broadcast {
                        namespace: addressed.namespace,
                        audience,
                        payload,
                        volatile: addressed.flags.contains('v'),
                        ack,
                    });
                });
            }
            kind @ ("s" | "S") => self.send(kind, fields)?,
            kind @ ("j" | "l" | "x") => self.change_rooms(kind, fields)?,
            kind @ ("J" | "K" | "D" | "F") => self.ask_many(kind, fields)?,
            kind @ ("N" | "X" | "Y" | "Z") => self.speak_to_servers(kind, fields)?,
            "a" => {
                let socket = self.socket(fields)?;
                let sid = fields.next()?;
                self.on(socket, |socket| Command::Accept {
                    socket,
                    sid: sid.into(),
                });
            }
            "p" => {
                let socket = self.socket(fields)?;
                let data = fields.next()?;
                if let Some(socket) = socket {
                    self.engine.keep(socket, data.into());
                }
            }
            "r" => {
                let conn = self.meanings.of(fields.number()? as u32);
                let namespace: String = serde_json::from_str(fields.next()?).ok()?;
                let error = fields.next()?;
                if let Some(conn) = conn {
                    let command = Command::Refuse {
                        conn,
                        namespace: &namespace,
                        error,
                    };
                    self.batch.execute(command);
                }
            }
            "d" => {
                let socket = self.socket(fields)?;
                self.on(socket, |socket| Command::Disconnect { socket });
            }
            "f" => {
                let conn = self.meanings.of(fields.number()? as u32);
                let description: String = serde_json::from_str(fields.next()?).ok()?;
                if let Some(conn) = conn {
                    self.batch.execute(Command::Fail {
                        conn,
                        description: &description,
                    });
                }
            }
            "w" => {
                let conn = self.meanings.of(fields.number()? as u32);
                let request = RequestId(fields.number()?);
                if let Some(conn) = conn {
                    self.batch.execute(Command::DropStream { conn, request });
                }
            }
            "c" => {
                let conn = self.meanings.of(fields.number()? as u32);
                let discard = fields.next()? == "1";
                if let Some(conn) = conn {
                    self.batch.execute(Command::Close { conn, discard });
                }
            }
            "t" => {
                let conn = self.meanings.of(fields.number()? as u32);
                let token = fields.number()?;
                if let Some(conn) = conn {
                    self.batch.ask_sent(conn, token);
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// What is asked of, or about, the sockets of rooms.
    fn ask_many(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<()> {
        let addressed = fields.addressed()?;
        let namespace = addressed.namespace;
        match kind {
            "D" => {
                let close = fields.next()? == "1";
                addressed.with_audience(|audience| {
                    self.batch.execute(Command::DisconnectElsewhere {
                        namespace,
                        audience,
                        close,
                    });
                });
            }
            "F" => {
                let ask = AckRequest::new(fields.number()?, None);
                addressed.with_audience(|audience| {
                    self.batch.execute(Command::FetchSockets {
                        namespace,
                        audience,
                        ask,
                    });
                });
            }
            _ => {
                let named = fields.strings()?;
                let rooms = &borrow(&named);
                addressed.with_audience(|audience| {
                    self.batch.execute(match kind {
                        "J" => Command::JoinMany {
                            namespace,
                            audience,
                            rooms,
                        },
                        _ => Command::LeaveMany {
                            namespace,
                            audience,
                            rooms,
                        },
                    });
                });
            }
        }
        Some(())
    }

    /// What is said to the other servers of the cluster.
    fn speak_to_servers(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<()> {
        match kind {
            "N" => {
                let namespace = fields.namespace()?;
                let ask = AckRequest::new(fields.number()?, None);
                self.batch.execute(Command::CountServers { namespace, ask });
            }
            "X" => {
                let namespace = fields.namespace()?;
                let ack = fields.ack()?;
                let payload = self.payload(fields)?;
                self.batch.execute(Command::ServerSideEmit {
                    namespace,
                    payload,
                    ack,
                });
            }
            "Y" => {
                let ticket = &read_ticket(fields.next()?)?;
                let payload = self.payload(fields)?;
                self.batch
                    .execute(Command::AnswerServer { ticket, payload });
            }
            _ => {
                let ticket = &read_ticket(fields.next()?)?;
                let sockets = sockets_from_json(fields.next()?).ok()?;
                self.batch
                    .execute(Command::DescribeSockets { ticket, sockets });
            }
        }
        Some(())
    }

    /// Sends a text message, or the next buffer as a binary one, to connections separated by commas.
    fn send(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<()> {
        let numbers = fields.next()?;
        let flags = fields.next()?;
        let token = match fields.next()? {
            "" => None,
            token => Some(token.parse().ok()?),
        };
        let (text, bytes);
        let message = if kind == "s" {
            text = serde_json::from_str::<Cow<'_, str>>(fields.next()?).ok()?;
            Raw::Text(&text)
        } else {
            bytes = self.buffers.next()?;
            Raw::Binary(bytes)
        };
        let meanings = self.meanings;
        let conns = numbers
            .split(',')
            .filter_map(|number| meanings.of(number.parse().ok()?));
        self.batch
            .send_raw(conns, message, flags.contains('v'), token);
        Some(())
    }

    /// Joins, leaves, or leaves all: of the socket itself, and of what its last listeners are to see
    /// if it has ended meanwhile.
    fn change_rooms(&mut self, kind: &str, fields: &mut Fields<'_>) -> Option<()> {
        let (name, namespace) = (fields.number()? as u32, fields.namespace()?);
        let named = if kind == "x" {
            Vec::new()
        } else {
            fields.strings()?
        };
        let rooms = &borrow(&named);
        let socket = self
            .meanings
            .of(name)
            .map(|conn| SocketRef { conn, namespace });
        self.on(socket, |socket| match kind {
            "j" => Command::Join { socket, rooms },
            "l" => Command::Leave { socket, rooms },
            _ => Command::LeaveAll { socket },
        });
        self.sink
            .change_parting_rooms(name, namespace.0, |parting| {
                parting.retain(|room| kind != "x" && !rooms.contains(&&**room));
                if kind == "j" {
                    parting.extend(rooms.iter().map(|room| Arc::from(*room)));
                }
            });
        Some(())
    }

    /// The socket that two fields name: the outer option is theirs, the inner the connection's.
    fn socket(&self, fields: &mut Fields<'_>) -> Option<Option<SocketRef>> {
        let conn = self.meanings.of(fields.number()? as u32);
        let namespace = fields.namespace()?;
        Some(conn.map(|conn| SocketRef { conn, namespace }))
    }

    fn on<'c>(
        &mut self,
        socket: Option<SocketRef>,
        command: impl FnOnce(SocketRef) -> Command<'c>,
    ) {
        if let Some(socket) = socket {
            self.batch.execute(command(socket));
        }
    }

    fn payload<'f>(&mut self, fields: &mut Fields<'f>) -> Option<Payload<'f>> {
        let json = fields.next()?.as_bytes();
        let count = fields.number()? as usize;
        let attachments = self
            .buffers
            .by_ref()
            .take(count)
            .map(|buffer| Bytes::copy_from_slice(buffer));
        Some(Payload {
            json,
            attachments: attachments.collect(),
        })
    }
}

/// The fields of a record that have not been read.
struct Fields<'a>(Option<&'a str>);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let rest = self.0?;
        match memchr::memchr(FIELD_END, rest.as_bytes()) {
            Some(end) => {
                self.0 = Some(&rest[end + 1..]);
                Some(&rest[..end])
            }
            None => self.0.take(),
        }
    }

    fn number(&mut self) -> Option<u64> {
        self.next()?.parse().ok()
    }

    fn namespace(&mut self) -> Option<NamespaceId> {
        self.number().map(|id| NamespaceId(id as u32))
    }

    /// Four fields: a namespace, flags, rooms, and rooms that are left out.
    fn addressed(&mut self) -> Option<Addressed<'a>> {
        Some(Addressed {
            namespace: self.namespace()?,
            flags: self.next()?,
            rooms: self.strings()?,
            except: self.strings()?,
        })
    }

    /// Two fields: the ack's id and its timeout in milliseconds, each empty for none.
    fn ack(&mut self) -> Option<Option<AckRequest>> {
        let (id, timeout) = (self.next()?, self.next()?);
        if id.is_empty() {
            return Some(None);
        }
        let timeout = match timeout {
            "" => None,
            text => Duration::try_from_secs_f64(text.parse::<f64>().ok()? / 1_000.0).ok(),
        };
        Some(Some(AckRequest {
            id: id.parse().ok()?,
            timeout,
            telling: Telling::default(),
        }))
    }

    /// A JSON array of strings; empty for none.
    fn strings(&mut self) -> Option<Vec<String>> {
        match self.next()? {
            "" => Some(Vec::new()),
            json => serde_json::from_str(json).ok(),
        }
    }
}

/// Many sockets of a namespace.
struct Addressed<'a> {
    namespace: NamespaceId,
    flags: &'a str,
    rooms: Vec<String>,
    except: Vec<String>,
}

impl Addressed<'_> {
    fn with_audience(&self, work: impl FnOnce(Audience<'_>)) {
        work(Audience {
            rooms: &borrow(&self.rooms),
            except: &borrow(&self.except),
            reach: reach(self.flags),
        });
    }
}

/// How far a command reaches: 'l' this server alone, 'o' the others alone.
fn reach(flags: &str) -> Reach {
    if flags.contains('l') {
        Reach::Server
    } else if flags.contains('o') {
        Reach::Others
    } else {
        Reach::Cluster
    }
}

fn borrow(strings: &[String]) -> Vec<&str> {
    strings.iter().map(String::as_str).collect()
}
