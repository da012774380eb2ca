//! What the clients of one address share: how many messages they may send, and how many connections
//! they have. Looked up when a connection opens, never for a message.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::{Engine, Refusal};
use crate::config::{Config, RateLimit};
use crate::embed::{Handshake, NamespaceId};
use crate::session::SharedAllowance;

/// Many, because an address that comes new to a large table may have to wait for its sweep.
const STRIPES: usize = 64;

/// Addresses of a stripe that are never swept: fewer are not worth it.
const SMALLEST_SWEEP: usize = 64;

/// An address by its hash under the engine's own key, so that a long one takes no more memory and
/// nobody outside can make two of them meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address(u64);

/// What all connections of an address hold; the table holds one more.
pub(super) type Share = Arc<SharedAllowance>;

/// The addresses of an engine that limits them.
///
/// An address is kept while it has connections, and after that until its allowance has come back:
/// who reconnects does not begin anew. So there are as many as have connections or had some within
/// the time of a burst, and at most twice that number in the table.
#[derive(Debug)]
pub(super) struct Addresses {
    hasher: RandomState,
    stripes: Box<[Mutex<Stripe>]>,
}

#[derive(Debug)]
struct Stripe {
    known: HashMap<Address, Share>,
    /// With so many the ones that are no more wanted are dropped.
    sweep_at: usize,
}

impl Addresses {
    /// Nothing if no setting is about addresses.
    pub(super) fn new(config: &Config) -> Option<Addresses> {
        let is_wanted =
            config.rate_limit_per_address.is_some() || config.max_connections_per_address.is_some();
        is_wanted.then(Addresses::empty)
    }

    /// None is known yet.
    pub(super) fn empty() -> Addresses {
        Addresses {
            hasher: RandomState::new(),
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
        }
    }

    /// Whose request it is: who the application says, else who the proxy's header names, else the
    /// peer. A stream without an address has no limits.
    pub(super) fn identify(
        &self,
        named: Option<&str>,
        handshake: Option<&Handshake>,
        config: &Config,
    ) -> Option<Address> {
        if let Some(name) = named {
            return Some(self.of_text(name));
        }
        let handshake = handshake?;
        let header = config.address_header.as_deref();
        if let Some(list) = header.and_then(|name| handshake.last_header(name)) {
            let nearest = list.rsplit(',').next().unwrap_or(list);
            return Some(self.of_text(nearest.trim()));
        }
        let peer = handshake.remote_address()?;
        Some(self.of_ip(peer.ip()))
    }

    /// One more connection of an address.
    ///
    /// # Errors
    /// There is no place for it.
    pub(super) fn enter(
        &self,
        address: Address,
        config: &Config,
        now: Instant,
    ) -> Result<Share, Refusal> {
        let mut stripe = self.stripe(address).lock();
        if let Some(share) = stripe.known.get(&address) {
            return match is_full(share, config) {
                true => Err(Refusal::TooManyFromAddress),
                false => Ok(Arc::clone(share)),
            };
        }
        stripe.make_room(now);
        let share = Arc::new(SharedAllowance::new(config.rate_limit_per_address, now));
        stripe.known.insert(address, Arc::clone(&share));
        Ok(share)
    }

    /// What the connections of an address share that are in a group, however many they are.
    fn enter_group(
        &self,
        group: NamespaceId,
        address: Address,
        limit: RateLimit,
        now: Instant,
    ) -> Share {
        let address = Address(self.hasher.hash_one((group, address)));
        let mut stripe = self.stripe(address).lock();
        if let Some(share) = stripe.known.get(&address) {
            return Arc::clone(share);
        }
        stripe.make_room(now);
        let share = Arc::new(SharedAllowance::new(Some(limit), now));
        stripe.known.insert(address, Arc::clone(&share));
        share
    }

    /// Whether there is no place for one more connection of an address.
    pub(super) fn is_full(&self, address: Address, config: &Config) -> bool {
        let stripe = self.stripe(address).lock();
        let share = stripe.known.get(&address);
        share.is_some_and(|share| is_full(share, config))
    }

    fn stripe(&self, Address(hash): Address) -> &Mutex<Stripe> {
        &self.stripes[hash as usize % STRIPES]
    }

    /// With or without a port, and any other text as it is.
    fn of_text(&self, text: &str) -> Address {
        let with_port = || text.parse::<SocketAddr>().map(|address| address.ip());
        match text.parse::<IpAddr>().or_else(|_| with_port()) {
            Ok(ip) => self.of_ip(ip),
            Err(_) => Address(self.hasher.hash_one(text)),
        }
    }

    /// Of IPv6 the first 64 bits count: the others are its owner's to choose (RFC 4291 §2.5.4).
    fn of_ip(&self, ip: IpAddr) -> Address {
        let ip = match ip.to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip => ip,
        };
        Address(self.hasher.hash_one(ip))
    }
}

impl Engine {
    /// Judges a handshake by whose it is, which an application that brings requests says in any words:
    /// an IP address, or what else tells its clients apart.
    ///
    /// # Errors
    /// The refusal that the client is to be told.
    pub fn verify_address(&self, address: &str) -> Result<(), Refusal> {
        match self.has_place_for(self.identify(Some(address), None)) {
            true => Ok(()),
            false => Err(Refusal::TooManyFromAddress),
        }
    }

    /// Whether there is no place for one more connection from where a request comes from; then one
    /// has been refused.
    pub(super) fn is_full_for(&self, handshake: &Handshake) -> bool {
        !self.has_place_for(self.identify(None, Some(handshake)))
    }

    fn has_place_for(&self, address: Option<Address>) -> bool {
        let (Some(addresses), Some(address)) = (&self.shared.addresses, address) else {
            return true;
        };
        let is_full = addresses.is_full(address, &self.shared.config);
        if is_full {
            self.count_refused();
        }
        !is_full
    }

    /// Whose request it is, if somebody wants to know.
    pub(super) fn identify(
        &self,
        named: Option<&str>,
        handshake: Option<&Handshake>,
    ) -> Option<Address> {
        let addresses = self.shared.addresses.as_ref()?;
        addresses.identify(named, handshake, &self.shared.config)
    }

    /// What the plain WebSockets of an address share in a group that limits them: of whom the application
    /// names, or whose handshake it is. Nothing if that is not known.
    pub(super) fn share_in_group(
        &self,
        group: NamespaceId,
        (named, handshake): (Option<&str>, Option<&Handshake>),
        limit: RateLimit,
        now: Instant,
    ) -> Option<Share> {
        let addresses = &self.shared.group_addresses;
        let address = addresses.identify(named, handshake, &self.shared.config)?;
        Some(addresses.enter_group(group, address, limit, now))
    }

    /// One more connection of an address; what it shares with the others.
    pub(super) fn enter(
        &self,
        address: Option<Address>,
        now: Instant,
    ) -> Result<Option<Share>, Refusal> {
        let (Some(addresses), Some(address)) = (&self.shared.addresses, address) else {
            return Ok(None);
        };
        let share = addresses.enter(address, &self.shared.config, now);
        share.inspect_err(|_| self.count_refused()).map(Some)
    }
}

impl Default for Stripe {
    fn default() -> Stripe {
        Stripe {
            known: HashMap::new(),
            sweep_at: SMALLEST_SWEEP,
        }
    }
}

impl Stripe {
    fn make_room(&mut self, now: Instant) {
        if self.known.len() < self.sweep_at {
            return;
        }
        self.known
            .retain(|_, share| connections(share) > 0 || !share.is_whole(now));
        self.sweep_at = SMALLEST_SWEEP.max(2 * self.known.len());
    }
}

/// Those of an address that are open or about to be. Read under the lock of its stripe, without which
/// none is added.
fn connections(share: &Share) -> usize {
    Arc::strong_count(share) - 1
}

fn is_full(share: &Share, config: &Config) -> bool {
    let most = config.max_connections_per_address;
    most.is_some_and(|most| connections(share) >= most)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn config() -> Config {
        Config {
            rate_limit_per_address: Some(RateLimit {
                per_second: 1,
                burst: 10,
            }),
            ..Config::default()
        }
    }

    fn size(addresses: &Addresses) -> usize {
        let sizes = addresses
            .stripes
            .iter()
            .map(|stripe| stripe.lock().known.len());
        sizes.sum()
    }

    #[test]
    fn addresses_that_mean_one_client_are_one() {
        let addresses = Addresses::new(&config()).unwrap();
        let of = |text: &str| addresses.of_text(text);
        assert_eq!(of("10.0.0.1"), of("10.0.0.1:80"));
        assert_eq!(of("10.0.0.1"), of("::ffff:10.0.0.1"));
        assert_eq!(of("2001:db8::1"), of("2001:db8:0:0:ffff::2"));
        assert_eq!(of("[2001:db8::1]:80"), of("2001:db8::2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
        assert_eq!(of("unix"), of("unix"));
    }

    #[test]
    fn a_proxys_word_counts_and_of_several_the_last() {
        let addresses = Addresses::new(&config()).unwrap();
        let config = Config {
            address_header: Some("X-Forwarded-For".to_owned()),
            ..config()
        };
        let identify = |lists: &[&'static str]| {
            let headers = lists.iter().map(|&list| ("x-forwarded-for", list.into()));
            let peer = crate::embed::Peer {
                remote_address: Some("127.0.0.1:1".parse().unwrap()),
                is_secure: false,
            };
            let handshake = Handshake::new("/", headers, peer);
            addresses.identify(None, Some(&handshake), &config).unwrap()
        };
        let of = |text: &str| addresses.of_text(text);
        assert_eq!(identify(&["10.0.0.1, 10.0.0.2"]), of("10.0.0.2"));
        assert_eq!(identify(&["10.0.0.1", "10.0.0.3"]), of("10.0.0.3"));
        assert_eq!(identify(&[]), of("127.0.0.1"));
    }

    #[test]
    fn who_is_gone_and_owes_nothing_is_forgotten() {
        let (config, start) = (config(), Instant::now());
        let addresses = Addresses::new(&config).unwrap();
        let enter = |n: u64, now| addresses.enter(Address(n), &config, now).unwrap();
        let stays = enter(0, start);
        let owes = enter(STRIPES as u64, start);
        assert!(owes.spend(start));
        drop(owes);
        for n in 0..100_000 {
            enter(n, start);
        }
        assert!(size(&addresses) <= STRIPES * SMALLEST_SWEEP);
        let owes = enter(STRIPES as u64, start);
        assert!(!owes.is_whole(start), "who comes back does not begin anew");
        drop(owes);
        let later = start + Duration::from_secs(1);
        for n in 1..1_000 {
            enter(n * STRIPES as u64, later);
        }
        assert!(enter(STRIPES as u64, later).is_whole(later));
        let known = addresses.stripe(Address(0)).lock().known.len();
        assert!(known <= SMALLEST_SWEEP);
        assert!(Arc::ptr_eq(&stays, &enter(0, later)));
    }

    #[test]
    fn no_more_connections_than_may_be_and_one_when_one_goes() {
        let config = Config {
            max_connections_per_address: Some(2),
            ..Config::default()
        };
        let addresses = Addresses::new(&config).unwrap();
        let enter = |n| addresses.enter(Address(n), &config, Instant::now());
        let (first, second) = (enter(1).unwrap(), enter(1).unwrap());
        assert_eq!(enter(1).unwrap_err(), Refusal::TooManyFromAddress);
        assert!(addresses.is_full(Address(1), &config));
        assert!(enter(2).is_ok());
        drop(first);
        assert!(enter(1).is_ok());
        drop(second);
    }
}
