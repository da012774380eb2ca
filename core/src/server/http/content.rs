//! What answers consist of.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};

use crate::transport::EventStream;

/// The body of an answer. It never fails, and may be shared between threads as other frameworks ask of bodies.
#[derive(Debug)]
pub enum Content {
    /// All of it at once.
    Whole(Full<Bytes>),
    /// Events as they come.
    Events(EventStream),
}

impl Default for Content {
    fn default() -> Content {
        Content::Whole(Full::default())
    }
}

impl From<Full<Bytes>> for Content {
    fn from(whole: Full<Bytes>) -> Content {
        Content::Whole(whole)
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Content::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Content::Events(events) => Pin::new(events).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Content::Whole(whole) => whole.is_end_stream(),
            Content::Events(events) => events.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Content::Whole(whole) => whole.size_hint(),
            Content::Events(events) => events.size_hint(),
        }
    }
}
