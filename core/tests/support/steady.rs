//! A client's stream that does not mind its process being stopped for a while.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::time::Duration;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A stream with a deadline whose reads and writes go on when the process does: on Linux a stop ends
/// those of a socket that has one, with the error for a signal (signal(7), SO_RCVTIMEO).
#[derive(Debug)]
pub(crate) struct Steady<S>(S);

impl Steady<TcpStream> {
    pub(crate) fn connect(address: SocketAddr) -> Steady<TcpStream> {
        Steady::over(TcpStream::connect(address).expect("somebody listens"))
    }

    pub(crate) fn over(stream: TcpStream) -> Steady<TcpStream> {
        let set = stream.set_read_timeout(Some(PATIENCE));
        set.and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| stream.set_nodelay(true))
            .expect("a fresh stream");
        Steady(stream)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        uninterrupted(|| self.0.peek(buffer))
    }
}

#[cfg(unix)]
impl Steady<std::os::unix::net::UnixStream> {
    pub(crate) fn over_unix(stream: std::os::unix::net::UnixStream) -> Self {
        let set = stream.set_read_timeout(Some(PATIENCE));
        set.and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .expect("a fresh stream");
        Steady(stream)
    }
}

/// What is no reading and no writing.
impl<S> Deref for Steady<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Read> Read for Steady<S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        uninterrupted(|| self.0.read(buffer))
    }
}

impl<S: Write> Write for Steady<S> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        uninterrupted(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

fn uninterrupted(mut work: impl FnMut() -> Result<usize>) -> Result<usize> {
    loop {
        match work() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
