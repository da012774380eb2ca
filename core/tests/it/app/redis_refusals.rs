//! A Redis that answers, but not what was asked, or refuses what it is asked for: it is asked again with pauses that
//! grow, and served from the moment that it answers well.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sori::adapter::{Adapter, Bus, Entry, Format, Listener, Redis, Subscription};

/// Longer than a machine that builds beside it stops for.
const PATIENCE: Duration = Duration::from_secs(60);

const HELLO: &str = "%1\r\n$5\r\nproto\r\n:3\r\n";

/// The parts of a command; `None` at the end of the connection.
fn command(from: &mut impl BufRead) -> Option<Vec<String>> {
    let number = |from: &mut dyn BufRead| -> Option<usize> {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        line.trim_end().get(1..)?.parse().ok()
    };
    let parts = number(from)?;
    (0..parts)
        .map(|_| {
            let mut part = vec![0; number(from)? + 2];
            from.read_exact(&mut part).ok()?;
            part.truncate(part.len() - 2);
            String::from_utf8(part).ok()
        })
        .collect()
}

/// Answers like a Redis where `answer` gives nothing; an empty answer is none yet. Gives its address.
fn redis(answer: impl Fn(&[String]) -> Option<String> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("redis://{}", listener.local_addr().expect("bound"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || serve(&stream, &*answer));
        }
    });
    url
}

fn serve(mut stream: &TcpStream, answer: &dyn Fn(&[String]) -> Option<String>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    while let Some(command) = command(&mut reader) {
        let said = answer(&command).unwrap_or_else(|| match &*command[0] {
            "HELLO" => HELLO.to_owned(),
            "XREVRANGE" => "*0\r\n".to_owned(),
            _ => "+OK\r\n".to_owned(),
        });
        if stream.write_all(said.as_bytes()).is_err() {
            return;
        }
    }
}

/// What the listener was told.
#[derive(Debug, PartialEq)]
enum Told {
    Connected(Result<(), String>),
    Entry(String),
}

struct Ear(Sender<Told>);

impl Listener for Ear {
    fn deliver(&self, _: &str, _: &str, _: Bytes) {}

    fn read(&self, offset: &str, _: Entry) {
        let _ = self.0.send(Told::Entry(offset.to_owned()));
    }

    fn counted(&self, _: u64, _: Option<usize>) {}

    fn connected(&self, state: Result<(), &str>) {
        let _ = self.0.send(Told::Connected(state.map_err(str::to_owned)));
    }
}

fn start(redis: Redis) -> (Arc<dyn Bus>, Receiver<Told>) {
    let (tell, told) = channel();
    let bus = redis.start(Arc::new(Ear(tell))).expect("a bus");
    (bus, told)
}

/// Waits for what fits; gives what errors were told before.
fn errors_until(told: &Receiver<Told>, fits: impl Fn(&Told) -> bool) -> Vec<String> {
    let mut errors = Vec::new();
    loop {
        match told.recv_timeout(PATIENCE).expect("told in time") {
            told if fits(&told) => return errors,
            Told::Connected(Err(error)) => errors.push(error),
            _ => {}
        }
    }
}

/// Gives each of these to XREAD in turn, then entry 7-0, then nothing.
fn reads_after(answers: &'static [&'static str]) -> (Vec<String>, Duration) {
    let asked = AtomicUsize::new(0);
    let url = redis(move |command| {
        (command[0] == "XREAD").then(|| {
            let at = asked.fetch_add(1, Ordering::Relaxed);
            let stream = &command[command.len() - 2];
            match answers.get(at) {
                Some(answer) => answer.replace("NAME", &format!("${}\r\n{stream}", stream.len())),
                None if at == answers.len() => {
                    let len = stream.len();
                    format!(
                        "%1\r\n${len}\r\n{stream}\r\n*1\r\n*2\r\n$3\r\n7-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n"
                    )
                }
                None => String::new(),
            }
        })
    });
    let began = Instant::now();
    let (_bus, told) = start(Redis::new(url).format(Format::Streams));
    let errors = errors_until(&told, |told| *told == Told::Entry("7-0".to_owned()));
    (errors, began.elapsed())
}

#[test]
fn an_answer_to_xread_without_an_entry_is_an_error_that_is_told_and_paused_after() {
    let (errors, took) = reads_after(&[
        "+OK\r\n",
        ":1\r\n",
        "_\r\n",
        "%1\r\nNAME\r\n+no\r\n",
        "-LOADING Redis is loading the dataset in memory\r\n",
    ]);
    assert_eq!(errors.len(), 5, "{errors:?}");
    // 50 + 100 + 200 + 400 + 800: a machine that stops makes it longer.
    assert!(took >= Duration::from_millis(1550), "{took:?}");
}

#[test]
fn an_entry_that_was_read_is_not_read_again() {
    const SIXTH: &str = "%1\r\nNAME\r\n*1\r\n*2\r\n$3\r\n6-0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n";
    let (errors, _) = reads_after(&[SIXTH, SIXTH]);
    assert_eq!(errors.len(), 1, "{errors:?}");
}

/// Refuses `what` five times.
fn refused(what: &'static str, error: &'static str) -> (Vec<String>, Duration) {
    let asked = AtomicUsize::new(0);
    let url = redis(move |command| {
        if command[0] == what && asked.fetch_add(1, Ordering::Relaxed) < 5 {
            return Some(format!("-{error}\r\n"));
        }
        (command[0] == "SUBSCRIBE").then(|| ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n".to_owned())
    });
    let began = Instant::now();
    let (bus, told) = start(Redis::new(url));
    bus.subscribe(vec![Subscription::Channel("a".into())]);
    let mut errors = Vec::new();
    while errors.len() < 5 {
        if let Told::Connected(Err(error)) = told.recv_timeout(PATIENCE).expect("told in time") {
            errors.push(error);
        }
    }
    let before = errors_until(&told, |told| *told == Told::Connected(Ok(())));
    assert_eq!(before, Vec::<String>::new());
    (errors, began.elapsed())
}

#[test]
fn what_is_refused_is_asked_for_with_pauses_that_grow() {
    for (what, error) in [
        ("SUBSCRIBE", "NOPERM this user has no permissions"),
        ("SUBSCRIBE", "MOVED 866 127.0.0.1:1"),
        ("HELLO", "LOADING Redis is loading the dataset in memory"),
        ("HELLO", "WRONGPASS invalid username-password pair"),
    ] {
        let (errors, took) = refused(what, error);
        assert_eq!(errors.len(), 5, "{what} {error}: {errors:?}");
        assert!(
            took >= Duration::from_millis(1550),
            "{what} {error}: {took:?}"
        );
    }
}
