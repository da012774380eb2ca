//! What a session writes: messages on the fast way, everything rare behind it.

use std::mem;

use super::{Carrier, Phase, Poll, Session, Transmit};
use crate::error::DisconnectReason;
use crate::proto::engine::frames;
use crate::proto::websocket::Frame;

impl Session {
    /// The next thing to write. See [`Session`] for the calling order.
    #[inline]
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Carrier::Link = self.carrier
            && let Some(frame) = self.outbox.pop()
        {
            return Some(Transmit::WebSocket(frame));
        }
        self.poll_rare_transmit()
    }

    /// The next message that [`poll_transmit`](Session::poll_transmit) would give to a link, without a
    /// look at what is rare: for those who write several.
    #[inline]
    pub fn poll_message(&mut self) -> Option<Frame> {
        match self.carrier {
            Carrier::Link => self.outbox.pop(),
            Carrier::Polling | Carrier::Probing(_) => None,
        }
    }

    /// Whether [`poll_transmit`](Session::poll_transmit) would give something.
    #[inline]
    pub fn has_output(&self) -> bool {
        (!self.outbox.is_empty() && matches!(self.carrier, Carrier::Link)) || self.has_rare_output()
    }

    fn poll_rare_transmit(&mut self) -> Option<Transmit> {
        if !self.has_rare_output() {
            return None;
        }
        if mem::take(&mut self.close_probe_owed) {
            return Some(Transmit::CloseProbe);
        }
        if let Carrier::Probing(probe) = &mut self.carrier
            && mem::take(&mut probe.reply_owed)
        {
            return Some(Transmit::Probe(frames::PONG_PROBE));
        }
        match self.poll {
            Poll::OwesNoop => return Some(self.answer_poll(vec![frames::NOOP])),
            Poll::OwesClose => return Some(self.answer_poll(vec![frames::CLOSE])),
            Poll::None | Poll::Pending => {}
        }
        match &self.phase {
            Phase::Open if matches!(self.carrier, Carrier::Link) => {
                self.pong_owed = false;
                Some(Transmit::Pong)
            }
            Phase::Open => Some(self.transmit_poll()),
            Phase::Closing(_) => Some(self.transmit_end()),
            Phase::Closed(_) => {
                self.close_websocket_owed = false;
                Some(Transmit::CloseWebSocket)
            }
        }
    }

    fn has_rare_output(&self) -> bool {
        let is_polled = self.poll == Poll::Pending;
        if self.close_probe_owed || (self.poll != Poll::None && !is_polled) {
            return true;
        }
        let probe = match &self.carrier {
            Carrier::Probing(probe) => Some(probe),
            Carrier::Polling | Carrier::Link => None,
        };
        if probe.is_some_and(|probe| probe.reply_owed) {
            return true;
        }
        match &self.phase {
            Phase::Open if matches!(self.carrier, Carrier::Link) => self.pong_owed,
            Phase::Open => {
                is_polled
                    && (!self.outbox.is_empty()
                        || self.pong_owed
                        || probe.is_some_and(|probe| probe.is_noop_due()))
            }
            Phase::Closing(_) => is_polled || matches!(self.carrier, Carrier::Link),
            Phase::Closed(_) => self.close_websocket_owed,
        }
    }

    /// The pending poll's answer: what is queued, or the no-op that is due.
    fn transmit_poll(&mut self) -> Transmit {
        let mut packets = self.outbox.take_all(1);
        if mem::take(&mut self.pong_owed) {
            packets.push(frames::PONG);
        }
        if let Carrier::Probing(probe) = &mut self.carrier {
            probe.handle_poll_over();
        }
        if packets.is_empty() {
            packets.push(frames::NOOP);
        }
        self.answer_poll(packets)
    }

    /// A graceful close's last outputs: over polling what is queued, then the close.
    fn transmit_end(&mut self) -> Transmit {
        let transmit = match self.carrier {
            Carrier::Link => Transmit::CloseWebSocket,
            Carrier::Polling | Carrier::Probing(_) => {
                // As in engine.io, what is queued goes alone, and the next poll gets the close.
                let packets = self.outbox.take_all(0);
                if !packets.is_empty() {
                    return self.answer_poll(packets);
                }
                let is_late =
                    matches!(&self.phase, Phase::Closing(closing) if closing.is_poll_late);
                self.answer_poll(if is_late {
                    vec![frames::NOOP, frames::CLOSE]
                } else {
                    vec![frames::CLOSE]
                })
            }
        };
        // `close` has set the reason; this one only fills the place.
        self.finish(DisconnectReason::ForcedClose, None);
        transmit
    }

    fn answer_poll(&mut self, packets: Vec<Frame>) -> Transmit {
        self.poll = Poll::None;
        Transmit::Poll(packets)
    }
}
