//! A session in virtual time, and its outputs written as lines that a test can compare as a whole.
//!
//! Lines: `ws 4hi`, `ws b:0102`, `ws close`, `probe 3probe`, `probe close`, `poll 4a|4b`, `probed`, `upgraded`,
//! `closed ping timeout`, `closed transport error: overlap from client`.

use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) use sori::config::TransportKind::{self, Polling, WebSocket, WebTransport};
pub(crate) use sori::error::DisconnectReason;
pub(crate) use sori::proto::engine::{Packet, Revision, message_frame};
use sori::proto::websocket::{Frame, Opcode};
pub(crate) use sori::session::{
    Event, Opening, PollError, Received, Session, Settings, Transmit, TransportClosed, UpgradeError,
};

pub(crate) struct Rig {
    pub(crate) session: Session,
    pub(crate) start: Instant,
    pub(crate) now: Instant,
}

/// Ping 25 s, pong 20 s, upgrade 10 s, close 30 s.
pub(crate) fn settings() -> Settings {
    Settings::default()
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

impl Rig {
    /// Open and untouched: the open packet still waits.
    pub(crate) fn new(transport: TransportKind, settings: Settings) -> Rig {
        Rig::speaking(Revision::V4, transport, settings)
    }

    pub(crate) fn speaking(
        revision: Revision,
        transport: TransportKind,
        settings: Settings,
    ) -> Rig {
        let opening = Opening {
            sid: "sid",
            transport,
            revision,
            offers_webtransport: false,
        };
        Rig::opened(opening, settings)
    }

    pub(crate) fn opened(opening: Opening<'_>, settings: Settings) -> Rig {
        let start = Instant::now();
        let session = Session::open(opening, Arc::new(settings), start);
        Rig {
            session,
            start,
            now: start,
        }
    }

    /// Over WebSocket, its open packet written.
    pub(crate) fn websocket() -> Rig {
        let mut rig = Rig::new(WebSocket, settings());
        assert_eq!(rig.outputs().len(), 1);
        rig
    }

    /// Over polling, its handshake answered and no poll pending.
    pub(crate) fn polling() -> Rig {
        let mut rig = Rig::new(Polling, settings());
        rig.poll();
        assert_eq!(rig.outputs().len(), 1);
        rig
    }

    /// Over polling with a poll pending.
    pub(crate) fn polled() -> Rig {
        let mut rig = Rig::polling();
        rig.poll();
        rig
    }

    /// Over polling with a poll pending and a candidate that has sent nothing.
    pub(crate) fn probing() -> Rig {
        let mut rig = Rig::polled();
        rig.session
            .handle_websocket(rig.now)
            .expect("a candidate is welcome");
        assert!(rig.outputs().is_empty());
        rig
    }

    /// As far as `3probe` and the first no-op, 100 ms after it; no poll pending.
    pub(crate) fn probed() -> Rig {
        let mut rig = Rig::probing();
        rig.receive(WebSocket, Packet::Ping("probe"));
        assert_eq!(rig.outputs(), ["probe 3probe", "probed"]);
        assert_eq!(rig.pass(millis(100)), ["100 poll 6"]);
        rig
    }

    pub(crate) fn poll(&mut self) {
        self.session
            .handle_poll(self.now)
            .expect("a poll is welcome");
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.session.send(message_frame(&[text.as_bytes()]));
    }

    pub(crate) fn receive<'p>(&mut self, from: TransportKind, packet: Packet<'p>) -> Received<'p> {
        self.session.handle_packet(from, packet, self.now)
    }

    pub(crate) fn close(&mut self) {
        self.session.close(DisconnectReason::ForcedClose, self.now);
    }

    /// Everything the session wants written or told, in the documented order.
    pub(crate) fn outputs(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let announced = self.session.has_output();
            let transmit = self.session.poll_transmit();
            assert_eq!(
                announced,
                transmit.is_some(),
                "has_output tells what poll_transmit does"
            );
            match transmit {
                Some(transmit) => lines.push(describe_transmit(&transmit)),
                None => break,
            }
        }
        while let Some(event) = self.session.poll_event() {
            lines.push(describe_event(&event));
        }
        lines
    }

    /// Lets time pass, waking the session whenever it asks for it. Each line begins with the
    /// milliseconds since the start.
    pub(crate) fn pass(&mut self, duration: Duration) -> Vec<String> {
        let until = self.now + duration;
        let mut lines = Vec::new();
        while let Some(due) = self.session.next_timeout().filter(|due| *due <= until) {
            assert!(due >= self.now, "a deadline that has been handled is moved");
            self.now = due;
            self.session.handle_timeout(due);
            let at = (due - self.start).as_millis();
            lines.extend(self.outputs().iter().map(|line| format!("{at} {line}")));
        }
        self.now = until;
        lines
    }
}

fn describe_transmit(transmit: &Transmit) -> String {
    match transmit {
        Transmit::Pong => "ws 3".to_owned(),
        Transmit::WebSocket(frame) => format!("ws {}", describe_frame(frame)),
        Transmit::Probe(frame) => format!("probe {}", describe_frame(frame)),
        Transmit::Poll(frames) => {
            let packets: Vec<String> = frames.iter().map(describe_frame).collect();
            format!("poll {}", packets.join("|"))
        }
        Transmit::CloseWebSocket => "ws close".to_owned(),
        Transmit::CloseProbe => "probe close".to_owned(),
    }
}

fn describe_frame(frame: &Frame) -> String {
    match frame.opcode() {
        Opcode::Binary => {
            let digits: Vec<String> = frame
                .payload_ref()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            format!("b:{}", digits.concat())
        }
        _ => String::from_utf8_lossy(frame.payload_ref()).into_owned(),
    }
}

fn describe_event(event: &Event) -> String {
    match event {
        Event::Probed => "probed".to_owned(),
        Event::Upgraded => "upgraded".to_owned(),
        Event::Closed {
            reason,
            description: None,
        } => format!("closed {reason}"),
        Event::Closed {
            reason,
            description: Some(text),
        } => format!("closed {reason}: {text}"),
    }
}
