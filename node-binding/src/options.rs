//! The engine's options as the JavaScript half gives them: JSON with socket.io's names.

use std::time::Duration;

use serde::Deserialize;
use sori::config::{self, DeflateOptions, Overflow, RateLimit, RecoverySettings, WindowLimit};
use sori::{Config, TransportKind};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    ping_interval: Option<f64>,
    ping_timeout: Option<f64>,
    upgrade_timeout: Option<f64>,
    connect_timeout: Option<f64>,
    max_http_buffer_size: Option<f64>,
    max_queued_bytes: Option<f64>,
    overflow: Option<Full>,
    rate_limit: Option<Rate>,
    rate_limit_per_address: Option<Rate>,
    max_connections: Option<f64>,
    max_connections_per_address: Option<f64>,
    transports: Option<Vec<String>>,
    allow_upgrades: Option<bool>,
    #[serde(rename = "allowEIO3")]
    allow_eio3: Option<bool>,
    connection_state_recovery: Option<Recovery>,
    per_message_deflate: Option<Deflate>,
    shards: Option<usize>,
    protocol: Option<Protocol>,
    parser: Option<Parser>,
    initial_packet: Option<InitialPacket>,
}

/// What messages mean; not an option of socket.io's.
#[derive(Clone, Copy, Debug, Deserialize)]
enum Protocol {
    #[serde(rename = "socket.io")]
    SocketIo,
    #[serde(rename = "engine.io")]
    EngineIo,
}

/// What `lib/parsers.js` has found the parser to be.
#[derive(Clone, Copy, Debug, Deserialize)]
enum Parser {
    #[serde(rename = "json")]
    Json,
    #[serde(rename = "msgpack")]
    MessagePack,
}

/// A string, or an array of bytes.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum InitialPacket {
    Text(String),
    Binary(Vec<u8>),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Full {
    Close,
    Drop,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rate {
    per_second: f64,
    burst: Option<f64>,
}

/// With the names and meanings of npm `ws`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Deflate {
    threshold: Option<f64>,
    level: Option<u8>,
    server_no_context_takeover: Option<bool>,
    client_no_context_takeover: bool,
    server_max_window_bits: Window,
    client_max_window_bits: Window,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Window {
    Flag(bool),
    Bits(u8),
}

impl Default for Window {
    fn default() -> Window {
        Window::Flag(true)
    }
}

impl From<Window> for WindowLimit {
    fn from(window: Window) -> WindowLimit {
        match window {
            Window::Flag(true) => WindowLimit::Open,
            Window::Flag(false) => WindowLimit::Unlimited,
            Window::Bits(bits) => WindowLimit::Bits(bits),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Recovery {
    max_disconnection_duration: Option<f64>,
    max_packets: Option<f64>,
    max_bytes: Option<f64>,
}

/// Reads the options; what is left out has the engine's default, but for the shards: one per core,
/// less one for JavaScript.
///
/// # Errors
/// A sentence that names the option.
pub(crate) fn parse(json: &str) -> Result<Config, String> {
    let options: Options = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut config = Config::default();
    set_duration(
        &mut config.ping_interval,
        "pingInterval",
        options.ping_interval,
    )?;
    set_duration(
        &mut config.ping_timeout,
        "pingTimeout",
        options.ping_timeout,
    )?;
    set_duration(
        &mut config.upgrade_timeout,
        "upgradeTimeout",
        options.upgrade_timeout,
    )?;
    set_duration(
        &mut config.connect_timeout,
        "connectTimeout",
        options.connect_timeout,
    )?;
    set_size(
        &mut config.max_payload,
        "maxHttpBufferSize",
        options.max_http_buffer_size,
    )?;
    set_size(
        &mut config.max_queued_bytes,
        "maxQueuedBytes",
        options.max_queued_bytes,
    )?;
    config.overflow = match options.overflow {
        Some(Full::Drop) => Overflow::Drop,
        Some(Full::Close) | None => Overflow::Close,
    };
    config.rate_limit = rate("rateLimit", options.rate_limit)?;
    config.rate_limit_per_address = rate("rateLimitPerAddress", options.rate_limit_per_address)?;
    config.max_connections = most("maxConnections", options.max_connections)?;
    config.max_connections_per_address = most(
        "maxConnectionsPerAddress",
        options.max_connections_per_address,
    )?;
    if let Some(names) = options.transports {
        config.transports = names
            .iter()
            .map(|name| {
                TransportKind::from_name(name)
                    .ok_or_else(|| format!("transports: there is no transport {name:?}"))
            })
            .collect::<Result<_, _>>()?;
    }
    if let Some(given) = options.connection_state_recovery {
        let mut recovery = RecoverySettings::default();
        let longest = &mut recovery.max_disconnection_duration;
        set_duration(
            longest,
            "maxDisconnectionDuration",
            given.max_disconnection_duration,
        )?;
        set_size(&mut recovery.max_packets, "maxPackets", given.max_packets)?;
        set_size(&mut recovery.max_bytes, "maxBytes", given.max_bytes)?;
        config.recovery = Some(recovery);
    }
    if let Some(given) = options.per_message_deflate {
        let mut deflate = DeflateOptions {
            server_no_context_takeover: given.server_no_context_takeover,
            client_no_context_takeover: given.client_no_context_takeover,
            server_max_window_bits: given.server_max_window_bits.into(),
            client_max_window_bits: given.client_max_window_bits.into(),
            ..DeflateOptions::default()
        };
        set_size(&mut deflate.threshold, "threshold", given.threshold)?;
        deflate.level = given.level.unwrap_or(deflate.level);
        config.per_message_deflate = Some(deflate);
    }
    config.allow_upgrades = options.allow_upgrades.unwrap_or(config.allow_upgrades);
    config.allow_eio3 = options.allow_eio3.unwrap_or(config.allow_eio3);
    if let Some(Protocol::EngineIo) = options.protocol {
        config.protocol = config::Protocol::EngineIo;
    }
    if let Some(Parser::MessagePack) = options.parser {
        config.parser = config::Parser::MessagePack;
    }
    config.initial_packet = options.initial_packet.map(|packet| match packet {
        InitialPacket::Text(text) => config::InitialPacket::Text(text),
        InitialPacket::Binary(bytes) => config::InitialPacket::Binary(bytes.into()),
    });
    config.shards = options
        .shards
        .unwrap_or(config.shards.saturating_sub(1).max(1));
    config.validate().map_err(|error| error.to_string())?;
    Ok(config)
}

fn set_duration(to: &mut Duration, name: &str, milliseconds: Option<f64>) -> Result<(), String> {
    if let Some(milliseconds) = milliseconds {
        *to = Duration::try_from_secs_f64(milliseconds / 1_000.0)
            .map_err(|_| format!("{name}: {milliseconds} is no number of milliseconds"))?;
    }
    Ok(())
}

fn set_size(to: &mut usize, name: &str, size: Option<f64>) -> Result<(), String> {
    if let Some(size) = size {
        if !size.is_finite() || size < 0.0 {
            return Err(format!("{name}: {size} is no number of bytes"));
        }
        *to = size as usize;
    }
    Ok(())
}

fn most(name: &str, connections: Option<f64>) -> Result<Option<usize>, String> {
    let mut most = usize::MAX;
    set_size(&mut most, name, connections)?;
    Ok(connections.map(|_| most))
}

fn rate(name: &str, given: Option<Rate>) -> Result<Option<RateLimit>, String> {
    let Some(Rate { per_second, burst }) = given else {
        return Ok(None);
    };
    Ok(Some(RateLimit {
        per_second: count(&format!("{name}.perSecond"), per_second)?,
        burst: count(&format!("{name}.burst"), burst.unwrap_or(per_second))?,
    }))
}

fn count(name: &str, value: f64) -> Result<u32, String> {
    if value >= 1.0 && value <= u32::MAX.into() {
        Ok(value as u32)
    } else {
        Err(format!("{name}: {value} is no number of messages"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_option_that_cannot_work() {
        let error = parse(r#"{"pingInterval":-1}"#).unwrap_err();
        assert_eq!(error, "pingInterval: -1 is no number of milliseconds");
        let error = parse(r#"{"rateLimit":{"perSecond":0}}"#).unwrap_err();
        assert_eq!(error, "rateLimit.perSecond: 0 is no number of messages");
        let error = parse(r#"{"transports":["carrier-pigeon"]}"#).unwrap_err();
        assert_eq!(
            error,
            "transports: there is no transport \"carrier-pigeon\""
        );
    }

    #[test]
    fn takes_compression_as_ws_means_it() {
        let of = |json: &str| parse(json).map(|config| config.per_message_deflate);
        assert_eq!(of("{}"), Ok(None));
        let everything = r#"{"perMessageDeflate":{"threshold":10,"level":9,
            "serverNoContextTakeover":false,"clientNoContextTakeover":true,
            "serverMaxWindowBits":10,"clientMaxWindowBits":false}}"#;
        let expected = DeflateOptions {
            server_no_context_takeover: Some(false),
            client_no_context_takeover: true,
            server_max_window_bits: WindowLimit::Bits(10),
            client_max_window_bits: WindowLimit::Unlimited,
            threshold: 10,
            level: 9,
            ..DeflateOptions::default()
        };
        assert_eq!(of(everything), Ok(Some(expected)));
        let error = of(r#"{"perMessageDeflate":{"serverMaxWindowBits":7}}"#).unwrap_err();
        assert_eq!(
            error,
            "the windows of permessage-deflate must be of 8 to 15 bits"
        );
    }

    #[test]
    fn takes_socket_io_names_and_units() {
        let json = r#"{"pingInterval":300,"maxHttpBufferSize":1e3,"transports":["websocket"],"allowEIO3":true}"#;
        let config = parse(json).unwrap();
        assert_eq!(config.ping_interval, Duration::from_millis(300));
        assert_eq!(config.max_payload, 1_000);
        assert!(config.allow_eio3);
        assert_eq!(config.transports, [TransportKind::WebSocket]);
        assert_eq!(config.ping_timeout, Config::default().ping_timeout);
    }
}
