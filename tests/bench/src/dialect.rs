//! What is said and heard: the messages of each work in Socket.IO and in plain WebSocket.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Dialect {
    /// Engine.IO 4 over WebSocket, Socket.IO 5.
    SocketIo,
    /// The same for an application that uses more of it: the echo is an ack, and the server has
    /// CORS, middlewares and a catch-all listener.
    BusySocketIo,
    /// Text messages as they are.
    WebSocket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Each connection hears what it says.
    Echo,
    /// Each member hears what the first one says.
    Broadcast,
    /// Connections that say nothing.
    Idle,
}

/// One step of an opening: what the client says, if anything, and how the answer begins.
pub struct Exchange {
    pub say: Option<&'static str>,
    pub hear: &'static str,
}

impl Dialect {
    /// The path of the upgrade.
    pub fn path(self, shape: Shape) -> &'static str {
        match (self, shape) {
            (Self::SocketIo | Self::BusySocketIo, _) => "/socket.io/?EIO=4&transport=websocket",
            (Self::WebSocket, Shape::Broadcast) => "/broadcast",
            (Self::WebSocket, Shape::Echo | Shape::Idle) => "/echo",
        }
    }

    /// The exchanges between the upgrade and the work.
    pub fn opening(self, shape: Shape) -> &'static [Exchange] {
        const SOCKET_IO: &[Exchange] = &[
            Exchange {
                say: None,
                hear: "0{",
            },
            Exchange {
                say: Some("40"),
                hear: "40{",
            },
            Exchange {
                say: Some(r#"420["enter"]"#),
                hear: "430[]",
            },
        ];
        match (self, shape) {
            (Self::WebSocket, _) => &[],
            (_, Shape::Broadcast) => SOCKET_IO,
            (_, Shape::Echo | Shape::Idle) => &SOCKET_IO[..2],
        }
    }

    /// A heartbeat inside text messages: what is heard, and its answer.
    pub fn heartbeat(self) -> Option<(&'static [u8], &'static [u8])> {
        match self {
            Self::SocketIo | Self::BusySocketIo => Some((b"2", b"3")),
            Self::WebSocket => None,
        }
    }

    /// An echo's request and its answer.
    pub fn echo(self) -> (&'static str, &'static str) {
        match self {
            Self::SocketIo => (
                r#"42["msg",{"comment":"hello from the bench"}]"#,
                r#"42["recMsg",{"comment":"hello from the bench"}]"#,
            ),
            // The id is the client's own affair: one may stand for several.
            Self::BusySocketIo => (
                r#"421["ask",{"comment":"hello from the bench"}]"#,
                r#"431[{"comment":"hello from the bench"}]"#,
            ),
            Self::WebSocket => {
                let text = "hello from the bench: a WebSocket message of exactly 64 letters.";
                (text, text)
            }
        }
    }

    /// The `number`th broadcast: what the first member says, and what all then hear.
    pub fn broadcast(self, number: u64) -> (String, String) {
        // Numbers of one width keep all broadcasts equally long.
        let n = 100_000_000 + number;
        match self {
            Self::SocketIo | Self::BusySocketIo => (
                format!(r#"42["shout",{{"n":{n},"text":"news from the bench"}}]"#),
                format!(r#"42["news",{{"n":{n},"text":"news from the bench"}}]"#),
            ),
            Self::WebSocket => {
                let text = format!("{n} news from the bench, to all of you");
                (text.clone(), text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_echo_is_64_bytes() {
        assert_eq!(Dialect::WebSocket.echo().0.len(), 64);
    }

    #[test]
    fn all_broadcasts_are_equally_long_and_differ() {
        for dialect in [Dialect::SocketIo, Dialect::BusySocketIo, Dialect::WebSocket] {
            let (first, last) = (dialect.broadcast(0).1, dialect.broadcast(123_456_789).1);
            assert_eq!(first.len(), last.len());
            assert_ne!(first, last);
        }
    }
}
