//! The ways a session ends: asked for, broken, or left by the peer; all through one door.

use std::borrow::Cow;
use std::time::Instant;

use super::heartbeat::deadline;
use super::{Carrier, Closing, Ending, Phase, Poll, Session};
use crate::error::DisconnectReason;

impl Session {
    /// Closes once what is queued has been taken.
    ///
    /// A WebSocket then gets an empty close frame. A poll gets what is queued, and the next one `6`
    /// and `1`; with nothing queued a pending poll gets `1` at once. After `close_timeout` the
    /// session closes all the same. An upgrade under way may still complete. `reason` stands,
    /// whatever ends the session meanwhile, but for a client that no longer polls: of that the end is
    /// "ping timeout" if its heartbeat is sooner overdue. Later calls change nothing.
    pub fn close(&mut self, reason: DisconnectReason, now: Instant) {
        if self.is_open() {
            let give_up_at = deadline(now, self.settings.close_timeout);
            let closing = Closing {
                reason,
                give_up_at,
                is_poll_late: false,
            };
            self.phase = Phase::Closing(Box::new(closing));
        }
    }

    /// Closes now and drops what is queued. All that is still written is the end itself: an empty
    /// close frame, or `1` for a pending poll.
    pub fn abort(&mut self, reason: DisconnectReason) {
        self.fail(reason, None);
    }

    /// Our side ends it because the client broke the transport's rules.
    pub(super) fn fail_transport(&mut self, description: &'static str) {
        self.fail(
            DisconnectReason::TransportError,
            Some(Cow::Borrowed(description)),
        );
    }

    /// The client said `1`. Its pending poll gets a no-op, since it expects no close in return.
    pub(super) fn end_by_peer(&mut self) {
        if self.poll == Poll::Pending {
            self.poll = Poll::OwesNoop;
        }
        self.fail(DisconnectReason::TransportClose, None);
    }

    /// Ends from our side: the transport that still stands is told.
    pub(super) fn fail(
        &mut self,
        reason: DisconnectReason,
        description: Option<Cow<'static, str>>,
    ) {
        if self.is_closed() {
            return;
        }
        if let Carrier::Link = self.carrier {
            self.close_websocket_owed = true;
        }
        if self.poll == Poll::Pending {
            self.poll = Poll::OwesClose;
        }
        self.finish(reason, description);
    }

    /// The one way into `Closed`. A close that was asked for keeps its reason.
    pub(super) fn finish(
        &mut self,
        reason: DisconnectReason,
        description: Option<Cow<'static, str>>,
    ) {
        let ending = match &self.phase {
            Phase::Open => Ending {
                reason,
                description,
            },
            Phase::Closing(closing) => Ending {
                reason: closing.reason,
                description: None,
            },
            Phase::Closed(_) => return,
        };
        self.give_up_upgrade();
        self.outbox.clear();
        self.shared_allowance = None;
        self.phase = Phase::Closed(Some(Box::new(ending)));
    }
}
