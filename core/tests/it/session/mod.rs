//! Sessions in virtual time.

mod close;
mod life;
mod order;
mod upgrade;
mod v3;
