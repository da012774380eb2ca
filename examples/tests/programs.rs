//! Runs each example as a user would and talks to it over a WebSocket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tungstenite::{Message, WebSocket};

struct Program {
    child: Child,
    /// Kept open: a program may write more.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Program {
    fn start(path: &str) -> Program {
        Program::start_with(path, &[])
    }

    fn start_with(path: &str, more: &[&str]) -> Program {
        let mut child = Command::new(path)
            .arg("127.0.0.1:0")
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().to_owned();
        Program {
            child,
            _output: output,
            address,
        }
    }

    /// A client that has joined with `auth`, and its id.
    fn join(&self, auth: &str) -> (Client, String) {
        let stream = TcpStream::connect(&self.address).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        let mut client = Client::over(stream, &self.address, "/socket.io/");
        client.send(&format!("40{auth}"));
        let joined = client.receive();
        let id = joined.split('"').nth(3).unwrap().to_owned();
        (client, id)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, which a test has noticed then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client(WebSocket<TcpStream>);

impl Client {
    /// A client whose session is open.
    fn over(stream: TcpStream, address: &str, path: &str) -> Client {
        let url = format!("ws://{address}{path}?EIO=4&transport=websocket");
        let (stream, _) = tungstenite::client(url, stream).unwrap();
        let mut client = Client(stream);
        client.receive();
        client
    }

    fn send(&mut self, packet: &str) {
        self.0.send(Message::text(packet)).unwrap();
    }

    /// The next text that is no ping of the server.
    fn receive(&mut self) -> String {
        loop {
            let message = self.0.read().unwrap().into_text().unwrap();
            if message.as_str() != "2" {
                return message.as_str().to_owned();
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, packet: &str) {
        assert_eq!(self.receive(), packet);
    }
}

#[test]
fn echo_sends_everything_back() {
    let program = Program::start(env!("CARGO_BIN_EXE_echo"));
    let (mut client, _) = program.join("");
    client.send("42[\"message\",[1,\"a\"]]");
    client.expect("42[\"message\",[1,\"a\"]]");
    client.send("427[\"ask\",null]");
    client.expect("437[null]");
    client.send("451-8[\"file\",{\"_placeholder\":true,\"num\":0}]");
    client.0.send(Message::binary(vec![1, 2, 3])).unwrap();
    client.expect("461-8[{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(client.0.read().unwrap(), Message::binary(vec![1, 2, 3]));
}

#[test]
fn chat_tells_a_room_what_is_said_there() {
    let program = Program::start(env!("CARGO_BIN_EXE_chat"));
    let (mut ada, ada_id) = program.join("");
    let (mut bob, bob_id) = program.join("");
    ada.send("421[\"enter\",\"tea\"]");
    ada.expect("431[true]");
    bob.send("421[\"enter\",\"tea\"]");
    bob.expect("431[true]");
    ada.expect(&format!("42[\"entered\",\"{bob_id}\"]"));
    ada.send("42[\"say\",\"hello\"]");
    ada.expect(&format!("42[\"said\",\"{ada_id}\",\"hello\"]"));
    bob.expect(&format!("42[\"said\",\"{ada_id}\",\"hello\"]"));
    bob.send("422[\"enter\",\"\"]");
    bob.expect("432[false]");
    drop(bob);
    ada.expect(&format!("42[\"left\",\"{bob_id}\"]"));
}

#[test]
fn chat_shows_its_page() {
    let program = Program::start(env!("CARGO_BIN_EXE_chat"));
    for (path, status, beginning) in [
        ("/", "200 OK", "<!doctype html>"),
        ("/x", "404 Not Found", ""),
    ] {
        let mut stream = TcpStream::connect(&program.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{answer}"
        );
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with(beginning), "{answer}");
    }
}

#[test]
fn ticker_tells_the_price_of_what_is_watched() {
    let program = Program::start_with(env!("CARGO_BIN_EXE_ticker"), &["10"]);
    let (mut client, _) = program.join("");
    client.send("421[\"watch\",\"nothing\"]");
    client.expect("431[null]");
    client.send("422[\"watch\",\"GINGER\"]");
    let price = client.receive();
    assert!(price.starts_with("432[4"), "{price}");
    for _ in 0..2 {
        let told = client.receive();
        assert!(told.starts_with("42[\"price\",\"GINGER\",4"), "{told}");
    }
}

#[test]
fn rooms_asks_everybody_in_a_room() {
    let program = Program::start(env!("CARGO_BIN_EXE_rooms"));
    let (mut asking, _) = program.join("{\"name\":\"Ada\"}");
    let (mut asked, _) = program.join("{\"name\":\"Bob\"}");
    let (_, refusal) = program.join("");
    assert_eq!(refusal, "who are you?");
    asked.send("42[\"join\",\"r\"]");
    asked.send("421[\"poll\",\"nobody\",\"\"]");
    asked.expect("431[[]]");
    asking.send("422[\"poll\",\"r\",\"tea?\"]");
    let question = asked.receive();
    let id = question
        .strip_prefix("42")
        .and_then(|rest| rest.strip_suffix("[\"poll\",\"tea?\"]"))
        .unwrap_or_else(|| panic!("{question}"));
    asked.send(&format!("43{id}[\"yes\"]"));
    asking.expect("432[[\"yes\"]]");
    asking.send("42[\"join\",\"r\"]");
    asking.send("423[\"poll\",\"nobody\",\"\"]");
    asking.expect("433[[]]");
    drop(asked);
    asking.expect("42[\"gone\",\"Bob\"]");
}

#[test]
fn beside_axum_serves_pages_and_a_chat_on_one_port() {
    let program = Program::start(env!("CARGO_BIN_EXE_beside_axum"));
    let ((mut ann, id), (mut bob, _)) = (program.join(""), program.join(""));
    ann.send(r#"42["say","hello"]"#);
    assert_eq!(bob.receive(), format!(r#"42["said","{id}","hello"]"#));
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(&program.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(page.ends_with("The chat is under /socket.io/."), "{page}");
    ask("POST /announce HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\ntea");
    for client in [&mut ann, &mut bob] {
        assert_eq!(client.receive(), r#"42["said","announcement","tea"]"#);
    }
}

#[test]
fn protocol_serves_what_the_suites_ask() {
    let path = env!("CARGO_BIN_EXE_protocol");
    let program = Program::start_with(path, &["socket.io"]);
    let (mut client, _) = program.join("{\"a\":1}");
    client.expect("42[\"auth\",{\"a\":1}]");
    client.send("42[\"message\",1,\"2\",{\"3\":[true]}]");
    client.expect("42[\"message-back\",1,\"2\",{\"3\":[true]}]");
    client.send("451-7[\"message-with-ack\",{\"_placeholder\":true,\"num\":0}]");
    client.0.send(Message::binary(vec![1, 2, 3])).unwrap();
    client.expect("461-7[{\"_placeholder\":true,\"num\":0}]");

    let program = Program::start_with(path, &["engine.io"]);
    let stream = TcpStream::connect(&program.address).unwrap();
    let mut client = Client::over(stream, &program.address, "/engine.io/");
    client.send("40");
    client.expect("40");
}

#[test]
fn client_says_what_it_reads_and_writes_what_it_hears() {
    let program = Program::start(env!("CARGO_BIN_EXE_chat"));
    let (mut ada, ada_id) = program.join("");
    ada.send("421[\"enter\",\"tea\"]");
    ada.expect("431[true]");
    let mut client = Command::new(env!("CARGO_BIN_EXE_client"))
        .args([&format!("http://{}", program.address), "tea"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut hear = || heard.next().unwrap().unwrap();
    assert_eq!(hear(), "in tea");
    let entered = ada.receive();
    let id = entered.split('"').nth(3).unwrap();
    let mut says = client.stdin.take().unwrap();
    says.write_all("Grüß \"dich\"\n".as_bytes()).unwrap();
    let said = r#"Grüß \"dich\""#;
    ada.expect(&format!("42[\"said\",\"{id}\",\"{said}\"]"));
    assert_eq!(hear(), format!("{id}: \"{said}\""));
    ada.send("42[\"say\",[1]]");
    ada.expect(&format!("42[\"said\",\"{ada_id}\",[1]]"));
    assert_eq!(hear(), format!("{ada_id}: [1]"));
    // What it said last leaves before it does.
    says.write_all(b"bye\n").unwrap();
    drop(says);
    assert_eq!(hear(), "gone: io client disconnect");
    assert!(client.wait().unwrap().success());
    ada.expect(&format!("42[\"said\",\"{id}\",\"bye\"]"));
    ada.expect(&format!("42[\"left\",\"{id}\"]"));
}
