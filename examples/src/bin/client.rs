//! A chat client for the terminal: enters a room of the chat example, whichever language serves it,
//! says what it reads, and writes what it hears. It comes back when the server does.
//!
//! ```text
//! cargo run -p sori-examples --bin chat -- 127.0.0.1:3000
//! cargo run -p sori-examples --bin client -- http://127.0.0.1:3000 tea
//! ```
#![allow(clippy::print_stdout)] // It talks to people.

use std::io::BufRead;

use serde_json::Value;
use sori::client::{BoxError, Client, DisconnectReason, Socket};

fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |otherwise: &str| arguments.next().unwrap_or(otherwise.to_owned());
    let (url, room) = (argument("http://127.0.0.1:3000"), argument("tea"));

    let client = Client::builder(url).start()?;
    let chat = client.socket("/")?;
    chat.on("entered", |_: Socket, who: String| {
        println!("{who} is here")
    });
    chat.on("left", |_: Socket, who: String| println!("{who} has left"));
    chat.on("said", |_: Socket, who: String, what: Value| {
        println!("{who}: {what}");
    });
    chat.on_disconnect(|_: Socket, reason: DisconnectReason| println!("gone: {reason}"));
    // Each time it is connected: a server that was away knows nothing of rooms.
    chat.on_connect(move |chat: Socket| {
        let room = room.clone();
        async move {
            let is_in: bool = chat.emit_with_ack("enter", &room).await?;
            println!("{} {room}", if is_in { "in" } else { "not let into" });
            Ok::<_, BoxError>(())
        }
    });
    chat.connect();

    for line in std::io::stdin().lock().lines() {
        chat.emit("say", line?)?;
    }
    client.close();
    client.wait();
    Ok(())
}
