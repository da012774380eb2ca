//! The engine under a face that writes down what it hears, over real sockets.

mod addresses;
mod adopted;
mod cluster;
mod deflate;
mod ending;
mod feed;
mod fuzz;
mod http;
mod limits;
mod msgpack;
mod raw;
mod rooms;
mod scenarios;
mod sessions;
mod sharing;
mod upgrade;
mod v3;
