//! A terminal for plain WebSocket servers: sends each line it reads, writes each message it hears. It
//! comes back when the server does.
//!
//! ```text
//! cargo run -p sori-examples --bin talk -- ws://127.0.0.1:3000/feed
//! ```
#![allow(clippy::print_stdout)] // It talks to people.

use std::io::BufRead;

use sori::client::{BoxError, Reconnection, WebSocket, WebSocketEvent, WebSocketMessage};

fn main() -> Result<(), BoxError> {
    let url = std::env::args().nth(1);
    let url = url.unwrap_or_else(|| "ws://127.0.0.1:3000/feed".to_owned());
    let socket = WebSocket::builder(url)
        .reconnection(Reconnection::default())
        .start()?;
    std::thread::scope(|scope| {
        scope.spawn(|| hear(&socket));
        for line in std::io::stdin().lock().lines() {
            socket.send(line?)?;
        }
        Ok(socket.close(1000, "")?)
    })
}

/// Until the socket is closed for good.
fn hear(socket: &WebSocket) {
    while let Some(event) = socket.wait_next(None) {
        match event {
            WebSocketEvent::Open { .. } => println!("open"),
            WebSocketEvent::Message(WebSocketMessage::Text(text)) => println!("{text}"),
            WebSocketEvent::Message(WebSocketMessage::Binary(bytes)) => {
                println!("{} bytes", bytes.len());
            }
            WebSocketEvent::Closed { code, .. } => println!("gone: {code}"),
            WebSocketEvent::Unreachable(_) | WebSocketEvent::Pong(_) | WebSocketEvent::Ended => {}
        }
    }
}
