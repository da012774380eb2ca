//! The plain WebSocket application under test on Sori's Rust face, by the agreement of
//! servers/under-test.js.
#![allow(clippy::print_stdout)] // It is how the benchmark learns the port.

use sori::Server;

fn main() -> Result<(), sori::Error> {
    let server = Server::builder().transports(Vec::new()).shards(1).build()?;
    let echo = server.websockets("/echo");
    echo.on_message(|socket, message| socket.send(message));
    let broadcast = server.websockets("/broadcast");
    let all = broadcast.clone();
    broadcast.on_message(move |_, message| all.all().send(message));
    println!("{}", server.listen("127.0.0.1:0")?.port());
    let _ = std::io::stdin().read_line(&mut String::new());
    server.shutdown();
    Ok(())
}
