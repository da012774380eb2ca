//! The settings of plain WebSockets.

use std::time::Duration;

use super::RateLimit;
use crate::error::Error;
use crate::proto::websocket::Limits;
use crate::proto::websocket::deflate::DeflateOptions;

/// The settings of a group of plain WebSockets. The defaults are those of npm `ws` 8.23 where it has
/// the setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WebSocketSettings {
    /// Largest message a peer may send, in bytes, inflated; 0 for no limit. More is answered 1009.
    /// Default 100 MiB.
    pub max_payload: usize,
    /// Most frames of one message; 0 for no limit. More are answered 1008. Default 16,384.
    pub max_fragments: u32,
    /// Most pings of a peer that takes nothing, before its stream is dropped; 0 for no limit: then
    /// those are answered that fit into the queue. Default 60.
    pub max_pending_pongs: u32,
    /// Whether pings are answered. Default true.
    pub auto_pong: bool,
    /// Whether text and close reasons go unchecked. Default false.
    pub skip_utf8_validation: bool,
    /// How long a peer may take to close, from the first close frame. Default 30 s.
    pub close_timeout: Duration,
    /// Most bytes queued for a peer that reads slowly; 0 for no limit. A single message may be
    /// larger. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// What happens over that. Default [`Overflow::Close`].
    pub overflow: Overflow,
    /// Bytes queued over which the application is told when the queue is empty again. Default 16 KiB.
    pub high_water: usize,
    /// Whether the application answers a peer's close frame, broken rule, or end of its half of the
    /// stream by `Close` or `End`, after what it still has to send; the engine does so only when
    /// [`close_timeout`](Self::close_timeout) is over. Default false: the engine answers at once.
    /// `sori::ws` and `PullServer` answer by themselves, behind what is said to the messages before the
    /// end, whatever stands here.
    pub application_answers: bool,
    /// How many messages a peer may send; the connection that sends one more is closed with 1008.
    /// Default: any number.
    pub rate_limit: Option<RateLimit>,
    /// How many messages all peers of an address may send together to this group; the one that sends
    /// one more is closed with 1008. Of IPv6 the first 64 bits count as the address. Default: any number.
    pub rate_limit_per_address: Option<RateLimit>,
    /// How messages are compressed with peers that can. Default: not at all.
    pub deflate: Option<DeflateOptions>,
}

/// What happens to a peer that does not read what is sent to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// What waits is dropped, and the connection closed: a plain WebSocket with code 1008, one of
    /// Engine.IO with "transport error".
    #[default]
    Close,
    /// The message that does not fit is dropped.
    Drop,
}

impl Default for WebSocketSettings {
    fn default() -> WebSocketSettings {
        WebSocketSettings {
            max_payload: 100 * 1024 * 1024,
            max_fragments: 16_384,
            max_pending_pongs: 60,
            auto_pong: true,
            skip_utf8_validation: false,
            close_timeout: Duration::from_secs(30),
            max_queued_bytes: 16 * 1024 * 1024,
            overflow: Overflow::Close,
            high_water: 16 * 1024,
            application_answers: false,
            rate_limit: None,
            rate_limit_per_address: None,
            deflate: None,
        }
    }
}

impl WebSocketSettings {
    /// # Errors
    /// [`Error::Misuse`] names the first setting that cannot work, and why.
    pub fn validate(&self) -> Result<(), Error> {
        let is_nothing = |limit: Option<RateLimit>| limit.is_some_and(RateLimit::is_nothing);
        let rule = if is_nothing(self.rate_limit) {
            Some("rate_limit must allow at least one message a second, and one at once")
        } else if is_nothing(self.rate_limit_per_address) {
            Some("rate_limit_per_address must allow at least one message a second, and one at once")
        } else {
            let deflate = self.deflate.as_ref();
            deflate.and_then(DeflateOptions::broken_rule)
        };
        rule.map_or(Ok(()), |rule| Err(Error::Misuse(rule.to_owned())))
    }

    /// What the decoder is to hold peers to.
    #[cfg_attr(not(feature = "server"), expect(dead_code, reason = "no IO, no peers"))]
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_message: self.max_payload,
            max_fragments: self.max_fragments,
        }
    }
}
