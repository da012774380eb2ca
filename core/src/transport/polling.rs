//! HTTP long polling: the answers to a client's requests, byte for byte engine.io's.

use std::borrow::Cow;

use bytes::Bytes;

use super::dialect::{BinaryForm, Dialect};
use crate::embed::Answer;
use crate::proto::engine::v3::{self, BinarySupport, BodyForm};
use crate::proto::engine::{Revision, encode_payload};
use crate::proto::jsonp;
use crate::proto::websocket::{Frame, Opcode};

/// The answer to a GET: packets in one payload.
pub(crate) fn payload_answer(frames: &[Frame], dialect: &Dialect, legacy_browser: bool) -> Answer {
    let mut body = Vec::new();
    let form = encode(frames, dialect, &mut body);
    if let Some(index) = &dialect.jsonp {
        let mut script = Vec::new();
        jsonp::encode(&body, index, &mut script);
        body = script;
    }
    ok(form.content_type(), body.into(), legacy_browser)
}

fn encode(frames: &[Frame], dialect: &Dialect, body: &mut Vec<u8>) -> BodyForm {
    match (dialect.revision, dialect.binary) {
        (Revision::V4, _) => {
            encode_payload(frames, body);
            BodyForm::Text
        }
        (Revision::V3, BinaryForm::Typed) => {
            let untyped: Vec<Frame> = frames.iter().map(untyped).collect();
            v3::encode_payload(&untyped, BinarySupport::Raw, body)
        }
        (Revision::V3, BinaryForm::Raw | BinaryForm::Base64 | BinaryForm::TypedBase64) => {
            v3::encode_payload(frames, BinarySupport::Base64, body)
        }
    }
}

/// A frame as the codec of payloads takes it: binary without the packet's type, which it writes
/// itself.
fn untyped(frame: &Frame) -> Frame {
    match (frame.opcode(), frame.payload_ref()) {
        (Opcode::Binary, [_type, bytes @ ..]) => Frame::binary(&[bytes]),
        _ => frame.clone(),
    }
}

/// The answer to a POST whose packets have been taken.
pub(crate) fn ok_answer(legacy_browser: bool) -> Answer {
    ok("text/html", Bytes::from_static(b"ok"), legacy_browser)
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

fn ok(content_type: &'static str, body: Bytes, legacy_browser: bool) -> Answer {
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
