//! A chat server: people enter a room, and what they say reaches everybody there.
//!
//! ```text
//! client asks    enter(room, answer)   say(anything)
//! client hears   entered(id)   said(id, anything)   left(id)
//!
//! cargo run -p sori-examples --bin chat -- 127.0.0.1:3000
//! ```
//!
//! Open the address it prints in two windows. The page is `examples/pages/chat.html`; the client it
//! loads is the one that `make build` installs, npm's `socket.io-client`.
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::path::Path;

use serde_json::Value;
use sori::http::{Request, Response};
use sori::{Ack, Server, Socket};

/// Rooms of the chat have a prefix of their own: a room named like somebody's id must not be that
/// socket's own room.
const PREFIX: &str = "chat:";
const MAX_NAME: usize = 50;

fn main() -> Result<(), sori::Error> {
    let address = std::env::args().nth(1);
    let pages = Pages::read();
    let server = Server::builder()
        .fallback(move |request| pages.answer(&request))
        .build()?;
    serve(&server);
    let bound = server.listen(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("chat on http://{bound}");
    server.wait();
    Ok(())
}

fn serve(server: &Server) {
    let chat = server.of("/");

    chat.on("enter", |socket: Socket, name: String, ack: Ack| {
        if name.is_empty() || name.len() > MAX_NAME {
            return ack.send(false);
        }
        let room = format!("{PREFIX}{name}");
        socket.leave_all();
        socket.join(&room);
        socket.to(&room).emit("entered", socket.id())?;
        ack.send(true)
    });

    let everybody = chat.clone();
    chat.on("say", move |socket: Socket, said: Value| {
        for room in rooms_of_the_chat(&socket) {
            everybody.to(room).emit("said", (socket.id(), &said))?;
        }
        sori::Result::Ok(())
    });

    chat.on_disconnecting(|socket, _| {
        for room in rooms_of_the_chat(&socket) {
            socket.to(room).emit("left", socket.id())?;
        }
        sori::Result::Ok(())
    });
}

fn rooms_of_the_chat(socket: &Socket) -> impl Iterator<Item = std::sync::Arc<str>> {
    let rooms = socket.rooms().into_iter();
    rooms.filter(|room| room.starts_with(PREFIX))
}

/// The files that the browser asks for. They are read once: an IO thread must not wait for a disk.
struct Pages {
    page: &'static str,
    client: Option<Vec<u8>>,
}

impl Pages {
    fn read() -> Pages {
        let client = "../node-binding/node_modules/socket.io-client/dist/socket.io.min.js";
        Pages {
            page: include_str!("../../pages/chat.html"),
            client: std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(client)).ok(),
        }
    }

    fn answer(&self, request: &Request<()>) -> Response<Vec<u8>> {
        let (kind, body) = match (request.uri().path(), &self.client) {
            ("/", _) => ("text/html; charset=utf-8", self.page.into()),
            ("/socket.io.js", Some(client)) => ("text/javascript", client.clone()),
            _ => {
                return Response::builder()
                    .status(404)
                    .body(Vec::new())
                    .unwrap_or_default();
            }
        };
        let answer = Response::builder().header("Content-Type", kind);
        answer.body(body).unwrap_or_default()
    }
}
