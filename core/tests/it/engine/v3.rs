//! Clients of Engine.IO protocol 3 over real sockets, byte for byte, and beside those of protocol 4.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use bytes::Bytes;
use sori::Config;
use sori::embed::{Audience, Command, Event, NamespaceId, Payload, SocketRef};
use sori::server::{Application, Engine};

use crate::support::steady::Steady;

/// Lets everybody into the namespaces there are, but nobody into `/closed`, and tells each socket its
/// id and its auth. Echoes events, answers acks with `[1]`.
struct Echo;

impl Application for Echo {
    fn handle(&self, engine: &Engine, event: Event<'_>) {
        match event {
            Event::Connect {
                conn,
                namespace,
                sid,
                auth,
                ..
            } => {
                let refuse = |error: &str| {
                    engine.execute(Command::Refuse {
                        conn,
                        namespace,
                        error,
                    });
                };
                let auth = auth.unwrap_or("null");
                let Some(known) = engine.hub().lookup(namespace) else {
                    return refuse(r#"{"message":"Invalid namespace"}"#);
                };
                if namespace == "/closed" {
                    return refuse(&format!(r#"{{"message":"no","data":{auth}}}"#));
                }
                let socket = SocketRef {
                    conn,
                    namespace: known.id(),
                };
                let joined = format!(r#"["joined","{sid}",{auth}]"#);
                engine.execute(Command::Accept { socket, sid });
                emit(engine, socket, joined.as_bytes(), Vec::new());
            }
            Event::Message {
                socket,
                ack: Some(id),
                ..
            } => engine.execute(Command::Answer {
                socket,
                id,
                payload: payload(b"[1]", Vec::new()),
            }),
            Event::Message {
                socket,
                data,
                attachments,
                ..
            } => emit(engine, socket, data.as_bytes(), attachments),
            _ => {}
        }
    }
}

fn payload(json: &[u8], attachments: Vec<Bytes>) -> Payload<'_> {
    Payload { json, attachments }
}

fn emit(engine: &Engine, socket: SocketRef, json: &[u8], attachments: Vec<Bytes>) {
    engine.execute(Command::Emit {
        socket,
        payload: payload(json, attachments),
        volatile: false,
        ack: None,
    });
}

struct Rig {
    engine: Engine,
    address: SocketAddr,
}

impl Rig {
    fn new() -> Rig {
        let mut config = Config::default();
        config.shards = 2;
        config.allow_eio3 = true;
        let engine = Engine::start(config, Arc::new(Echo)).expect("an engine");
        for name in ["/admin", "/closed"] {
            engine.hub().register(name);
        }
        let address = engine.listen(("127.0.0.1", 0)).expect("a free port");
        Rig { engine, address }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.engine.close();
        self.engine.join();
    }
}

const BINARY_BROADCAST: &[u8] = br#"["b",{"_placeholder":true,"num":0}]"#;

fn open_packet(sid: &str, upgrades: &str) -> String {
    format!(
        r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
    )
}

fn sid_in(text: &str) -> String {
    let text = text.replace('\\', "");
    let (_, rest) = text.split_once(r#""sid":""#).expect("a sid");
    rest.split('"').next().expect("a sid").to_owned()
}

fn connect(address: SocketAddr) -> Steady<TcpStream> {
    Steady::connect(address)
}

fn read_exact(stream: &mut Steady<TcpStream>, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("bytes come");
    bytes
}

fn read_head(stream: &mut Steady<TcpStream>) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read_exact(stream, 1));
    }
    String::from_utf8(head).expect("a head").to_lowercase()
}

/// A request on a stream of its own: status, content type and body of the answer.
fn request(
    rig: &Rig,
    method: &str,
    query: &str,
    content_type: &str,
    body: &[u8],
) -> (u16, String, Vec<u8>) {
    let mut stream = connect(rig.address);
    let head = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    let head = read_head(&mut stream);
    let header = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().to_owned()
    };
    let status = head[9..12].parse().expect("a status");
    let length = header("content-length: ").parse().unwrap_or(0);
    let body = read_exact(&mut stream, length);
    (status, header("content-type: "), body)
}

fn get(rig: &Rig, query: &str) -> (String, Vec<u8>) {
    let (status, content_type, body) = request(rig, "GET", query, "", b"");
    assert_eq!(status, 200, "{:?}", String::from_utf8_lossy(&body));
    (content_type, body)
}

fn get_text(rig: &Rig, query: &str) -> String {
    let (content_type, body) = get(rig, query);
    assert_eq!(content_type, "text/plain; charset=utf-8");
    String::from_utf8(body).expect("text")
}

fn post(rig: &Rig, query: &str, content_type: &str, body: &[u8]) {
    let (status, _, answer) = request(rig, "POST", query, content_type, body);
    assert_eq!((status, &answer[..]), (200, &b"ok"[..]));
}

struct Socket(Steady<TcpStream>);

impl Socket {
    fn open(rig: &Rig, query: &str) -> Socket {
        let mut stream = connect(rig.address);
        let request = format!(
            "GET /socket.io/?transport=websocket{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        assert!(read_head(&mut stream).starts_with("http/1.1 101 "));
        Socket(stream)
    }

    /// A client of protocol 3 that has been told its id in `/`, which is given.
    fn join(rig: &Rig, query: &str) -> (Socket, String) {
        let mut socket = Socket::open(rig, &format!("&EIO=3{query}"));
        let sid = sid_in(&socket.text());
        assert_eq!(socket.text(), "40");
        assert_eq!(socket.text(), format!(r#"42["joined","{sid}",null]"#));
        (socket, sid)
    }

    fn send(&mut self, first_byte: u8, payload: &[u8]) {
        assert!(payload.len() < 126);
        // A mask of zeros leaves the payload as it is.
        let head = [first_byte, 0x80 | payload.len() as u8, 0, 0, 0, 0];
        self.0.write_all(&[&head, payload].concat()).unwrap();
    }

    fn say(&mut self, text: &str) {
        self.send(0x81, text.as_bytes());
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let start = read_exact(&mut self.0, 2);
        let length = match start[1] {
            126 => {
                let long = read_exact(&mut self.0, 2);
                usize::from(u16::from_be_bytes([long[0], long[1]]))
            }
            short => usize::from(short),
        };
        (start[0], read_exact(&mut self.0, length))
    }

    fn text(&mut self) -> String {
        let (first_byte, payload) = self.frame();
        assert_eq!(first_byte, 0x81, "{payload:?}");
        String::from_utf8(payload).expect("UTF-8")
    }
}

#[test]
fn a_client_over_websocket_is_in_the_main_namespace_and_pings() {
    let rig = Rig::new();
    // Whatever is not 4 is 3.
    for query in ["&EIO=3", ""] {
        let mut socket = Socket::open(&rig, query);
        let open = socket.text();
        let sid = sid_in(&open);
        assert_eq!(open, open_packet(&sid, ""));
        assert_eq!(socket.text(), "40");
        assert_eq!(socket.text(), format!(r#"42["joined","{sid}",null]"#));
        socket.say("2");
        assert_eq!(socket.text(), "3");
        socket.say(r#"427["a"]"#);
        assert_eq!(socket.text(), "437[1]");
        socket.say(r#"42["소리"]"#);
        assert_eq!(socket.text(), r#"42["소리"]"#);
    }
}

#[test]
fn binary_over_websocket_has_its_type_in_front_or_is_base64() {
    let rig = Rig::new();
    let announced = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    let (mut socket, _) = Socket::join(&rig, "");
    socket.say(announced);
    socket.send(0x82, &[4, 1, 2, 3]);
    assert_eq!(socket.text(), announced);
    assert_eq!(socket.frame(), (0x82, vec![4, 1, 2, 3]));

    let (mut socket, _) = Socket::join(&rig, "&b64=1");
    socket.say(announced);
    socket.say("b4AQID");
    assert_eq!(socket.text(), announced);
    assert_eq!(socket.text(), "b4AQID");

    // Without its type it is no packet: "parse error".
    let (mut socket, _) = Socket::join(&rig, "");
    socket.say(announced);
    socket.send(0x82, &[1, 2, 3]);
    assert_eq!(socket.frame(), (0x88, vec![]));
}

#[test]
fn other_namespaces_take_a_query_and_refuse_with_data_or_message() {
    let rig = Rig::new();
    let (mut socket, sid) = Socket::join(&rig, "");
    socket.say("40/admin?token=c&token=a%20b,");
    assert_eq!(socket.text(), "40/admin,");
    let joined = format!(r#"42/admin,["joined","/admin#{sid}",{{"token":"a b"}}]"#);
    assert_eq!(socket.text(), joined);
    socket.say(r#"42/admin,1["x"]"#);
    assert_eq!(socket.text(), "43/admin,1[1]");
    for (name, answer) in [
        ("/closed", r#"44/closed,"no""#),
        ("/closed?x=1", r#"44/closed,{"x":"1"}"#),
        ("/none", r#"44/none,{"message":"Invalid namespace"}"#),
    ] {
        socket.say(&format!("40{name},"));
        assert_eq!(socket.text(), answer);
    }
    socket.say("41/admin,");
    socket.say("40/admin,");
    assert_eq!(socket.text(), "40/admin,");
    let joined = format!(r#"42/admin,["joined","/admin#{sid}",null]"#);
    assert_eq!(socket.text(), joined);
}

#[test]
fn polling_goes_as_text_and_as_bytes_where_there_is_binary() {
    let rig = Rig::new();
    let handshake = get_text(&rig, "EIO=3&transport=polling");
    let sid = sid_in(&handshake);
    let open = open_packet(&sid, r#""websocket""#);
    assert_eq!(handshake, format!("{}:{open}", open.len()));
    let query = format!("EIO=3&transport=polling&sid={sid}");
    let joined = format!(r#"42["joined","{sid}",null]"#);
    assert_eq!(
        get_text(&rig, &query),
        format!("2:40{}:{joined}", joined.len())
    );
    // Lengths count UTF-16 code units.
    post(
        &rig,
        &query,
        "text/plain",
        r#"1:210:42["소리🔊"]"#.as_bytes(),
    );
    let echoed = get_text(&rig, &query);
    assert_eq!(echoed, r#"10:42["소리🔊"]1:3"#);

    let announced = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    let binary = [
        &[0, 3, 9, 0xff][..],
        announced.as_bytes(),
        &[1, 4, 0xff, 4, 1, 2, 3],
    ]
    .concat();
    post(&rig, &query, "application/octet-stream", &binary);
    assert_eq!(
        get(&rig, &query),
        ("application/octet-stream".to_owned(), binary)
    );
    let base64 = format!("{}:{announced}6:b4AQID", announced.len());
    post(&rig, &query, "text/plain", base64.as_bytes());
    assert_eq!(get(&rig, &query).0, "application/octet-stream");

    let sid = sid_in(&get_text(&rig, "EIO=3&transport=polling&b64=1"));
    let query = format!("EIO=3&transport=polling&sid={sid}");
    get_text(&rig, &query);
    post(&rig, &query, "text/plain", base64.as_bytes());
    assert_eq!(get_text(&rig, &query), base64);
    post(&rig, &query, "text/plain", b"nonsense");
    assert_eq!(request(&rig, "GET", &query, "", b"").0, 400);
}

#[test]
fn a_request_of_another_protocol_than_its_session_is_refused() {
    let rig = Rig::new();
    let old = sid_in(&get_text(&rig, "EIO=3&transport=polling"));
    let new = sid_in(&get_text(&rig, "EIO=4&transport=polling"));
    for query in [format!("EIO=4&sid={old}"), format!("EIO=3&sid={new}")] {
        let query = format!("{query}&transport=polling");
        assert_eq!(request(&rig, "GET", &query, "", b"").0, 400);
    }
    get_text(&rig, &format!("EIO=3&transport=polling&sid={old}"));
}

#[test]
fn scripts_poll_in_both_protocols() {
    let rig = Rig::new();
    let script = get_text(&rig, "EIO=3&transport=polling&j=7");
    let sid = sid_in(&script);
    let open = open_packet(&sid, r#""websocket""#);
    let escaped = open.replace('"', "\\\"");
    assert_eq!(script, format!(r#"___eio[7]("{}:{escaped}");"#, open.len()));
    let query = format!("EIO=3&transport=polling&j=7&sid={sid}");
    get_text(&rig, &query);
    let form = "application/x-www-form-urlencoded";
    post(
        &rig,
        &query,
        form,
        "d=11%3A42%5B%22a%E2%80%A8%5C%5Cnb%22%5D".as_bytes(),
    );
    let echoed = get_text(&rig, &query);
    assert_eq!(echoed, r#"___eio[7]("11:42[\"a\u2028\\nb\"]");"#);
    let binary =
        "d=39%3A451-%5B%22b%22%2C%7B%22_placeholder%22%3Atrue%2C%22num%22%3A0%7D%5D6%3Ab4AQID";
    post(&rig, &query, form, binary.as_bytes());
    let echoed = get_text(&rig, &query);
    let wanted = r#"___eio[7]("39:451-[\"b\",{\"_placeholder\":true,\"num\":0}]6:b4AQID");"#;
    assert_eq!(echoed, wanted);
    // A form without packets is taken, as engine.io does.
    post(&rig, &query, form, b"x=1");

    let script = get_text(&rig, "EIO=4&transport=polling&j=0");
    let sid = sid_in(&script);
    let query = format!("EIO=4&transport=polling&j=0&sid={sid}");
    post(&rig, &query, form, b"d=40");
    let joined = get_text(&rig, &query);
    assert!(
        joined.starts_with(r#"___eio[0]("40{\"sid\":\""#),
        "{joined}"
    );
}

#[test]
fn an_upgrade_carries_binary_on_in_the_form_of_the_websocket() {
    let rig = Rig::new();
    let sid = sid_in(&get_text(&rig, "EIO=3&transport=polling&j=1"));
    let query = format!("EIO=3&transport=polling&j=1&sid={sid}");
    get_text(&rig, &query);
    let mut socket = Socket::open(&rig, &format!("&EIO=3&sid={sid}"));
    socket.say("2probe");
    assert_eq!(socket.text(), "3probe");
    socket.say("5");
    let announced = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    socket.say(announced);
    socket.send(0x82, &[4, 9]);
    assert_eq!(socket.text(), announced);
    assert_eq!(socket.frame(), (0x82, vec![4, 9]));
}

#[test]
fn one_broadcast_reaches_clients_of_both_protocols_in_their_forms() {
    let rig = Rig::new();
    let (mut typed, _) = Socket::join(&rig, "");
    let (mut base64, _) = Socket::join(&rig, "&b64=1");
    let mut new = Socket::open(&rig, "&EIO=4");
    new.text();
    new.say("40");
    new.text();
    new.text();
    let sid = sid_in(&get_text(&rig, "EIO=3&transport=polling"));
    let query = format!("EIO=3&transport=polling&sid={sid}");
    get_text(&rig, &query);
    rig.engine.execute(Command::Broadcast {
        namespace: NamespaceId(0),
        audience: Audience::default(),
        payload: payload(BINARY_BROADCAST, vec![Bytes::from_static(&[7, 8])]),
        volatile: false,
        ack: None,
    });
    let announced = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    for socket in [&mut typed, &mut base64, &mut new] {
        assert_eq!(socket.text(), announced);
    }
    assert_eq!(typed.frame(), (0x82, vec![4, 7, 8]));
    assert_eq!(base64.text(), "b4Bwg=");
    assert_eq!(new.frame(), (0x82, vec![7, 8]));
    let polled = [
        &[0, 3, 9, 0xff][..],
        announced.as_bytes(),
        &[1, 3, 0xff, 4, 7, 8],
    ]
    .concat();
    assert_eq!(get(&rig, &query).1, polled);
}
