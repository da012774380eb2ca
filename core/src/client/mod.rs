//! A client.

mod config;
mod connection;
mod driver;
mod event;
mod io;
mod pull;
mod reconnect;
mod session;
mod sockets;
mod thread;

pub use config::Config;
pub use event::{ConnectError, DisconnectReason, Event, SocketKey};
pub use pull::PullClient;
pub use reconnect::Reconnection;
