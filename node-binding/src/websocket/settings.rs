//! The settings of a server or a client as JavaScript gives them: JSON, complete, with ws's names.

use std::time::Duration;

use serde::Deserialize;
use sori::config::{Overflow, RateLimit, WebSocketSettings};
use sori::proto::websocket::deflate::{DeflateOptions, DeflateParams};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    max_payload: usize,
    max_fragments: u32,
    max_pending_auto_pongs: u32,
    auto_pong: bool,
    #[serde(rename = "skipUTF8Validation")]
    skip_utf8_validation: bool,
    close_timeout: f64,
    max_queued_bytes: usize,
    overflow: OverflowName,
    high_water_mark: usize,
    rate_limit: Option<Rate>,
    rate_limit_per_address: Option<Rate>,
    deflate: Option<Deflate>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rate {
    per_second: u32,
    burst: u32,
}

impl From<Rate> for RateLimit {
    fn from(Rate { per_second, burst }: Rate) -> RateLimit {
        RateLimit { per_second, burst }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OverflowName {
    Close,
    Drop,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deflate {
    threshold: usize,
    level: u8,
}

/// Reads settings.
///
/// # Errors
/// A sentence that names what is wrong.
pub(super) fn parse(json: &str) -> Result<WebSocketSettings, String> {
    let given: Settings = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let mut settings = WebSocketSettings::default();
    settings.max_payload = given.max_payload;
    settings.max_fragments = given.max_fragments;
    settings.max_pending_pongs = given.max_pending_auto_pongs;
    settings.auto_pong = given.auto_pong;
    settings.skip_utf8_validation = given.skip_utf8_validation;
    settings.close_timeout = Duration::try_from_secs_f64(given.close_timeout / 1_000.0)
        .map_err(|_| format!("closeTimeout: {} is no time", given.close_timeout))?;
    settings.max_queued_bytes = given.max_queued_bytes;
    settings.overflow = match given.overflow {
        OverflowName::Close => Overflow::Close,
        OverflowName::Drop => Overflow::Drop,
    };
    settings.high_water = given.high_water_mark;
    settings.rate_limit = given.rate_limit.map(Rate::into);
    settings.rate_limit_per_address = given.rate_limit_per_address.map(Rate::into);
    settings.application_answers = true;
    settings.deflate = given.deflate.map(|deflate| DeflateOptions {
        threshold: deflate.threshold,
        level: deflate.level,
        ..DeflateOptions::default()
    });
    Ok(settings)
}

/// Reads what was agreed on about compression: bit 0 whether at all, bits 1 and 2 whether server and
/// client forget each message, from bit 8 four bits each for their windows, 0 for none agreed on.
pub(super) fn deflate_params(packed: u32) -> Option<DeflateParams> {
    let bits = |at: u32| Some((packed >> at & 0xf) as u8).filter(|bits| *bits != 0);
    (packed & 1 != 0).then(|| DeflateParams {
        server_no_context_takeover: packed & 2 != 0,
        client_no_context_takeover: packed & 4 != 0,
        server_max_window_bits: bits(8),
        client_max_window_bits: bits(12),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = r#"{"maxPayload":100,"maxFragments":2,"maxPendingAutoPongs":3,
        "autoPong":false,"skipUTF8Validation":true,"closeTimeout":1500,"maxQueuedBytes":4,
        "overflow":"drop","highWaterMark":5,"rateLimit":{"perSecond":8,"burst":9},"deflate":{"threshold":6,"level":7}}"#;

    #[test]
    fn settings_come_as_they_are_given() {
        let settings = parse(GIVEN).unwrap();
        assert_eq!(settings.max_payload, 100);
        assert_eq!(settings.max_fragments, 2);
        assert_eq!(settings.close_timeout, Duration::from_millis(1500));
        assert_eq!(settings.overflow, Overflow::Drop);
        assert!(settings.skip_utf8_validation && !settings.auto_pong);
        let rate = settings.rate_limit.unwrap();
        assert_eq!((rate.per_second, rate.burst), (8, 9));
        assert!(settings.rate_limit_per_address.is_none());
        let deflate = settings.deflate.unwrap();
        assert_eq!((deflate.threshold, deflate.level), (6, 7));
    }

    #[test]
    fn an_impossible_time_is_named() {
        let json = GIVEN.replace("1500", "-1");
        assert_eq!(parse(&json).unwrap_err(), "closeTimeout: -1 is no time");
    }

    #[test]
    fn compression_is_read_bit_by_bit() {
        assert_eq!(deflate_params(0), None);
        let params = deflate_params(1 | 4 | 9 << 8 | 15 << 12).unwrap();
        assert!(!params.server_no_context_takeover && params.client_no_context_takeover);
        assert_eq!(params.server_max_window_bits, Some(9));
        assert_eq!(params.client_max_window_bits, Some(15));
    }
}
