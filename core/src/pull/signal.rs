//! A descriptor that is readable while it is raised, for event loops that watch descriptors.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

/// One byte in a socket pair, or none. The byte is written and read under a lock, and `is_raised`
/// changes under it too, so whoever holds it sees the two agree.
#[derive(Debug)]
pub(crate) struct Signal {
    is_raised: AtomicBool,
    ends: Mutex<UnixStream>,
    watched: UnixStream,
}

impl Signal {
    pub(crate) fn new() -> std::io::Result<Signal> {
        let (watched, writer) = UnixStream::pair()?;
        watched.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Signal {
            is_raised: AtomicBool::new(false),
            ends: Mutex::new(writer),
            watched,
        })
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.watched.as_fd()
    }

    /// Makes the descriptor readable. Costs a load while it is.
    pub(crate) fn raise(&self) {
        if self.is_raised.load(Ordering::SeqCst) {
            return;
        }
        let mut writer = self.ends.lock();
        if !self.is_raised.load(Ordering::SeqCst) {
            // First the flag: who wakes by the byte finds it set, and so does not miss to lower.
            self.is_raised.store(true, Ordering::SeqCst);
            // There is space for one byte: the pair is empty.
            let _ = writer.write(&[1]);
        }
    }

    /// Makes the descriptor unreadable. Who lowers looks afterwards whether it should be raised.
    pub(crate) fn lower(&self) {
        if !self.is_raised.load(Ordering::SeqCst) {
            return;
        }
        let _writer = self.ends.lock();
        if self.is_raised.load(Ordering::SeqCst) {
            let mut byte = [0];
            // Nonblocking: should somebody else have read the byte, there is nothing to wait for.
            let _ = (&self.watched).read(&mut byte);
            self.is_raised.store(false, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(signal: &Signal) -> bool {
        let mut copy = signal.watched.try_clone().unwrap();
        let mut byte = [0];
        let is_readable = copy.read(&mut byte).is_ok();
        if is_readable {
            // Put back what the look took out.
            signal.ends.lock().write_all(&byte).unwrap();
        }
        is_readable
    }

    #[test]
    fn is_readable_while_it_is_raised_however_often() {
        let signal = Signal::new().unwrap();
        assert!(!is_readable(&signal));
        signal.raise();
        signal.raise();
        assert!(is_readable(&signal));
        signal.lower();
        assert!(!is_readable(&signal));
        signal.lower();
        signal.raise();
        assert!(is_readable(&signal));
    }
}
