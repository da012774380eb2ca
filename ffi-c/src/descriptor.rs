//! The descriptor by which event loops watch for events: of servers and of both kinds of client alike.

use std::ffi::c_int;

use crate::pointer;
use crate::status::Failure;

/// What has events to be watched for.
pub(crate) trait Watched {
    fn descriptor(&self) -> Result<c_int, Failure>;
}

macro_rules! watched {
    ($($kind:ty),*) => {$(
        impl Watched for $kind {
            #[cfg(unix)]
            fn descriptor(&self) -> Result<c_int, Failure> {
                use std::os::fd::AsRawFd;
                Ok(<$kind>::descriptor(self)?.as_raw_fd())
            }

            #[cfg(not(unix))]
            fn descriptor(&self) -> Result<c_int, Failure> {
                Err(Failure::new(
                    crate::status::sori_status::SORI_UNSUPPORTED,
                    "no descriptors on this system",
                ))
            }
        }
    )*};
}

watched!(
    sori_core::server::pull::PullServer,
    sori_core::client::PullClient,
    sori_core::client::WebSocket
);

/// # Safety
/// `fd` is NULL or room for a descriptor.
pub(crate) unsafe fn store(watched: &impl Watched, fd: *mut c_int) -> Result<(), Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer::write(fd, watched.descriptor()?, "fd") }
}
