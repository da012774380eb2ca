//! What packets do to a session: messages pass through, everything else is dealt with here.

use std::mem;
use std::time::Instant;

use super::heartbeat::Heartbeat;
use super::{Carrier, Poll, Received, Session};
use crate::config::TransportKind;
use crate::error::DisconnectReason;
use crate::proto::engine::{Packet, frames};

impl Session {
    /// Takes a packet that arrived over `from`, and gives back what is for the application.
    ///
    /// Pongs, probes, upgrades and closes are dealt with here. Nothing is received while closing or
    /// after, nor from a transport that carries the connection no more. A message over
    /// [`Settings::rate_limit`](crate::session::Settings::rate_limit), or over what is left of the
    /// [shared allowance](Session::share), means "transport error". A
    /// close packet (`1`) means "transport close" on both transports; engine.io ignores it over
    /// WebSocket, and such a client is then found out by its missing pongs only.
    #[inline]
    pub fn handle_packet<'p>(
        &mut self,
        from: TransportKind,
        packet: Packet<'p>,
        now: Instant,
    ) -> Received<'p> {
        if from != self.transport() || !self.is_open() {
            self.handle_side_packet(from, packet, now);
            return Received::Nothing;
        }
        match packet {
            Packet::Text(_) | Packet::Binary(_) if !self.may_send(now) => {
                self.fail_transport("too many messages");
                Received::Nothing
            }
            Packet::Text(_) | Packet::Binary(_) if !self.may_share(now) => {
                self.fail_transport("too many messages from this address");
                Received::Nothing
            }
            Packet::Text(text) => {
                self.heartbeat.handle_other(now, self.settings.ping_timeout);
                Received::Text(text)
            }
            Packet::Binary(bytes) => {
                self.heartbeat.handle_other(now, self.settings.ping_timeout);
                Received::Binary(bytes)
            }
            control => self.handle_control_packet(control, now),
        }
    }

    #[inline]
    fn may_send(&mut self, now: Instant) -> bool {
        match self.settings.rate_limit {
            None => true,
            Some(limit) => self.allowance.spend(limit, now),
        }
    }

    #[inline]
    fn may_share(&self, now: Instant) -> bool {
        let shared = self.shared_allowance.as_ref();
        shared.is_none_or(|shared| shared.spend(now))
    }

    /// What arrived over `from` was no Engine.IO packet: "parse error", or the end of the upgrade
    /// if a candidate sent it.
    pub fn handle_decode_error(&mut self, from: TransportKind, _now: Instant) {
        if from == self.transport() {
            if self.is_open() {
                self.fail(DisconnectReason::ParseError, None);
            }
        } else if from != TransportKind::Polling {
            self.give_up_upgrade();
        }
    }

    fn handle_control_packet(&mut self, packet: Packet<'_>, now: Instant) -> Received<'static> {
        let is_listening = self.heartbeat.is_listening();
        match packet {
            Packet::Ping(_) if is_listening => {
                self.heartbeat = Heartbeat::listen(now, self.settings.patience());
                self.outbox.release();
                self.pong_owed = true;
                return Received::Heartbeat;
            }
            Packet::Pong(_) if !is_listening => {
                self.heartbeat.handle_pong(now, self.settings.ping_interval);
                return Received::Heartbeat;
            }
            Packet::Ping(_) | Packet::Pong(_) => self.fail_transport("invalid heartbeat direction"),
            Packet::Close => self.end_by_peer(),
            _ => self.heartbeat.handle_other(now, self.settings.ping_timeout),
        }
        Received::Nothing
    }

    /// From a candidate, from a transport that was left behind, or while closing.
    #[cold]
    fn handle_side_packet(&mut self, from: TransportKind, packet: Packet<'_>, now: Instant) {
        let is_current = from == self.transport();
        match packet {
            Packet::Close if is_current => self.end_by_peer(),
            Packet::Pong(_) if is_current && !self.heartbeat.is_listening() => {
                self.heartbeat.handle_pong(now, self.settings.ping_interval);
            }
            _ if is_current => {}
            packet if from != TransportKind::Polling => self.handle_candidate_packet(packet, now),
            _ => {}
        }
    }

    fn handle_candidate_packet(&mut self, packet: Packet<'_>, now: Instant) {
        let Carrier::Probing(probe) = &mut self.carrier else {
            return;
        };
        match packet {
            Packet::Ping("probe") => {
                probe.handle_ping(self.poll == Poll::Pending, now);
                self.probed_untold = true;
            }
            Packet::Upgrade => self.complete_upgrade(),
            _ => self.give_up_upgrade(),
        }
    }

    fn complete_upgrade(&mut self) {
        let Carrier::Probing(probe) = mem::replace(&mut self.carrier, Carrier::Link) else {
            return;
        };
        if probe.reply_owed {
            self.outbox.push_front(frames::PONG_PROBE);
        }
        if self.poll == Poll::Pending {
            self.poll = Poll::OwesNoop;
        }
        self.is_posting = false;
        self.upgraded_untold = true;
    }

    /// Drops the candidate, if there is one.
    pub(super) fn give_up_upgrade(&mut self) {
        if self.is_upgrading() {
            self.carrier = Carrier::Polling;
            self.close_probe_owed = true;
        }
    }
}
