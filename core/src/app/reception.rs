//! The application's part in HTTP: who may open a connection, headers of its own, pages of its own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};

use super::outcome::{Async, Plain, guard};
use crate::embed::Handshake;
use crate::server::{Admission, Reception, Reply};

/// What a function may return that makes a `T` now, or later as a future. `K` tells the two apart
/// and is inferred.
pub trait Eventually<T, K> {
    #[doc(hidden)]
    fn into_eventual(self) -> Eventual<T>;
}

/// How far a `T` has come.
pub enum Eventual<T> {
    /// It is there.
    Now(T),
    /// It comes later.
    Later(Pin<Box<dyn Future<Output = T>>>),
}

impl<T> fmt::Debug for Eventual<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Eventual::Now(_) => "Now",
            Eventual::Later(_) => "Later",
        })
    }
}

impl<T> Eventually<T, Plain> for T {
    fn into_eventual(self) -> Eventual<T> {
        Eventual::Now(self)
    }
}

impl<T, F: Future<Output = T> + 'static> Eventually<T, Async> for F {
    fn into_eventual(self) -> Eventual<T> {
        Eventual::Later(Box::pin(self))
    }
}

type AdmitHook = dyn Fn(Arc<Handshake>) -> Eventual<Result<(), String>> + Send + Sync;
type HeadersHook = dyn Fn(&Handshake, &mut HeaderMap) + Send + Sync;
type FallbackHook = dyn Fn(Request<()>) -> Eventual<Response<Bytes>> + Send + Sync;

/// What a builder was given to call. What panics among it refuses a client, adds no headers,
/// answers 500.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) admit: Option<Arc<AdmitHook>>,
    pub(super) initial_headers: Option<Arc<HeadersHook>>,
    pub(super) headers: Option<Arc<HeadersHook>>,
    pub(super) fallback: Option<Arc<FallbackHook>>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

impl Reception for Hooks {
    fn admit(&self, handshake: &Arc<Handshake>) -> Option<Admission> {
        let hook = Arc::clone(self.admit.as_ref()?);
        let handshake = Arc::clone(handshake);
        Some(Box::pin(async move {
            let decided = guarded(|| hook(handshake)).await;
            decided.unwrap_or_else(|| Err("internal error".to_owned()))
        }))
    }

    fn adds_headers(&self) -> bool {
        self.initial_headers.is_some() || self.headers.is_some()
    }

    fn add_headers(&self, request: &Handshake, opens: bool, headers: &mut HeaderMap) {
        let initial = self.initial_headers.iter().filter(|_| opens);
        for hook in initial.chain(&self.headers) {
            // The panic hook has been told of it.
            let _ = guard(|| hook(request, headers));
        }
    }

    fn fall_back(&self, request: Request<()>) -> Option<Reply> {
        let hook = Arc::clone(self.fallback.as_ref()?);
        Some(Box::pin(async move {
            guarded(|| hook(request)).await.unwrap_or_else(|| {
                let mut failed = Response::default();
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                failed
            })
        }))
    }
}

/// What `call` comes to; nothing if it panics, at once or later.
pub(super) async fn guarded<T>(call: impl FnOnce() -> Eventual<T>) -> Option<T> {
    match guard(call).ok()? {
        Eventual::Now(value) => Some(value),
        Eventual::Later(mut coming) => {
            std::future::poll_fn(|cx| match guard(|| coming.as_mut().poll(cx)) {
                Ok(polled) => polled.map(Some),
                Err(_) => Poll::Ready(None),
            })
            .await
        }
    }
}
