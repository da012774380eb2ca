//! The moment between the end of what a peer says and our answer to it.
//!
//! ```text
//!   peer closes, breaks a rule, or ends its half ──► parting ── Close, End, or the deadline ──► answered
//! ```
//!
//! An application that answers by itself has by then handled what came before, and what it sent about
//! it leaves in front of the answer. Nothing more is read meanwhile.

use std::time::Instant;

use super::connection::WebSocket;
use super::mask_keys::MaskKeys;
use crate::proto::websocket::Frame;

/// An end of a peer that has not been answered.
#[derive(Debug)]
pub(super) struct Parting {
    how: How,
    deadline: Instant,
}

/// How a peer came to its end.
#[derive(Debug)]
pub(super) enum How {
    /// By a close frame, which this one answers.
    Closed(Frame),
    /// By breaking a rule, for which this frame closes.
    Broke(Frame),
    /// By ending its half of the stream.
    Ended,
}

impl WebSocket {
    /// The peer's end is answered: now, or when the application says so.
    pub(super) fn part(&mut self, how: How, now: Instant, keys: &mut MaskKeys) {
        let deadline = self.close_deadline(now);
        if self.settings.application_answers && self.is_open() {
            self.parting
                .get_or_insert_with(|| Box::new(Parting { how, deadline }));
        } else {
            self.answer(how, deadline, keys);
        }
    }

    /// Whether what the peer still sends means nothing any more.
    pub(super) fn is_deaf(&self) -> bool {
        self.parting.is_some() || self.link.control.is_deaf()
    }

    /// When the application is waited for no longer.
    pub(super) fn parting_deadline(&self) -> Option<Instant> {
        self.parting.as_ref().map(|parting| parting.deadline)
    }

    /// The application closes with `farewell`. False if the peer had not come to its end.
    pub(super) fn close_parting(&mut self, farewell: &Frame, keys: &mut MaskKeys) -> bool {
        let Some(parting) = self.parting.take() else {
            return false;
        };
        let how = match parting.how {
            How::Closed(_) | How::Ended => How::Closed(farewell.clone()),
            broke => broke,
        };
        self.answer(how, parting.deadline, keys);
        true
    }

    /// The application ends our half of the stream behind what is queued; the peer may still have
    /// something to say.
    pub(super) fn end(&mut self, now: Instant) {
        self.parting = None;
        if self.is_open() {
            let deadline = self.close_deadline(now);
            match self.is_ended {
                true => self.link.control.end_when_out(deadline),
                false => self.link.control.end_half(deadline),
            }
        }
    }

    /// Answers an end that the application left unanswered for too long.
    pub(super) fn expire_parting(&mut self, now: Instant, keys: &mut MaskKeys) {
        if self.parting_deadline().is_some_and(|at| at <= now)
            && let Some(parting) = self.parting.take()
        {
            self.answer(parting.how, parting.deadline, keys);
        }
    }

    fn answer(&mut self, how: How, deadline: Instant, keys: &mut MaskKeys) {
        if let How::Closed(farewell) | How::Broke(farewell) = how {
            self.finish(&farewell, deadline, keys);
        }
        if self.is_ended {
            // What is queued still leaves: a peer that ended its half may go on reading.
            self.link.control.end_when_out(deadline);
        }
    }
}
