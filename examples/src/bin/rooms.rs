//! Rooms and those in them: who comes is checked, and a question to a room gathers all its answers.
//!
//! ```text
//! client joins   auth: { name }
//! client asks    join(room)   leave(room)   poll(room, question, answer([text…]))
//! client hears   poll(question, answer(text))   gone(name)
//!
//! cargo run -p sori-examples --bin rooms -- 127.0.0.1:3000
//! ```
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::time::Duration;

use serde::Deserialize;
use sori::{Ack, ConnectError, Server, Socket};

/// What a client gives as `auth`, and what is kept with its socket.
#[derive(Deserialize)]
struct Person {
    name: String,
}

const PATIENCE: Duration = Duration::from_secs(5);

fn main() -> Result<(), sori::Error> {
    let address = std::env::args().nth(1);
    let server = Server::builder().build()?;
    serve(&server);
    let bound = server.listen(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("rooms on http://{bound}");
    server.wait();
    Ok(())
}

fn serve(server: &Server) {
    let rooms = server.of("/");

    rooms.check(|request| {
        let person: Person = request
            .auth()
            .map_err(|_| ConnectError::new("who are you?"))?;
        request.set_data(person);
        Ok(())
    });

    rooms.on("join", |socket: Socket, room: String| socket.join(room));
    rooms.on("leave", |socket: Socket, room: String| socket.leave(room));

    let all = rooms.clone();
    rooms.on(
        "poll",
        move |socket: Socket, room: String, question: String, ack: Ack| {
            let asked = all.to(room).except(socket.id());
            // While the answers come, this socket's next events wait; those of the others do not.
            async move {
                let answers = asked
                    .emit_with_ack::<String>("poll", question)
                    .timeout(PATIENCE)
                    .await?;
                ack.send((answers.received,))?;
                Ok::<_, sori::app::BoxError>(())
            }
        },
    );

    rooms.on_disconnecting(|socket: Socket, _| match socket.data::<Person>() {
        Some(person) => socket.to(socket.rooms()).emit("gone", &person.name),
        None => Ok(()),
    });
}
