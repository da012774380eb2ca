//! An argument that a handler takes whether it fits or not.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

/// An argument of a handler that is called even if the peer sent something else than a `T`, or left it
/// out: so that it can tell the peer what is wrong.
///
/// Without it, arguments that do not fit end the call before the handler, and the peer is told nothing.
///
/// # Examples
/// ```no_run
/// use sori::{Ack, Attempt, Socket};
///
/// #[derive(serde::Deserialize)]
/// struct Order {
///     item: String,
///     count: u32,
/// }
///
/// # fn example(shop: &sori::Namespace) {
/// shop.on("order", |_: Socket, order: Attempt<Order>, ack: Ack| match order.0 {
///     Ok(order) => ack.send(("ok", order.count)),
///     Err(error) => ack.send(("error", error.to_string())),
/// });
/// # }
/// ```
#[derive(Debug)]
pub struct Attempt<T>(pub Result<T, serde_json::Error>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Attempt<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Attempt<T>, D::Error> {
        let json = Option::<Box<RawValue>>::deserialize(deserializer)?;
        let json = json.as_ref().map_or("null", |json| json.get());
        Ok(Attempt(serde_json::from_str(json)))
    }
}
