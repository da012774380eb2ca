//! A server's cluster as the JavaScript half speaks of it: the option, and who waits for an answer.

use std::time::Duration;

use serde::Deserialize;
use sori::adapter::{Format, Redis, StreamSettings, SubscriptionMode};
use sori::embed::ServerTicket;

use crate::record::Record;

/// Below it are the ids of acks that JavaScript gives; above, those of broadcasts of other servers. Some
/// clients take an id for a number of 31 bits.
pub(crate) const FIRST_RELAYED_ACK: u64 = 1 << 30;

#[derive(Debug, Default, Deserialize)]
struct Options {
    cluster: Option<Cluster>,
}

/// What `lib/cluster/native-adapter.js` has made of its arguments, with the names of npm
/// `@socket.io/redis-adapter` and `@socket.io/redis-streams-adapter`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cluster {
    url: String,
    key: Option<String>,
    requests_timeout: Option<f64>,
    #[serde(default)]
    publish_on_specific_response_channel: bool,
    /// Of the sharded format, and of no other.
    subscription_mode: Option<Mode>,
    /// Of the format of streams, and of no other.
    streams: Option<Streams>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Streams {
    stream_name: Option<String>,
    stream_count: Option<u32>,
    max_len: Option<u64>,
    read_count: Option<u32>,
    session_key_prefix: Option<String>,
    use_sharded_pub_sub: Option<bool>,
}

impl From<Streams> for StreamSettings {
    fn from(given: Streams) -> StreamSettings {
        let usual = StreamSettings::default();
        StreamSettings {
            name: given.stream_name.unwrap_or(usual.name),
            count: given.stream_count.unwrap_or(usual.count),
            max_entries: given.max_len.unwrap_or(usual.max_entries),
            read_count: given.read_count.unwrap_or(usual.read_count),
            session_prefix: given.session_key_prefix.unwrap_or(usual.session_prefix),
            sharded_channels: given.use_sharded_pub_sub.unwrap_or(usual.sharded_channels),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    Static,
    Dynamic,
    DynamicPrivate,
}

impl From<Mode> for SubscriptionMode {
    fn from(mode: Mode) -> SubscriptionMode {
        match mode {
            Mode::Static => SubscriptionMode::Static,
            Mode::Dynamic => SubscriptionMode::Dynamic,
            Mode::DynamicPrivate => SubscriptionMode::DynamicPrivate,
        }
    }
}

/// The way into the cluster, if the options name one.
///
/// # Errors
/// A sentence that names the option.
pub(crate) fn adapter(json: &str) -> Result<Option<Redis>, String> {
    let options: Options = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let Some(given) = options.cluster else {
        return Ok(None);
    };
    let mut redis =
        Redis::new(given.url).answers_privately(given.publish_on_specific_response_channel);
    if let Some(mode) = given.subscription_mode {
        redis = redis.format(Format::Sharded(mode.into()));
    }
    if let Some(streams) = given.streams {
        redis = redis.format(Format::Streams).streams(streams.into());
    }
    if let Some(key) = given.key {
        redis = redis.key(key);
    }
    if let Some(milliseconds) = given.requests_timeout {
        let timeout = Duration::try_from_secs_f64(milliseconds / 1_000.0)
            .map_err(|_| format!("requestsTimeout: {milliseconds} is no number of milliseconds"))?;
        redis = redis.requests_timeout(timeout);
    }
    Ok(Some(redis))
}

/// Who asks, as JavaScript gives it back: `[namespace, server or null, request]`, or null.
pub(crate) fn ticket<'a>(record: Record<'a>, ticket: Option<&ServerTicket>) -> Record<'a> {
    let parts = ticket.map(|ticket| (&ticket.namespace, &ticket.node, &ticket.request));
    // Text is always JSON.
    record.json(&serde_json::to_string(&parts).unwrap_or_default())
}

/// What [`ticket`] wrote.
pub(crate) fn read_ticket(json: &str) -> Option<ServerTicket> {
    let (namespace, node, request): (Box<str>, Option<Box<str>>, Box<str>) =
        serde_json::from_str(json).ok()?;
    Some(ServerTicket {
        namespace,
        node,
        request,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_comes_back_as_it_went() {
        let given = ServerTicket {
            namespace: "/\u{1f}".into(),
            node: None,
            request: "a\"b".into(),
        };
        let mut text = Vec::new();
        drop(ticket(
            Record::new(&mut text, crate::record::Kind::Bus),
            Some(&given),
        ));
        let text = String::from_utf8(text).unwrap();
        let json = text
            .strip_prefix("[[27,")
            .unwrap()
            .strip_suffix(']')
            .unwrap();
        assert_eq!(read_ticket(json), Some(given));
    }

    #[test]
    fn names_the_option_that_cannot_work() {
        let error = adapter(r#"{"cluster":{"url":"redis://h","requestsTimeout":-1}}"#);
        let rule = "requestsTimeout: -1 is no number of milliseconds";
        assert_eq!(error.unwrap_err(), rule);
        assert!(adapter("{}").unwrap().is_none());
    }
}
