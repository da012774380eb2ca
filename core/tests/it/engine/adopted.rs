//! Connections that somebody else accepted and has read some of: HTTP goes on from there, whatever was
//! read, and nothing of it is lost on the way to a WebSocket.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use bytes::Bytes;

use crate::support::engine::*;

/// A peer that has sent `sent`, and the engine's end, from which as much as `read` has been read.
fn brought(rig: &Rig, sent: &[u8], read: usize) -> Wire {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    peer.write_all(sent).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut taken = vec![0; read];
    stream.read_exact(&mut taken).unwrap();
    rig.engine.serve(stream, Bytes::from(taken));
    Wire::over(peer)
}

#[test]
fn a_websocket_and_what_came_behind_its_request_survive_every_cut() {
    let rig = Rig::new();
    let request = upgrade_request("");
    let sent = [request.as_bytes(), &frame(TEXT, b"40")].concat();
    for read in (0..=sent.len()).step_by(7).chain([sent.len()]) {
        let mut wire = brought(&rig, &sent, read);
        assert_eq!(wire.read_answer().status, 101, "{read}");
        assert!(wire.read_text().starts_with("0{"), "{read}");
        assert!(wire.read_text().starts_with("40{"), "{read}");
        wire.send(&frame(TEXT, b"42[\"echo\"]"));
        assert_eq!(wire.read_text(), "42[\"echo\"]", "{read}");
        wire.finish();
    }
}

#[test]
fn more_than_a_buffer_of_requests_is_answered_in_order() {
    let rig = Rig::new();
    let one = "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n";
    let all = one.repeat(3_000);
    let mut wire = brought(&rig, all.as_bytes(), all.len());
    for _ in 0..3_000 {
        assert_eq!(wire.read_answer().status, 404);
    }
    wire.request("GET", "/socket.io/?EIO=4&transport=polling", "");
    assert_eq!(wire.read_answer().status, 200);
}

#[test]
fn an_engine_that_closes_lets_the_stream_go() {
    let rig = Rig::new();
    rig.engine.close();
    brought(&rig, b"GET ", 4).expect_end();
}
