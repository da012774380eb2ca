//! The manual, in chapters.

#[doc = include_str!("docs/getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("docs/rooms_and_order.md")]
pub mod rooms_and_order {}

#[doc = include_str!("docs/backpressure.md")]
pub mod backpressure {}

#[doc = include_str!("docs/clusters.md")]
pub mod clusters {}

#[doc = include_str!("docs/performance.md")]
pub mod performance {}
