//! Sends everything back: an event's argument as an event, or as the answer if one is asked for.
//!
//! ```text
//! client asks    message(anything)    ask(anything, answer)    file(binary, answer)
//! client hears   message(anything)
//!
//! cargo run -p sori-examples --bin echo -- 127.0.0.1:3000
//! ```
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use serde_json::Value;
use sori::{Ack, Binary, Server, Socket};

fn main() -> Result<(), sori::Error> {
    let address = std::env::args().nth(1);
    let server = Server::builder().build()?;
    let echo = server.of("/");

    echo.on("message", |socket: Socket, anything: Value| {
        // A tuple of one: whatever it is, it stays one argument.
        socket.emit("message", (anything,))
    });
    echo.on("ask", |_: Socket, anything: Value, ack: Ack| {
        ack.send((anything,))
    });
    echo.on("file", |_: Socket, file: Binary, ack: Ack| ack.send(file));

    let bound = server.listen(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("echo on http://{bound}");
    server.wait();
    Ok(())
}
