//! Server-sent events, read as they come over the wire. Requests are HTTP/1.0, so that bodies come
//! as they are.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use sori::sse::{Endpoint, Event, Refusal, Settings};
use sori::{Cors, Error, Server, ServerBuilder};

use crate::support::app::{Log, PATIENCE};
use crate::support::steady::Steady;

struct Running {
    server: Server,
    news: Endpoint,
    address: SocketAddr,
    log: Log,
}

impl Running {
    fn start() -> Running {
        Running::start_with(Settings::default(), |builder| builder)
    }

    /// An endpoint that puts clients into the rooms of their query, and writes down who comes and
    /// goes.
    fn start_with(settings: Settings, set: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Running {
        let server = set(Server::builder().shards(2)).build().unwrap();
        let news = server.events_with("/news", settings);
        let log = Log::default();
        let (came, went) = (log.clone(), log.clone());
        news.on_open(move |client| {
            let rooms = client.handshake().query_pairs();
            let rooms: Vec<_> = rooms.map(|(_, room)| room).collect();
            client.join(&rooms);
            came.write(format!("came {}", client.last_event_id().unwrap_or("-")));
        });
        news.on_close(move |client| went.write(format!("went {:?}", client.rooms())));
        let address = server.listen("127.0.0.1:0").unwrap();
        Running {
            server,
            news,
            address,
            log,
        }
    }

    /// A stream of which the beginning has come.
    fn open(&self, query: &str, headers: &str) -> Stream {
        let (head, mut stream) = ask(self.address, "GET", &format!("/news{query}"), headers);
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        assert!(
            head.contains("content-type: text/event-stream\r\n"),
            "{head}"
        );
        stream.expect(":");
        stream.expect("");
        stream
    }

    fn send(&self, event: &Event) {
        self.news.all().send(event).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

struct Stream(BufReader<Steady<TcpStream>>);

fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> (String, Stream) {
    let mut stream = Steady::connect(address);
    let request = format!("{method} {path} HTTP/1.0\r\nHost: x\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    (
        head.to_ascii_lowercase().replacen("http", "HTTP", 1),
        Stream(reader),
    )
}

impl Stream {
    #[track_caller]
    fn expect(&mut self, line: &str) {
        let mut found = String::new();
        self.0.read_line(&mut found).unwrap();
        assert_eq!(found, format!("{line}\n"));
    }

    #[track_caller]
    fn expect_data(&mut self, data: &str) {
        self.expect(&format!("data: {data}"));
        self.expect("");
    }

    #[track_caller]
    fn expect_end(&mut self) {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}

#[test]
fn events_reach_rooms_in_the_order_of_the_calls() {
    let running = Running::start();
    let mut tea = running.open("?room=tea", "");
    let mut both = running.open("?room=tea&room=cake", "");
    let mut none = running.open("", "");
    let news = &running.news;
    assert_eq!(news.clients(), 3);
    news.to("tea").send(&Event::new("one")).unwrap();
    news.to(["tea", "cake"]).send(&Event::new("two")).unwrap();
    news.to("tea")
        .except("cake")
        .send(&Event::new("three"))
        .unwrap();
    news.to([""; 0]).send(&Event::new("nobody")).unwrap();
    let last = Event::new("a\nb").name("end").id("9");
    running.send(&last.retry(Duration::from_millis(50)));
    for (stream, heard) in [
        (&mut tea, &["one", "two", "three"][..]),
        (&mut both, &["one", "two"]),
        (&mut none, &[]),
    ] {
        for data in heard {
            stream.expect_data(data);
        }
        for line in ["id: 9", "event: end", "retry: 50", "data: a", "data: b", ""] {
            stream.expect(line);
        }
    }
}

#[test]
fn who_comes_back_is_sent_what_it_missed_before_anything_new() {
    let mut settings = Settings::default();
    settings.history = 3;
    let running = Running::start_with(settings, |builder| builder);
    for number in 1..=5 {
        let room = if number % 2 == 0 { "even" } else { "odd" };
        let event = Event::new(number.to_string()).id(number.to_string());
        running.news.to(room).send(&event).unwrap();
    }
    let mut back = running.open("?a=even&b=odd", "Last-Event-ID: 3\r\n");
    let mut odd = running.open("?a=odd", "Last-Event-ID: 3\r\n");
    let mut too_late = running.open("?a=odd", "Last-Event-ID: 1\r\n");
    let mut new = running.open("?a=odd", "");
    running
        .log
        .expect(&["came 3", "came 3", "came 1", "came -"]);
    running.send(&Event::new("end"));
    for number in ["4", "5"] {
        back.expect(&format!("id: {number}"));
        back.expect_data(number);
    }
    odd.expect("id: 5");
    odd.expect_data("5");
    for stream in [&mut back, &mut odd, &mut too_late, &mut new] {
        stream.expect_data("end");
    }
}

#[test]
fn a_client_that_takes_nothing_is_ended_and_harms_no_other() {
    let mut settings = Settings::default();
    settings.max_queued_bytes = 100_000;
    let running = Running::start_with(settings, |builder| builder);
    let slow = running.open("?room=slow", "");
    let mut quick = running.open("?room=quick", "");
    let event = Event::new("x".repeat(50_000));
    let until = Instant::now() + PATIENCE;
    while running.news.closed_slow() == 0 {
        assert!(Instant::now() < until, "the slow client goes on");
        running.news.to("slow").send(&event).unwrap();
        running.news.to("quick").send(&Event::new("tick")).unwrap();
        quick.expect_data("tick");
    }
    running.send(&Event::new("end"));
    quick.expect_data("end");
    drop(slow);
    running.log.expect(&["came -", "came -", "went []"]);
    assert_eq!(running.news.clients(), 1);
}

#[test]
fn a_client_can_be_sent_to_and_ended_alone() {
    let running = Running::start();
    running.news.on_open(|client| {
        client.send(&Event::new("only you")).unwrap();
        client.close();
    });
    let mut stream = running.open("", "");
    stream.expect_data("only you");
    stream.expect_end();
    running.log.expect(&["went []"]);
}

#[test]
fn checks_decide_who_gets_events() {
    let running = Running::start_with(Settings::default(), |builder| builder.cors(Cors::any()));
    running.news.check(|request| async move {
        let refuse = |status| {
            Err(Refusal {
                status,
                message: "no tea".to_owned(),
            })
        };
        match request.query("token").as_deref() {
            Some("letmein") => Ok(()),
            Some("done") => refuse(204),
            Some("panic") => panic!("on purpose"),
            _ => refuse(401),
        }
    });
    let status = |path: &str, method: &str| {
        let (head, mut stream) = ask(running.address, method, path, "Origin: http://a\r\n");
        let mut body = String::new();
        if !head.contains("200 ok") {
            stream.0.read_to_string(&mut body).unwrap();
        }
        (head[9..12].to_owned(), head, body)
    };
    let (code, head, _) = status("/news?token=letmein", "GET");
    assert_eq!(code, "200");
    assert!(head.contains("access-control-allow-origin: *"), "{head}");
    let (code, _, body) = status("/news", "GET");
    assert_eq!((&*code, &*body), ("401", "no tea"));
    assert_eq!(status("/news?token=done", "GET").0, "204");
    assert_eq!(status("/news?token=panic", "GET").0, "500");
    assert_eq!(status("/news?token=letmein", "POST").0, "405");
    assert_eq!(status("/old", "GET").0, "404");
}

#[test]
fn clients_over_the_limit_are_refused() {
    let mut settings = Settings::default();
    settings.max_clients = Some(1);
    let running = Running::start_with(settings, |builder| builder);
    let _one = running.open("", "");
    let (head, _) = ask(running.address, "GET", "/news", "");
    assert!(head.starts_with("HTTP/1.0 503"), "{head}");
}

#[test]
fn idle_streams_are_kept_alive() {
    let interval = Duration::from_millis(20);
    let running = Running::start_with(Settings::default(), |b| b.ping_interval(interval));
    let mut stream = running.open("", "");
    for _ in 0..3 {
        stream.expect(":");
        stream.expect("");
    }
}

#[test]
fn streams_end_when_the_server_closes() {
    let running = Running::start();
    let mut stream = running.open("", "");
    running.send(&Event::new("last words"));
    running.server.shutdown();
    stream.expect_data("last words");
    stream.expect_end();
    running.log.expect(&["came -", "went []"]);
    assert_eq!(running.news.clients(), 0);
}

#[test]
fn what_would_not_arrive_as_it_is_is_refused() {
    let running = Running::start();
    for event in [Event::new("").name("a\nb"), Event::new("").id("a\0")] {
        let sent = running.news.all().send(&event);
        assert!(matches!(sent, Err(Error::Misuse(_))), "{sent:?}");
    }
}
