//! What a program that watches (feature `tracing`) is told; nothing at all without the feature.
//!
//! | kind | level | name | fields |
//! | --- | --- | --- | --- |
//! | event | info | `listening` | `address` |
//! | event | info | `closing`, `closed` | |
//! | event | debug | `connection opened`, `connection closed` | `sid`, `transport`; `reason` |
//! | event | warn | `connection refused` | `connections` |
//! | event | warn | `slow reader closed` | `sid` |
//! | event | error | `shard panicked`, `reader panicked` | `shard` |
//! | event | warn | `handler failed` | `error` (within the handler's span) |
//! | span | debug | `handler` | `event`, `socket`, `namespace` |

macro_rules! tell {
    ($level:ident, $($rest:tt)+) => {{
        #[cfg(feature = "tracing")]
        ::tracing::$level!(target: "sori", $($rest)+);
    }};
}

pub(crate) use tell;

/// What a handler does happens in it.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl Span {
    /// The span of a handler's call.
    #[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
    pub(crate) fn handler(event: &str, socket: &str, namespace: &str) -> Span {
        Span {
            #[cfg(feature = "tracing")]
            span: tracing::debug_span!(target: "sori", "handler", event, socket, namespace),
        }
    }

    /// Does `work` in the span.
    pub(crate) fn within<R>(&self, work: impl FnOnce() -> R) -> R {
        #[cfg(feature = "tracing")]
        return self.span.in_scope(work);
        #[cfg(not(feature = "tracing"))]
        work()
    }
}
