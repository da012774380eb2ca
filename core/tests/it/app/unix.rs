//! Unix sockets as a way in.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use sori::{Error, Server};

use crate::support::steady::Steady;
use crate::support::stream::{Client, poll, server};

struct Running {
    server: Server,
    path: PathBuf,
}

impl Running {
    fn start(name: &str) -> Running {
        let path = std::env::temp_dir().join(format!("sori-{name}-{}", std::process::id()));
        let server = server(|builder| builder);
        server.listen_unix(&path).unwrap();
        Running { server, path }
    }

    fn connect(&self) -> Steady<UnixStream> {
        Steady::over_unix(UnixStream::connect(&self.path).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

#[test]
fn websockets_and_polling_work_over_unix_sockets() {
    let running = Running::start("ways");
    let mut one = Client::join(running.connect());
    let mut two = Client::join(running.connect());
    one.add();
    two.send(r#"42["say","hi"]"#);
    one.expect(r#"42["said","hi"]"#);
    poll("/socket.io/", || running.connect());
    two.send(r#"421["whence"]"#);
    two.expect(r#"431[false,false,"/socket.io/?EIO=4&transport=websocket"]"#);
}

#[test]
fn what_a_slow_reader_has_not_taken_arrives_whole_and_in_order() {
    let running = Running::start("slow");
    Client::join(running.connect()).take_flood(200, 50_000);
}

#[test]
fn the_socket_is_in_the_file_system_as_long_as_the_server_listens() {
    let running = Running::start("file");
    let taken = running.server.listen_unix(&running.path);
    assert!(matches!(taken, Err(Error::Io(..))));
    Client::join(running.connect()).add();
    running.server.shutdown();
    assert!(!running.path.exists());
    let closed = running.server.listen_unix(&running.path);
    assert!(matches!(closed, Err(Error::Closed)));
    assert!(!running.path.exists());
}
