//! A server of a cluster that meets over Redis, together with other Sori servers and with Node's
//! socket.io that has `@socket.io/redis-adapter`. Its clients may ask of it what a server can do with
//! the clients of all servers.
//!
//! ```text
//! client joins   auth: { name }
//! client asks    join(rooms)                  leave(rooms)
//!                say(to, event, argument)     bytes(to, event, binary)    ask(to, ms, question, answer({received, timedOut}))
//!                joinAll(to, rooms)           leaveAll(to, rooms)         disconnectAll(to, close)
//!                fetch(to, answer([{id, rooms, name, auth}…]))            count(answer(servers))
//!                serverSay(event, argument)   serverAsk(event, argument, answer({received, timedOut}))
//! client hears   server(event, argument)      what another server said; of one that asks, the
//!                                             answer is the argument with an exclamation mark
//! to             { rooms: […], except: […], local: false }
//!
//! cargo run -p sori-examples --bin cluster -- 127.0.0.1:3000 redis://127.0.0.1:6379
//! ```
//! A third argument, `static`, `dynamic` or `dynamic-private`, makes it one of a cluster whose Node
//! servers have that package's `createShardedAdapter` with that `subscriptionMode`; `streams`, one whose Node servers
//! have `@socket.io/redis-streams-adapter`; `recovery` the same, with sockets that come back to any of its servers.
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sori::adapter::{Format, Redis, SubscriptionMode};
use sori::app::BoxError;
use sori::config::RecoverySettings;
use sori::{Ack, Answers, Binary, Broadcast, Namespace, RemoteSocket, Server, Socket};

/// What a client gives as `auth`, and what all servers see of its socket.
#[derive(Deserialize, Serialize)]
struct Person {
    name: String,
}

/// Whom a client means.
#[derive(Default, Deserialize)]
#[serde(default)]
struct To {
    rooms: Vec<String>,
    except: Vec<String>,
    local: bool,
}

impl To {
    fn within(self, all: &Namespace) -> Broadcast {
        let mut broadcast = all.except(self.except);
        if !self.rooms.is_empty() {
            broadcast = broadcast.to(self.rooms);
        }
        if self.local {
            broadcast = broadcast.local();
        }
        broadcast
    }
}

/// What came of a question.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Gathered {
    received: Vec<Value>,
    timed_out: bool,
}

impl From<Answers<Value>> for Gathered {
    fn from(answers: Answers<Value>) -> Gathered {
        Gathered {
            received: answers.received,
            timed_out: answers.timed_out,
        }
    }
}

/// A socket of any server.
#[derive(Serialize)]
struct Found {
    id: String,
    rooms: Vec<String>,
    name: Option<String>,
    auth: Value,
}

impl Found {
    fn new(socket: &RemoteSocket) -> Found {
        #[derive(Default, Deserialize)]
        struct Handshake {
            auth: Value,
        }
        let person: Option<Person> = socket.data().ok();
        let handshake: Handshake = socket.handshake().unwrap_or_default();
        Found {
            id: socket.id().to_owned(),
            rooms: socket.rooms().map(str::to_owned).collect(),
            name: person.map(|person| person.name),
            auth: handshake.auth,
        }
    }
}

fn main() -> Result<(), sori::Error> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let redis = args
        .next()
        .unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let kind = args.next();
    let format = match kind.as_deref() {
        Some("static") => Format::Sharded(SubscriptionMode::Static),
        Some("dynamic") => Format::Sharded(SubscriptionMode::Dynamic),
        Some("dynamic-private") => Format::Sharded(SubscriptionMode::DynamicPrivate),
        Some("streams" | "recovery") => Format::Streams,
        _ => Format::Classic,
    };
    let adapter = Redis::new(redis).format(format);
    let mut builder = Server::builder().adapter(adapter);
    if kind.as_deref() == Some("recovery") {
        builder = builder.recovery(RecoverySettings::default());
    }
    let server = builder.build()?;
    let all = server.of("/");
    serve_clients(&all);
    serve_those_who_address_many(&all);
    serve_servers(&all);
    let bound = server.listen(address)?;
    println!("cluster on http://{bound}");
    server.wait();
    Ok(())
}

fn serve_clients(all: &Namespace) {
    all.on_connect(|socket: Socket| {
        if !socket.is_recovered() {
            let person: Person = socket.auth()?;
            socket.set_recovery_data(&person)?;
        }
        Ok::<_, BoxError>(())
    });
    all.on("join", |socket: Socket, rooms: Vec<String>, ack: Ack| {
        socket.join(rooms);
        ack.send(())
    });
    all.on("leave", |socket: Socket, rooms: Vec<String>, ack: Ack| {
        socket.leave(rooms);
        ack.send(())
    });
}

fn serve_those_who_address_many(all: &Namespace) {
    let space = all.clone();
    all.on(
        "say",
        move |_: Socket, to: To, event: String, argument: Value| {
            to.within(&space).emit(&event, argument)
        },
    );
    let space = all.clone();
    all.on(
        "bytes",
        move |_: Socket, to: To, event: String, bytes: Binary| {
            to.within(&space).emit(&event, bytes)
        },
    );
    let space = all.clone();
    all.on(
        "ask",
        move |_: Socket, to: To, ms: u64, question: Value, ack: Ack| {
            let answers = to
                .within(&space)
                .emit_with_ack::<Value>("ask", question)
                .timeout(Duration::from_millis(ms));
            async move {
                ack.send(Gathered::from(answers.await?))?;
                Ok::<_, BoxError>(())
            }
        },
    );
    let space = all.clone();
    all.on("joinAll", move |_: Socket, to: To, rooms: Vec<String>| {
        to.within(&space).join(rooms);
    });
    let space = all.clone();
    all.on("leaveAll", move |_: Socket, to: To, rooms: Vec<String>| {
        to.within(&space).leave(rooms);
    });
    let space = all.clone();
    all.on(
        "disconnectAll",
        move |_: Socket, to: To, close: bool| match close {
            true => to.within(&space).close(),
            false => to.within(&space).disconnect(),
        },
    );
    let space = all.clone();
    all.on("fetch", move |_: Socket, to: To, ack: Ack| {
        let fetched = to.within(&space).fetch_sockets();
        async move {
            let sockets = fetched.await?.sockets;
            let found: Vec<Found> = sockets.iter().map(Found::new).collect();
            ack.send(found)?;
            Ok::<_, BoxError>(())
        }
    });
}

fn serve_servers(all: &Namespace) {
    let space = all.clone();
    all.on("count", move |_: Socket, ack: Ack| {
        let space = space.clone();
        async move {
            ack.send(space.server_count().await?)?;
            Ok::<_, BoxError>(())
        }
    });
    let space = all.clone();
    all.on(
        "serverSay",
        move |_: Socket, event: String, argument: Value| space.server_side_emit(&event, argument),
    );
    let space = all.clone();
    all.on(
        "serverAsk",
        move |_: Socket, event: String, argument: Value, ack: Ack| {
            let answers = space.server_side_emit_with_ack::<Value>(&event, argument);
            async move {
                ack.send(Gathered::from(answers.await?))?;
                Ok::<_, BoxError>(())
            }
        },
    );
    for event in ["news", "question"] {
        let space = all.clone();
        all.on_server_side_emit(event, move |message| {
            let Ok((argument,)) = message.arguments::<(Value,)>() else {
                return;
            };
            if let Some(word) = argument.as_str()
                && message.wants_answer()
            {
                // It is JSON.
                let _ = message.answer(format!("{word}!"));
            }
            let _ = space.all().local().emit("server", (event, argument));
        });
    }
}
