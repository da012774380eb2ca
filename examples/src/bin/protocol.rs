//! Serves what the protocols' own test suites ask of a server, which other implementations of
//! Engine.IO and Socket.IO can be tried against too.
//!
//! ```text
//! /engine.io/    sends every message back: text as text, binary as binary
//! /socket.io/    namespaces / and /custom; emits auth(client's auth) to who joins
//!                /: message(…) is answered by message-back(…), message-with-ack(…, ack) by ack(…)
//!
//! cargo run -p sori-examples --bin protocol -- 127.0.0.1:3000 engine.io [allow-eio3]
//! cargo run -p sori-examples --bin protocol -- 127.0.0.1:3000 socket.io [allow-eio3]
//! ```
//! Pings come fast (every 300 ms, to be answered within 200), as the suites wait for some.
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::time::Duration;

use serde::ser::{SerializeTuple, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sori::engine_io::{Event, Socket as EngineSocket};
use sori::{Ack, Binary, Cors, Error, Server, ServerBuilder, Socket};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:3000".to_owned());
    let protocol = arguments.next();
    let allow_eio3 = arguments.next().as_deref() == Some("allow-eio3");
    let builder = Server::builder()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .connect_timeout(Duration::from_secs(1))
        .cors(Cors::any())
        .allow_eio3(allow_eio3);
    match protocol.as_deref() {
        Some("engine.io") => serve_engine_io(builder, &address),
        Some("socket.io") => serve_socket_io(builder, &address),
        _ => Err(Error::Misuse("name engine.io or socket.io".to_owned())),
    }
}

fn serve_engine_io(builder: ServerBuilder, address: &str) -> Result<(), Error> {
    let builder = builder.path("/engine.io");
    let server = builder.engine_io(|socket: &EngineSocket, event| match event {
        Event::Text(text) => socket.send(text),
        Event::Binary(bytes) => socket.send(bytes),
        _ => {}
    })?;
    println!("engine.io on http://{}", server.listen(address)?);
    server.wait();
    Ok(())
}

fn serve_socket_io(builder: ServerBuilder, address: &str) -> Result<(), Error> {
    let server = builder.build()?;
    for name in ["/", "/custom"] {
        server.of(name).on_connect(|socket: Socket| {
            let auth = socket.auth::<Value>().unwrap_or_default();
            socket.emit("auth", (auth,))
        });
    }
    let root = server.of("/");
    type One = Option<Argument>;
    root.on("message", |socket: Socket, a: One, b: One, c: One| {
        socket.emit("message-back", All::of([a, b, c]))
    });
    root.on(
        "message-with-ack",
        |_: Socket, a: One, b: One, c: One, ack: Ack| ack.send(All::of([a, b, c])),
    );
    println!("socket.io on http://{}", server.listen(address)?);
    server.wait();
    Ok(())
}

/// Whatever a client may send as one argument.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Argument {
    Binary(Binary),
    Json(Value),
}

/// As many arguments as came.
struct All(Vec<Argument>);

impl All {
    fn of(arguments: [Option<Argument>; 3]) -> All {
        All(arguments.into_iter().flatten().collect())
    }
}

impl Serialize for All {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}
