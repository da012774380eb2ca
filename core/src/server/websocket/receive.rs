//! What comes from the peer of a plain WebSocket: bytes become messages, a stream comes to its end.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use tokio::io::ReadBuf;

use super::connection::PeerClose;
use super::parting::How;
use super::transmit::POLICY_VIOLATION;
use crate::embed::websocket::{Event, Failure};
use crate::embed::{ConnId, Event as EngineEvent};
use crate::hub::Slot;
use crate::proto::websocket::{Decoder, Frame, Message, Role};
use crate::server::Engine;
use crate::server::look::Flow;
use crate::server::shard::Shard;
use crate::transport::Source;

/// Pongs and close frames that wait for the end of the turn are written earlier when they are more
/// than this.
const MOST_UNWRITTEN: usize = 64 * 1024;

impl Shard {
    /// `n` bytes of a plain WebSocket lie in the buffer.
    pub(in crate::server) fn handle_websocket_bytes(&mut self, slot: Slot, n: usize) {
        let conn = self.conn_id(slot);
        let Shard {
            connections,
            buffer,
            engine,
            now,
            compression,
            mask_keys,
            ..
        } = self;
        let Some(websocket) = connections.websocket_mut(slot) else {
            return;
        };
        if websocket.is_deaf() {
            return;
        }
        let limits = websocket.settings.limits();
        // What is decoded borrows the decoder, while what answers it is queued beside it.
        let mut decoder =
            std::mem::replace(&mut websocket.link.decoder, Decoder::new(Role::Server));
        let mut feed = decoder.feed_with(&mut buffer[..n], &limits, &mut compression.inflate);
        let mut received = 0;
        // What handlers say to messages marks the connection itself.
        let mut is_plain = true;
        loop {
            let next = feed.next();
            is_plain &= matches!(
                next,
                Ok(None | Some(Message::Text(_) | Message::UncheckedText(_) | Message::Binary(_)))
            );
            if let Ok(Some(Message::Text(_) | Message::UncheckedText(_) | Message::Binary(_))) =
                next
                && let Err(failure) = websocket.allowances.spend(*now)
            {
                let farewell = Frame::close(Some(POLICY_VIOLATION), "");
                websocket.part(How::Broke(farewell), *now, mask_keys);
                websocket.has_failed = true;
                is_plain = false;
                tell(engine, conn, Event::Failed(failure));
                break;
            }
            match next {
                Ok(None) => break,
                Ok(Some(Message::Text(text))) => {
                    received += 1;
                    tell(engine, conn, Event::Text(text));
                }
                Ok(Some(Message::UncheckedText(text))) => {
                    received += 1;
                    tell(engine, conn, Event::RawText(text));
                }
                Ok(Some(Message::Binary(bytes))) => {
                    received += 1;
                    tell(engine, conn, Event::Binary(bytes));
                }
                Ok(Some(Message::Ping(payload))) => {
                    if websocket.settings.auto_pong && websocket.is_open() {
                        if websocket.is_flooded() {
                            websocket.terminate(*now);
                            websocket.has_failed = true;
                            tell(engine, conn, Event::Failed(Failure::PingFlood));
                            break;
                        }
                        // RFC 6455 §5.5.3 lets pings go unanswered.
                        let is_full =
                            websocket.link.has_backlog() && websocket.is_full_for(payload.len());
                        if !is_full {
                            websocket.answer_ping(payload, mask_keys);
                        }
                    }
                    tell(engine, conn, Event::Ping(payload));
                }
                Ok(Some(Message::Pong(payload))) => tell(engine, conn, Event::Pong(payload)),
                Ok(Some(Message::Close(frame))) => {
                    let code = frame.map(|frame| frame.code);
                    let reason = frame.map_or(&[][..], |frame| frame.reason);
                    let answer = match code {
                        Some(code) => Frame::close_echo(code, reason),
                        None => Frame::close(None, ""),
                    };
                    websocket.part(How::Closed(answer), *now, mask_keys);
                    tell(engine, conn, Event::CloseFrame { code, reason });
                    let reason = reason.into();
                    websocket.closed_by = Some(Box::new(PeerClose { code, reason }));
                    break;
                }
                Err(error) => {
                    let farewell = Frame::close(Some(error.close_code()), "");
                    websocket.part(How::Broke(farewell), *now, mask_keys);
                    websocket.has_failed = true;
                    tell(engine, conn, Event::Failed(Failure::Protocol(error)));
                    break;
                }
            }
        }
        websocket.link.decoder = decoder;
        let is_much = websocket.outbox.unwritten_bytes() > MOST_UNWRITTEN;
        self.handle().counters.received.add(received);
        if is_much {
            self.flush(slot);
        }
        if !is_plain {
            self.touch(slot);
        }
    }

    /// Bytes of a feed came.
    pub(in crate::server) fn handle_websocket_feed(&mut self, slot: Slot, bytes: Bytes) {
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return;
        };
        if websocket.is_held && !websocket.is_deaf() {
            websocket.leave_unread(bytes);
            return;
        }
        for chunk in bytes.chunks(self.buffer.len()) {
            self.buffer[..chunk.len()].copy_from_slice(chunk);
            self.handle_websocket_bytes(slot, chunk.len());
        }
    }

    /// The stream of a plain WebSocket has ended, by an error or because the peer ended its half.
    pub(in crate::server) fn handle_websocket_end(&mut self, slot: Slot, error: Option<io::Error>) {
        let (conn, now) = (self.conn_id(slot), self.now);
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return;
        };
        let is_unexpected = websocket.closed_by.is_none() && !websocket.has_failed;
        websocket.is_ended = true;
        match error {
            None => {
                websocket.part(How::Ended, now, &mut self.mask_keys);
                if is_unexpected {
                    tell(&self.engine, conn, Event::Ended);
                }
            }
            Some(error) => {
                websocket.link.close_outlet(now);
                if is_unexpected {
                    websocket.has_failed = true;
                    tell(&self.engine, conn, Event::Failed(Failure::Io(&error)));
                }
            }
        }
        self.touch(slot);
    }

    /// A feed's stream is over: nothing can be written to it either.
    pub(in crate::server) fn handle_websocket_feed_end(&mut self, slot: Slot) {
        let now = self.now;
        if let Some(websocket) = self.connections.websocket_mut(slot) {
            // What came before the end is heard, though the application had paused.
            websocket.is_held = false;
            for bytes in websocket.take_unread() {
                self.handle_websocket_feed(slot, bytes);
            }
        }
        self.handle_websocket_end(slot, None);
        if let Some(websocket) = self.connections.websocket_mut(slot) {
            websocket.link.close_outlet(now);
        }
    }

    /// One look at a plain WebSocket's stream by the task that reads it.
    pub(in crate::server) fn poll_websocket(
        &mut self,
        cx: &mut Context<'_>,
        slot: Slot,
        stream: &mut impl Source,
    ) -> Poll<Flow> {
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return Poll::Ready(Flow::Stop);
        };
        let (is_deaf, is_held) = (websocket.is_deaf(), websocket.is_held);
        let link = &mut websocket.link;
        link.set_reader(cx.waker());
        if link.has_backlog() {
            stream.drain(cx, link, &mut self.cork);
            self.touch(slot);
        }
        let Some(websocket) = self.connections.websocket_mut(slot) else {
            return Poll::Ready(Flow::Stop);
        };
        if websocket.is_ended {
            // Only what is queued is waited for.
            return Poll::Pending;
        }
        // Who cannot be written to is read to the end, to find out why, unless that is our doing.
        let link = &websocket.link;
        let may_wait = !is_deaf && (!link.is_closed() || link.control.is_half());
        if may_wait && (is_held || self.pause(slot)) {
            return Poll::Pending;
        }
        let size = self.buffer.len();
        let mut buffer = ReadBuf::new(&mut self.buffer);
        let Poll::Ready(read) = stream.poll_read(cx, &mut buffer) else {
            return Poll::Pending;
        };
        // Most looks find nothing, and need not know the time.
        self.now = Instant::now();
        match read.map(|()| buffer.filled().len()) {
            Err(error) => self.handle_websocket_end(slot, Some(error)),
            Ok(0) => self.handle_websocket_end(slot, None),
            Ok(n) => {
                self.handle_websocket_bytes(slot, n);
                if n == size {
                    return Poll::Ready(Flow::Yield);
                }
            }
        }
        Poll::Ready(Flow::Continue)
    }
}

/// Tells the application of an event of a plain WebSocket.
pub(super) fn tell(engine: &Engine, conn: ConnId, event: Event<'_>) {
    let event = EngineEvent::WebSocket { conn, event };
    engine.shared.application.handle(engine, event);
}
