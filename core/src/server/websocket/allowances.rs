//! How many messages the peer of a plain WebSocket may still send: by itself, and together with
//! others of its address.

use std::time::Instant;

use crate::config::WebSocketSettings;
use crate::embed::websocket::Failure;
use crate::server::addresses::Share;
use crate::session::SharedAllowance;

/// What each message of a peer is paid from; nothing for a peer without limits.
#[derive(Debug, Default)]
pub(super) struct Allowances(Option<Box<Limited>>);

#[derive(Debug)]
struct Limited {
    own: SharedAllowance,
    /// That of the address on this server, and that on all of the engine.
    of_address: [Option<Share>; 2],
}

impl Allowances {
    pub(super) fn new(
        settings: &WebSocketSettings,
        of_address: [Option<Share>; 2],
        now: Instant,
    ) -> Allowances {
        let is_free = settings.rate_limit.is_none() && of_address.iter().all(Option::is_none);
        let limited = || {
            Box::new(Limited {
                own: SharedAllowance::new(settings.rate_limit, now),
                of_address,
            })
        };
        Allowances((!is_free).then(limited))
    }

    /// Pays for one message.
    ///
    /// # Errors
    /// It was one too many.
    pub(super) fn spend(&self, now: Instant) -> Result<(), Failure<'static>> {
        let Some(limited) = &self.0 else {
            return Ok(());
        };
        if !limited.own.spend(now) {
            return Err(Failure::TooManyMessages);
        }
        let mut shares = limited.of_address.iter().flatten();
        match shares.all(|share| share.spend(now)) {
            true => Ok(()),
            false => Err(Failure::TooManyOfAddress),
        }
    }
}
