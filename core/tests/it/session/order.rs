//! Whatever a client does and however it interleaves, messages reach it once, in order, by the
//! transport that stands; and the session ends at most once.

use proptest::prelude::*;

use crate::support::session::*;

#[derive(Clone, Debug)]
enum Step {
    Send,
    Poll,
    DropPoll,
    Post,
    EndPost,
    Attach,
    Probe,
    Upgrade,
    LoseCandidate,
    WrongOnCandidate,
    GarbageOnCandidate,
    LoseTransport,
    GarbageOnTransport,
    ClientClose,
    Close,
    Abort,
    Pass(u64),
    /// Takes this many outputs.
    Take(usize),
}

/// Steps of a client that keeps the rules, and of a server that closes in good order.
fn orderly() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Send),
        6 => Just(Step::Poll),
        1 => Just(Step::Post),
        1 => Just(Step::EndPost),
        2 => Just(Step::Attach),
        3 => Just(Step::Probe),
        2 => Just(Step::Upgrade),
        1 => Just(Step::LoseCandidate),
        1 => Just(Step::WrongOnCandidate),
        1 => Just(Step::GarbageOnCandidate),
        2 => (1..6_000_u64).prop_map(Step::Pass),
        8 => (1..5_usize).prop_map(Step::Take),
    ]
}

fn hostile() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => orderly(),
        1 => Just(Step::DropPoll),
        1 => Just(Step::LoseTransport),
        1 => Just(Step::GarbageOnTransport),
        1 => Just(Step::ClientClose),
        1 => Just(Step::Close),
        1 => Just(Step::Abort),
        1 => (20_000..60_000_u64).prop_map(Step::Pass),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    None,
    Candidate,
    Current,
}

/// The driver's and the client's view, checked against every output.
struct World {
    rig: Rig,
    socket: Socket,
    is_get_pending: bool,
    sent: Vec<String>,
    arrived: Vec<String>,
    closed: usize,
    /// Closed by anything but the taking of the last output.
    was_cut: bool,
}

impl World {
    fn new(transport: TransportKind) -> World {
        World {
            rig: Rig::new(transport, settings()),
            socket: match transport {
                Polling => Socket::None,
                WebSocket | WebTransport => Socket::Current,
            },
            is_get_pending: false,
            sent: Vec::new(),
            arrived: Vec::new(),
            closed: 0,
            was_cut: false,
        }
    }

    fn step(&mut self, step: &Step, keeps_rules: bool) {
        if let Step::Take(count) = step {
            (0..*count).for_each(|_| self.take());
            return self.hear();
        }
        let was_closed = self.rig.session.is_closed();
        match step {
            Step::Send => self.send(),
            Step::Poll if keeps_rules && self.is_get_pending => {}
            Step::Poll => {
                if self.rig.session.handle_poll(self.rig.now).is_ok() {
                    self.is_get_pending = true;
                }
            }
            Step::DropPoll => {
                self.rig.session.handle_poll_closed(self.rig.now);
                self.is_get_pending = false;
            }
            Step::Post => self.post(keeps_rules),
            Step::EndPost => self.rig.session.handle_post_end(),
            Step::Attach => {
                if self.rig.session.handle_websocket(self.rig.now).is_ok() {
                    assert_eq!(self.socket, Socket::None);
                    self.socket = Socket::Candidate;
                }
            }
            Step::Probe => self.receive_on_candidate(Packet::Ping("probe")),
            Step::Upgrade => self.receive_on_candidate(Packet::Upgrade),
            Step::WrongOnCandidate => self.receive_on_candidate(Packet::Text("early")),
            Step::GarbageOnCandidate if self.socket == Socket::Candidate => {
                self.rig
                    .session
                    .handle_decode_error(WebSocket, self.rig.now);
            }
            Step::LoseCandidate if self.socket == Socket::Candidate => {
                self.rig
                    .session
                    .handle_transport_closed(WebSocket, TransportClosed::ByPeer);
                self.socket = Socket::None;
            }
            Step::GarbageOnCandidate | Step::LoseCandidate => {}
            Step::LoseTransport => {
                let transport = self.rig.session.transport();
                self.rig
                    .session
                    .handle_transport_closed(transport, TransportClosed::ByPeer);
                if self.socket == Socket::Current {
                    self.socket = Socket::None;
                }
            }
            Step::GarbageOnTransport => {
                let transport = self.rig.session.transport();
                self.rig
                    .session
                    .handle_decode_error(transport, self.rig.now);
            }
            Step::ClientClose => {
                let transport = self.rig.session.transport();
                self.rig.receive(transport, Packet::Close);
            }
            Step::Close => self.rig.close(),
            Step::Abort => self.rig.session.abort(DisconnectReason::ServerShuttingDown),
            Step::Pass(duration) => self.pass(*duration, keeps_rules),
            Step::Take(_) => {}
        }
        self.was_cut |= !was_closed && self.rig.session.is_closed();
        self.check();
    }

    fn send(&mut self) {
        if self.rig.session.is_open() {
            let message = self.sent.len().to_string();
            self.rig.send(&message);
            self.sent.push(format!("4{message}"));
        }
    }

    fn post(&mut self, keeps_rules: bool) {
        if self.rig.session.handle_post_start(self.rig.now).is_ok() {
            let is_open = self.rig.session.is_open();
            let received = self.rig.receive(Polling, Packet::Text("up"));
            let expected = if is_open {
                Received::Text("up")
            } else {
                Received::Nothing
            };
            assert_eq!(received, expected);
            if keeps_rules {
                self.rig.session.handle_post_end();
            }
        }
    }

    fn receive_on_candidate(&mut self, packet: Packet<'_>) {
        if self.socket == Socket::Candidate {
            let received = self.rig.receive(WebSocket, packet);
            assert_eq!(received, Received::Nothing);
            if self.rig.session.transport() == WebSocket {
                self.socket = Socket::Current;
            }
        }
    }

    /// A client that keeps the rules shows signs of life all the time.
    fn pass(&mut self, duration: u64, keeps_rules: bool) {
        self.rig.now += millis(duration);
        self.rig.session.handle_timeout(self.rig.now);
        if keeps_rules {
            let transport = self.rig.session.transport();
            self.rig.receive(transport, Packet::Pong(""));
        }
    }

    fn take(&mut self) {
        let announced = self.rig.session.has_output();
        let transmit = self.rig.session.poll_transmit();
        assert_eq!(announced, transmit.is_some());
        match transmit {
            None => {}
            Some(Transmit::WebSocket(frame)) => {
                assert_eq!(self.socket, Socket::Current);
                self.arrive(frame.payload_ref());
            }
            Some(Transmit::Probe(frame)) => {
                assert_eq!(self.socket, Socket::Candidate);
                assert_eq!(frame.payload_ref(), b"3probe");
            }
            Some(Transmit::Poll(frames)) => {
                assert!(self.is_get_pending && !frames.is_empty());
                self.is_get_pending = false;
                frames
                    .iter()
                    .for_each(|frame| self.arrive(frame.payload_ref()));
            }
            Some(Transmit::Pong) => unreachable!("protocol 4 pings by itself"),
            Some(Transmit::CloseWebSocket) => {
                assert_eq!(self.socket, Socket::Current);
                self.socket = Socket::None;
            }
            Some(Transmit::CloseProbe) => {
                assert_eq!(self.socket, Socket::Candidate);
                self.socket = Socket::None;
            }
        }
    }

    fn arrive(&mut self, packet: &[u8]) {
        if packet[0] == b'4' {
            self.arrived
                .push(String::from_utf8_lossy(packet).into_owned());
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.rig.session.poll_event() {
            assert_eq!(self.closed, 0, "Closed comes last and once");
            match event {
                Event::Probed => {}
                Event::Upgraded => assert_eq!(self.rig.session.transport(), WebSocket),
                Event::Closed { .. } => self.closed += 1,
            }
        }
        self.check();
    }

    fn check(&self) {
        let session = &self.rig.session;
        assert!(
            self.sent.starts_with(&self.arrived),
            "{:?} of {:?}",
            self.arrived,
            self.sent
        );
        assert_eq!(session.has_pending_poll(), self.is_get_pending);
        assert_eq!(session.next_timeout().is_none(), session.is_closed());
        assert!(!session.is_upgrading() || self.socket == Socket::Candidate);
    }

    /// Takes all that is left, with as many more polls as a closing session can wait for.
    fn finish(&mut self) {
        for _ in 0..3 {
            while self.rig.session.has_output() {
                self.take();
            }
            if !self.is_get_pending && self.rig.session.handle_poll(self.rig.now).is_ok() {
                self.is_get_pending = true;
            }
        }
        self.hear();
        assert_eq!(self.closed == 1, self.rig.session.is_closed());
        if self.rig.session.is_closed() {
            assert!(
                !self.is_get_pending && self.socket == Socket::None,
                "nothing is left open"
            );
        }
        if !self.was_cut {
            assert_eq!(self.arrived, self.sent);
        }
    }
}

fn run(transport: TransportKind, steps: &[Step], keeps_rules: bool) -> World {
    let mut world = World::new(transport);
    steps.iter().for_each(|step| world.step(step, keeps_rules));
    world.finish();
    world
}

fn config() -> ProptestConfig {
    // A failure prints its smallest case, which is all that is needed to repeat it.
    ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn interleaved_upgrades_never_lose_double_or_reorder_messages(
        steps in prop::collection::vec(orderly(), 1..120),
        closes in any::<bool>(),
    ) {
        let mut steps = steps;
        if closes {
            steps.push(Step::Close);
        }
        let world = run(Polling, &steps, true);
        prop_assert!(!world.was_cut);
        prop_assert_eq!(world.closed == 1, closes);
    }

    #[test]
    fn nothing_a_client_does_breaks_order_or_closes_twice(
        is_polling in any::<bool>(),
        steps in prop::collection::vec(hostile(), 1..120),
    ) {
        run(if is_polling { Polling } else { WebSocket }, &steps, false);
    }
}
