//! HTTP long polling: the answers to a client's requests, byte for byte engine.io's.

use std::borrow::Cow;

use bytes::Bytes;

use crate::embed::Answer;
use crate::proto::engine::encode_payload;
use crate::proto::websocket::Frame;

/// The answer to a GET: packets in one payload.
pub(crate) fn payload_answer(frames: &[Frame], legacy_browser: bool) -> Answer {
    let mut body = Vec::new();
    encode_payload(frames, &mut body);
    text_answer("text/plain; charset=UTF-8", body.into(), legacy_browser)
}

/// The answer to a POST whose packets have been taken.
pub(crate) fn ok_answer(legacy_browser: bool) -> Answer {
    text_answer("text/html", Bytes::from_static(b"ok"), legacy_browser)
}

/// An answer of nothing but its status.
pub(crate) fn empty_answer(status: u16) -> Answer {
    Answer {
        status,
        headers: Vec::new(),
        body: Bytes::new(),
    }
}

/// A refusal with engine.io's error code, 400 unless the refusal is by the application.
pub(crate) fn error_answer(status: u16, code: u8, message: &str) -> Answer {
    let message = serde_json::Value::from(message);
    Answer {
        status,
        headers: vec![("Content-Type", "application/json".into())],
        body: format!(r#"{{"code":{code},"message":{message}}}"#).into(),
    }
}

fn text_answer(content_type: &'static str, body: Bytes, legacy_browser: bool) -> Answer {
    let mut headers: Vec<(&'static str, Cow<'static, str>)> = vec![
        ("Content-Type", content_type.into()),
        ("Content-Length", body.len().to_string().into()),
    ];
    if legacy_browser {
        headers.push(("X-XSS-Protection", "0".into()));
    }
    headers.push(("cache-control", "no-store".into()));
    Answer {
        status: 200,
        headers,
        body,
    }
}
