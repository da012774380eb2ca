//! Ids of connections and sockets: unguessable, 20 characters of base64url.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const RANDOM_BYTES: usize = 12;
const POOL_IDS: usize = 64;

static COUNTER: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// Random bytes fetched ahead, because a system call per id would cost more than the id.
    static POOL: RefCell<(usize, [u8; RANDOM_BYTES * POOL_IDS])> =
        const { RefCell::new((POOL_IDS, [0; RANDOM_BYTES * POOL_IDS])) };
}

/// A new id, in the shape engine.io gives: 12 random bytes and the low 3 bytes of a counter.
///
/// # Panics
/// When the operating system has no randomness to give: without it ids could be guessed.
pub fn new_sid() -> Arc<str> {
    let mut id = [0u8; RANDOM_BYTES + 3];
    POOL.with_borrow_mut(|(used, pool)| {
        if *used == POOL_IDS {
            getrandom::fill(pool).expect("the operating system must supply randomness for ids");
            *used = 0;
        }
        let at = *used * RANDOM_BYTES;
        id[..RANDOM_BYTES].copy_from_slice(&pool[at..at + RANDOM_BYTES]);
        pool[at..at + RANDOM_BYTES].fill(0);
        *used += 1;
    });
    let count = COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    id[RANDOM_BYTES..].copy_from_slice(&count[1..]);
    let mut text = [0u8; 20];
    let written = URL_SAFE_NO_PAD.encode_slice(id, &mut text).unwrap_or(0);
    debug_assert_eq!(written, text.len());
    std::str::from_utf8(&text).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ids_are_20_url_safe_characters_and_never_repeat() {
        let ids: HashSet<_> = (0..1_000).map(|_| new_sid()).collect();
        assert_eq!(ids.len(), 1_000);
        for id in ids {
            assert_eq!(id.len(), 20);
            assert!(
                id.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'),
                "{id}"
            );
        }
    }
}
