//! The clients of Socket.IO and WebSocket servers.

#[cfg(all(feature = "client", feature = "server"))]
mod events;
#[cfg(all(feature = "client-tls", feature = "server"))]
mod hostile;
#[cfg(all(feature = "client", feature = "server"))]
mod life;
#[cfg(feature = "client")]
mod websocket;
