//! More ways to listen: TLS, and Unix sockets.

use std::ffi::c_char;

use sori_core::Tls;
use sori_core::server::pull::PullServer;

use crate::pointer;
use crate::server::sori_server;
use crate::status::{Failure, guard, guard_or, sori_status};

/// A certificate and its private key, for sori_server_listen_tls(). Opaque.
#[derive(Debug)]
pub struct sori_tls {
    tls: Tls,
}

/// Reads a certificate, followed by those that vouch for it, and its private key, from texts in PEM,
/// and stores them in `*tls`. Nothing is stored on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_tls_new(
    certificates_pem: *const c_char,
    key_pem: *const c_char,
    tls: *mut *mut sori_tls,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let made = unsafe {
            let certificates = pointer::text(certificates_pem, "certificates_pem")?;
            let key = pointer::text(key_pem, "key_pem")?;
            Tls::from_pem(certificates.as_bytes(), key.as_bytes())?
        };
        let handle = Box::new(sori_tls { tls: made });
        if tls.is_null() {
            return Err(Failure::null("tls"));
        }
        // SAFETY: not NULL, as seen above.
        unsafe { pointer::write(tls, Box::into_raw(handle), "tls") }
    })
}

/// Takes another certificate and key, for connections that come from now on, on every listener that
/// was given `tls`. Open ones stay as they are. On failure nothing changes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_tls_reload(
    tls: *const sori_tls,
    certificates_pem: *const c_char,
    key_pem: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (tls, certificates, key) = unsafe {
            (
                pointer::borrow(tls, "tls")?,
                pointer::text(certificates_pem, "certificates_pem")?,
                pointer::text(key_pem, "key_pem")?,
            )
        };
        Ok(tls
            .tls
            .reload_pem(certificates.as_bytes(), key.as_bytes())?)
    })
}

/// Gives `tls` back. Listeners keep what they were given. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_tls_free(tls: *mut sori_tls) {
    guard_or((), || {
        if !tls.is_null() {
            // SAFETY: from sori_tls_new(), and given back once.
            drop(unsafe { Box::from_raw(tls) });
        }
        Some(())
    });
}

/// As sori_server_listen(), for clients that speak TLS. Handshakes that take longer than
/// request_timeout_ms are ended.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_listen_tls(
    server: *const sori_server,
    host: *const c_char,
    port: u16,
    tls: *const sori_tls,
    bound: *mut u16,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, host, tls) = unsafe {
            (
                sori_server::open(server)?,
                pointer::text(host, "host")?,
                pointer::borrow(tls, "tls")?,
            )
        };
        let address = server.engine().listen_tls((host, port), &tls.tls)?;
        if !bound.is_null() {
            // SAFETY: the header's rules.
            unsafe { pointer::write(bound, address.port(), "bound") }?;
        }
        Ok(())
    })
}

/// Accepts connections on a Unix socket, which is made at `path`, where nothing may be yet, and is
/// removed when the server has closed. SORI_UNSUPPORTED on Windows.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sori_server_listen_unix(
    server: *const sori_server,
    path: *const c_char,
) -> sori_status {
    guard(|| {
        // SAFETY: the header's rules.
        let (server, path) = unsafe { (sori_server::open(server)?, pointer::text(path, "path")?) };
        listen_unix(server, path)
    })
}

#[cfg(unix)]
fn listen_unix(server: &PullServer, path: &str) -> Result<(), Failure> {
    Ok(server.engine().listen_unix(path)?)
}

#[cfg(not(unix))]
fn listen_unix(_: &PullServer, _: &str) -> Result<(), Failure> {
    Err(Failure::new(
        sori_status::SORI_UNSUPPORTED,
        "no Unix sockets on this system",
    ))
}
