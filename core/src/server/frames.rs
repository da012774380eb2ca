//! An encoded packet on its way to one or many connections, in every form that some client wants it
//! in. Each form is encoded once, when the first connection needs it, whatever the number of others.

use std::sync::{Arc, OnceLock};

use crate::proto::engine::{self, v3};
use crate::proto::websocket::{Frame, Opcode};
use crate::transport::BinaryForm;

/// A Socket.IO packet as Engine.IO messages: the text, then its attachments. Or one message of
/// either kind.
#[derive(Clone, Debug)]
pub(super) enum Frames {
    /// One of text, which is one form for all.
    One(Frame),
    Many(Arc<Attached>),
}

/// A packet with attachments.
#[derive(Debug)]
pub(super) struct Attached {
    raw: Arc<[Frame]>,
    typed: OnceLock<Box<[Frame]>>,
    base64: OnceLock<Box<[Frame]>>,
    typed_base64: OnceLock<Box<[Frame]>>,
}

impl Frames {
    /// From frames in the form [`BinaryForm::Raw`].
    pub(super) fn from_raw(raw: Arc<[Frame]>) -> Frames {
        if let [frame] = &raw[..]
            && frame.opcode() == Opcode::Text
        {
            return Frames::One(frame.clone());
        }
        Frames::Many(Arc::new(Attached {
            raw,
            typed: OnceLock::new(),
            base64: OnceLock::new(),
            typed_base64: OnceLock::new(),
        }))
    }

    /// The messages in the form that a connection wants.
    pub(super) fn in_form(&self, form: BinaryForm) -> &[Frame] {
        match (self, form) {
            (Frames::One(frame), _) => std::slice::from_ref(frame),
            (Frames::Many(attached), BinaryForm::Raw) => &attached.raw,
            (Frames::Many(attached), BinaryForm::Typed) => attached
                .typed
                .get_or_init(|| attached.encode(|bytes| v3::binary_frame(&[bytes]))),
            (Frames::Many(attached), BinaryForm::Base64) => attached
                .base64
                .get_or_init(|| attached.encode(engine::base64_frame)),
            (Frames::Many(attached), BinaryForm::TypedBase64) => attached
                .typed_base64
                .get_or_init(|| attached.encode(v3::base64_frame)),
        }
    }
}

impl Attached {
    fn encode(&self, encode_binary: impl Fn(&[u8]) -> Frame) -> Box<[Frame]> {
        let encode = |frame: &Frame| match frame.opcode() {
            Opcode::Binary => encode_binary(frame.payload_ref()),
            _ => frame.clone(),
        };
        self.raw.iter().map(encode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payloads(frames: &[Frame]) -> Vec<&[u8]> {
        frames.iter().map(Frame::payload_ref).collect()
    }

    #[test]
    fn every_form_is_encoded_once_and_shares_the_text() {
        let text = Frame::text(&[b"451-[0]"]);
        let frames = Frames::from_raw(Arc::new([text.clone(), Frame::binary(&[&[1, 2, 3]])]));
        let shared = frames.clone();
        let wanted: [(BinaryForm, &[u8]); 4] = [
            (BinaryForm::Raw, &[1, 2, 3]),
            (BinaryForm::Typed, &[4, 1, 2, 3]),
            (BinaryForm::Base64, b"bAQID"),
            (BinaryForm::TypedBase64, b"b4AQID"),
        ];
        for (form, attachment) in wanted {
            assert_eq!(
                payloads(frames.in_form(form)),
                [&b"451-[0]"[..], attachment]
            );
            for (mine, theirs) in frames.in_form(form).iter().zip(shared.in_form(form)) {
                assert_eq!(mine.as_bytes().as_ptr(), theirs.as_bytes().as_ptr());
            }
            assert_eq!(
                frames.in_form(form)[0].as_bytes().as_ptr(),
                text.as_bytes().as_ptr()
            );
        }
    }

    #[test]
    fn a_packet_without_attachments_has_one_form() {
        let frames = Frames::from_raw(Arc::new([Frame::text(&[b"42[0]"])]));
        for form in [
            BinaryForm::Raw,
            BinaryForm::Typed,
            BinaryForm::Base64,
            BinaryForm::TypedBase64,
        ] {
            assert_eq!(payloads(frames.in_form(form)), [b"42[0]"]);
        }
    }
}
