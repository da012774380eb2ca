//! The Socket.IO application under test on Sori's Rust face, by the agreement of
//! servers/under-test.js: one IO thread, the port on standard output, an end with standard input.
#![allow(clippy::print_stdout)] // It is how the benchmark learns the port.

use serde::{Deserialize, Serialize};
use sori::{Ack, Server, Socket};

#[derive(Deserialize, Serialize)]
struct Comment {
    comment: String,
}

#[derive(Deserialize, Serialize)]
struct News {
    n: u64,
    text: String,
}

fn main() -> Result<(), sori::Error> {
    let server = Server::builder().shards(1).build()?;
    let root = server.of("/");
    root.on("msg", |socket: Socket, said: Comment| {
        socket.emit("recMsg", said)
    });
    root.on("enter", |socket: Socket, done: Ack| {
        socket.join("room");
        done.send(())
    });
    let all = root.clone();
    root.on("shout", move |_: Socket, news: News| {
        all.to("room").emit("news", news)
    });
    println!("{}", server.listen("127.0.0.1:0")?.port());
    let _ = std::io::stdin().read_line(&mut String::new());
    server.shutdown();
    Ok(())
}
