//! Masking keys for what we send as a client: from the system's randomness, so that nobody on the way
//! can foresee the bytes on the wire (RFC 6455 §10.3).

const KEY_SIZE: usize = 4;
const POOL_KEYS: usize = 256;

/// Keys fetched ahead for the connections of a shard, because a system call per frame would cost more
/// than the frame.
#[derive(Debug)]
pub(in crate::server) struct MaskKeys {
    used: usize,
    /// Empty until the first key is needed: most engines are servers.
    pool: Box<[u8]>,
}

impl MaskKeys {
    pub(in crate::server) fn new() -> MaskKeys {
        MaskKeys {
            used: 0,
            pool: Box::default(),
        }
    }

    /// A key that was not used before.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, as for ids.
    pub(in crate::server) fn next(&mut self) -> [u8; KEY_SIZE] {
        if self.pool.is_empty() {
            self.pool = vec![0; KEY_SIZE * POOL_KEYS].into();
        }
        if self.used == 0 {
            getrandom::fill(&mut self.pool)
                .expect("the operating system must supply randomness for masks");
        }
        let at = self.used * KEY_SIZE;
        self.used = (self.used + 1) % POOL_KEYS;
        let mut key = [0; KEY_SIZE];
        key.copy_from_slice(&self.pool[at..at + KEY_SIZE]);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_used_once() {
        let mut keys = MaskKeys::new();
        let mut seen = std::collections::HashSet::new();
        let drawn = 4 * POOL_KEYS;
        (0..drawn).for_each(|_| {
            seen.insert(keys.next());
        });
        // Among so few of 2^32, more than two that are equal by chance do not happen.
        assert!(seen.len() >= drawn - 2, "{} of {drawn}", seen.len());
    }
}
