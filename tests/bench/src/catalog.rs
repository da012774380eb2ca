//! The tables: which works are measured, and which servers do them. A new peer is one entry.

use crate::dialect::{Dialect, Shape};

pub struct Work {
    pub name: &'static str,
    pub dialect: Dialect,
    pub shape: Shape,
    pub connections: usize,
    /// One measurement each: messages that a connection (echo) or the room (broadcast) keeps on the way.
    pub in_flight: &'static [usize],
}

pub struct Server {
    pub name: &'static str,
    pub dialect: Dialect,
    /// Program and arguments, started in the benchmark's folder.
    pub command: &'static [&'static str],
    pub environment: &'static [(&'static str, &'static str)],
    /// The server it is compared with: itself, or one that does the same work.
    pub peer: &'static str,
    /// Whether it answers `collect` on stdin, see servers/under-test.js.
    pub collects: bool,
    pub when_missing: WhenMissing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WhenMissing {
    /// The benchmark is not the one that was asked for: say what to install, and end.
    Fail,
    /// Say so, and measure the others.
    Skip,
}

pub const WORKS: &[Work] = &[
    Work {
        name: "echo",
        dialect: Dialect::SocketIo,
        shape: Shape::Echo,
        connections: 100,
        in_flight: &[1, 16],
    },
    Work {
        name: "broadcast",
        dialect: Dialect::SocketIo,
        shape: Shape::Broadcast,
        connections: 1000,
        in_flight: &[1, 8],
    },
    Work {
        name: "idle",
        dialect: Dialect::SocketIo,
        shape: Shape::Idle,
        connections: 1000,
        in_flight: &[0],
    },
    Work {
        name: "busy-echo",
        dialect: Dialect::BusySocketIo,
        shape: Shape::Echo,
        connections: 100,
        in_flight: &[1, 16],
    },
    Work {
        name: "busy-broadcast",
        dialect: Dialect::BusySocketIo,
        shape: Shape::Broadcast,
        connections: 1000,
        in_flight: &[1, 8],
    },
    Work {
        name: "ws-echo",
        dialect: Dialect::WebSocket,
        shape: Shape::Echo,
        connections: 100,
        in_flight: &[1, 16],
    },
    Work {
        name: "ws-broadcast",
        dialect: Dialect::WebSocket,
        shape: Shape::Broadcast,
        connections: 1000,
        in_flight: &[1, 8],
    },
    Work {
        name: "ws-idle",
        dialect: Dialect::WebSocket,
        shape: Shape::Idle,
        connections: 1000,
        in_flight: &[0],
    },
];

pub const SERVERS: &[Server] = &[
    Server {
        name: "socket.io",
        dialect: Dialect::SocketIo,
        peer: "socket.io",
        command: &[
            "node",
            "--expose-gc",
            "servers/socketio-app.js",
            "socket.io",
        ],
        // bufferutil is installed for the ws rows; `npm install socket.io` alone does not bring it.
        environment: &[("WS_NO_BUFFER_UTIL", "1")],
        collects: true,
        when_missing: WhenMissing::Fail,
    },
    Server {
        name: "sori",
        dialect: Dialect::SocketIo,
        peer: "socket.io",
        command: &[
            "node",
            "--expose-gc",
            "servers/socketio-app.js",
            "../../node-binding",
        ],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Fail,
    },
    Server {
        name: "socket.io/busy",
        dialect: Dialect::BusySocketIo,
        peer: "socket.io/busy",
        command: &["node", "--expose-gc", "servers/busy-app.js", "socket.io"],
        environment: &[("WS_NO_BUFFER_UTIL", "1")],
        collects: true,
        when_missing: WhenMissing::Fail,
    },
    Server {
        name: "sori/busy",
        dialect: Dialect::BusySocketIo,
        peer: "socket.io/busy",
        command: &[
            "node",
            "--expose-gc",
            "servers/busy-app.js",
            "../../node-binding",
        ],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Fail,
    },
    Server {
        name: "sori+adapter",
        dialect: Dialect::SocketIo,
        peer: "socket.io",
        command: &[
            "node",
            "--expose-gc",
            "servers/socketio-app.js",
            "./servers/adapter-module.js",
        ],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "sori-c",
        dialect: Dialect::SocketIo,
        peer: "sori-rust",
        command: &["sh", "servers/c-app.sh", "pull"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "sori-c-push",
        dialect: Dialect::SocketIo,
        peer: "sori-rust",
        command: &["sh", "servers/c-app.sh", "push"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "ws",
        dialect: Dialect::WebSocket,
        peer: "ws",
        command: &["node", "--expose-gc", "servers/ws-app.js", "ws"],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "sori/ws",
        dialect: Dialect::WebSocket,
        peer: "ws",
        command: &[
            "node",
            "--expose-gc",
            "servers/ws-app.js",
            "../../node-binding/ws.js",
        ],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "bun",
        dialect: Dialect::WebSocket,
        peer: "ws",
        // Not in package.json for its size: whoever has `bun` on the PATH measures it.
        command: &["bun", "servers/bun-app.js"],
        environment: &[],
        collects: true,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "floor",
        dialect: Dialect::SocketIo,
        peer: "socketioxide",
        command: &["../../target/release/bench-floor"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "floor/ws",
        dialect: Dialect::WebSocket,
        peer: "ws",
        command: &["../../target/release/bench-floor"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "socketioxide",
        dialect: Dialect::SocketIo,
        peer: "socketioxide",
        command: &["../../target/release/bench-socketioxide"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "sori-rust",
        dialect: Dialect::SocketIo,
        peer: "socketioxide",
        command: &["../../target/release/bench-sori"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
    Server {
        name: "sori-rust/ws",
        dialect: Dialect::WebSocket,
        peer: "bun",
        command: &["../../target/release/bench-sori-ws"],
        environment: &[],
        collects: false,
        when_missing: WhenMissing::Skip,
    },
];

/// The server that one is compared with.
pub fn peer(server: &str) -> Option<&'static str> {
    let known = SERVERS.iter().find(|known| known.name == server);
    known.map(|known| known.peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_is_a_server_of_the_same_dialect() {
        for server in SERVERS {
            let mut all = SERVERS.iter();
            let peer = all.find(|other| other.name == server.peer);
            assert!(
                peer.is_some_and(|peer| peer.dialect == server.dialect),
                "{}",
                server.name
            );
        }
    }
}
