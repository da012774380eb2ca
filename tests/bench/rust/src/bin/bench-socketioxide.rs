//! The Socket.IO application under test on socketioxide, in axum on one tokio worker, by the
//! agreement of servers/under-test.js.
#![allow(clippy::print_stdout)] // It is how the benchmark learns the port.

use serde::{Deserialize, Serialize};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};

#[derive(Deserialize, Serialize)]
struct Comment {
    comment: String,
}

#[derive(Deserialize, Serialize)]
struct News {
    n: u64,
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (layer, io) = SocketIo::new_layer();
    io.ns("/", async |socket: SocketRef| {
        socket.on(
            "msg",
            async |socket: SocketRef, Data(said): Data<Comment>| {
                let _ = socket.emit("recMsg", &said);
            },
        );
        socket.on("enter", async |socket: SocketRef, done: AckSender| {
            socket.join("room");
            let _ = done.send(&());
        });
        socket.on("shout", async |io: SocketIo, Data(news): Data<News>| {
            let _ = io.to("room").emit("news", &news).await;
        });
    });
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_line(&mut String::new());
        std::process::exit(0);
    });
    let app = axum::Router::new().layer(layer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    use axum::serve::ListenerExt;
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await?;
    Ok(())
}
