//! The task that reads a link's stream until either is over. There is one for each connection, and it is
//! kept small: with 24 bytes of its own it takes 128 of the runtime's, with more it would take 256.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::look::{Flow, look};
use super::shard::Shard;
use crate::hub::Slot;
use crate::transport::{Inlet, LinkId, Source};

/// Over a stream of one pointer. A link is known by its place in the shard's table and its own id, which
/// no other link of the shard has.
struct Reader<S> {
    shard: Rc<RefCell<Shard>>,
    index: u32,
    link: LinkId,
    stream: S,
}

/// Starts the task that reads `stream` for a link of `slot`.
pub(super) fn spawn_reader(shard: &Rc<RefCell<Shard>>, slot: Slot, link: LinkId, stream: Inlet) {
    match stream {
        Inlet::Tcp(stream) => Reader::spawn(shard, slot, link, stream),
        Inlet::Shared(stream) => Reader::spawn(shard, slot, link, stream),
    }
}

impl<S: Source + Unpin + 'static> Reader<S> {
    fn spawn(shard: &Rc<RefCell<Shard>>, slot: Slot, link: LinkId, stream: S) {
        tokio::task::spawn_local(Reader {
            shard: Rc::clone(shard),
            index: slot.index,
            link,
            stream,
        });
    }
}

impl<S: Source + Unpin> Future for Reader<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Reader {
            shard,
            index,
            link,
            stream,
        } = self.get_mut();
        match look(shard, *index, *link, cx, stream) {
            Poll::Pending => Poll::Pending,
            // Its first look sees to it that this task is woken, behind the others.
            Poll::Ready(Flow::Yield) => pin!(tokio::task::yield_now()).poll(cx),
            Poll::Ready(Flow::Continue | Flow::Stop) => Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Connection;
    use super::super::websocket::WebSocket;
    use super::*;
    use tokio::net::tcp::OwnedReadHalf;

    /// What a connection that says nothing holds is mostly its reader and one of these.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_connection_and_its_reader_are_small() {
        let sizes = (size_of::<WebSocket>(), size_of::<Connection>());
        assert_eq!(size_of::<Reader<OwnedReadHalf>>(), 24);
        assert!(sizes.0 <= 376 && sizes.1 <= 520, "{sizes:?}");
    }
}
