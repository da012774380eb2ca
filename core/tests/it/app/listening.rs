//! Where connections are accepted: by a thread of its own, or by that of the only shard.

use std::net::{SocketAddr, TcpStream};

use sori::{Server, Socket};

use crate::support::app::{Client, Log, PATIENCE};

#[test]
fn a_handler_opens_another_port() {
    for shards in [1, 2] {
        let server = Server::builder().shards(shards).build().unwrap();
        let address = server.listen("127.0.0.1:0").unwrap();
        let (log, told, listening) = (Log::default(), Log::default(), server.clone());
        let tell = log.clone();
        server.of("/").on("open", move |_: Socket| {
            // A program may do so on the thread that is to accept.
            let opened = listening.listen("127.0.0.1:0");
            tell.write(opened.unwrap().to_string());
        });
        let root = server.of("/");
        let hear = told.clone();
        root.on("hello", move |_: Socket| hear.write("heard"));

        let mut client = Client::open(address);
        client.join();
        client.send("42[\"open\"]");
        let other: SocketAddr = log.wait_for(1)[0].parse().unwrap();
        let mut second = Client::open(other);
        second.join();
        second.send("42[\"hello\"]");
        told.wait_for(1);

        server.shutdown_within(PATIENCE);
        for port in [address, other] {
            assert!(TcpStream::connect(port).is_err(), "{shards} shards");
        }
        assert!(server.listen("127.0.0.1:0").is_err());
    }
}
