//! A chat room beside the pages of an axum program, on one port.
//!
//! ```text
//! client asks    say(text)
//! client hears   said(id, text), to everybody else
//!
//! cargo run -p sori-examples --bin beside_axum -- 127.0.0.1:3000
//! ```
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::error::Error;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use sori::{Server, Socket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let server = Server::builder().build()?;
    let chat = server.of("/");
    chat.on("say", |socket: Socket, text: String| {
        socket.broadcast().emit("said", (socket.id(), text))
    });

    let app = Router::new()
        .route("/", get(|| async { "The chat is under /socket.io/." }))
        .route("/announce", post(announce))
        .with_state(server.clone())
        .layer(server.layer());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("beside axum on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            // Without signals there is no other end.
            let _ = tokio::signal::ctrl_c().await;
            server.close_within(Duration::from_secs(5)).await;
        })
        .await?;
    Ok(())
}

/// An HTTP handler that speaks to all clients.
async fn announce(State(server): State<Server>, text: String) -> Result<(), String> {
    server
        .emit("said", ("announcement", text))
        .map_err(|error| error.to_string())
}
