//! A stock ticker: prices move, and whoever watches a share is told.
//!
//! ```text
//! client asks    watch(share, answer(price))   unwatch(share)
//! client hears   price(share, price)
//!
//! cargo run -p sori-examples --bin ticker -- 127.0.0.1:3000
//! ```
//!
//! The second argument is the time between two prices, in milliseconds.
#![allow(clippy::print_stdout)] // It is how a program tells where it listens.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sori::{Ack, Namespace, Server, Socket};

/// Shares and their prices in cents.
#[derive(Clone)]
struct Market(Arc<Mutex<Vec<(&'static str, i64)>>>);

fn main() -> Result<(), sori::Error> {
    let address = std::env::args().nth(1);
    let interval = std::env::args().nth(2).and_then(|text| text.parse().ok());
    let market = Market::open();
    let server = Server::builder().build()?;
    serve(&server.of("/"), &market);
    let bound = server.listen(address.as_deref().unwrap_or("127.0.0.1:3000"))?;
    println!("ticker on http://{bound}");

    let everybody = server.of("/");
    let interval = Duration::from_millis(interval.unwrap_or(1_000));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(interval);
            market.move_prices();
            tell_watchers(&everybody, &market);
        }
    });
    server.wait();
    Ok(())
}

fn serve(ticker: &Namespace, market: &Market) {
    let asked = market.clone();
    ticker.on("watch", move |socket: Socket, share: String, ack: Ack| {
        let price = asked.price_of(&share);
        if price.is_some() {
            socket.join(share);
        }
        ack.send(price)
    });
    ticker.on("unwatch", |socket: Socket, share: String| {
        socket.leave(share)
    });
}

/// A price that a slow client misses is worth nothing a moment later: prices are volatile.
fn tell_watchers(ticker: &Namespace, market: &Market) {
    for (share, price) in market.prices() {
        // A name that is not reserved and numbers that are finite: nothing can be wrong with it.
        let _ = ticker.to(share).volatile().emit("price", (share, price));
    }
}

impl Market {
    fn open() -> Market {
        let shares = vec![("BARLEY", 1_250), ("GINGER", 4_875), ("PERSIMMON", 310)];
        Market(Arc::new(Mutex::new(shares)))
    }

    fn prices(&self) -> Vec<(&'static str, f64)> {
        let shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_full = |(share, cents): &(&'static str, i64)| (*share, *cents as f64 / 100.0);
        shares.iter().map(in_full).collect()
    }

    fn price_of(&self, share: &str) -> Option<f64> {
        let prices = self.prices().into_iter();
        prices
            .filter(|(name, _)| *name == share)
            .map(|(_, price)| price)
            .next()
    }

    fn move_prices(&self) {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, cents) in &mut *shares {
            // A hasher with a key of its own is all the chance a ticker needs.
            let chance = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), *cents);
            *cents = (*cents + (chance % 21) as i64 - 10).max(1);
        }
    }
}
