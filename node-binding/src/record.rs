//! Writes the records of a batch: `[kind,…]`, a JSON array each. The kinds and their elements are
//! listed at `RECORD` in `lib/dispatch.js`.

use bytes::Bytes;

/// First element of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Open = 0,
    Join = 1,
    Event = 2,
    BinaryEvent = 3,
    Ack = 4,
    BinaryAck = 5,
    Leave = 6,
    Close = 7,
    Answer = 8,
    Feed = 9,
    FeedEnd = 10,
    Upgraded = 11,
    AckTimeout = 12,
    BroadcastAck = 13,
    BinaryBroadcastAck = 14,
    Forget = 15,
    Raw = 16,
    RawBinary = 17,
    Sent = 18,
    Heartbeat = 19,
    Ping = 20,
    Probed = 21,
    ServerEvent = 22,
    Sockets = 23,
    ServerCount = 24,
    SocketsAsked = 25,
    DisconnectAsked = 26,
    Bus = 27,
    BroadcastAnswer = 28,
    JoinAsked = 29,
    LeaveAsked = 30,
    Closed = 31,
    FeedRead = 32,
}

/// A record being written; it is complete when dropped.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    text: &'a mut Vec<u8>,
}

impl<'a> Record<'a> {
    /// Begins a record at the end of `text`, which holds the records before it.
    pub(crate) fn new(text: &'a mut Vec<u8>, kind: Kind) -> Record<'a> {
        text.extend_from_slice(if text.is_empty() { b"[[" } else { b",[" });
        let mut record = Record { text };
        record.push_digits(kind as u64);
        record
    }

    pub(crate) fn number(mut self, value: u64) -> Self {
        self.text.push(b',');
        self.push_digits(value);
        self
    }

    /// A number, or -1 for none.
    pub(crate) fn number_or_none(self, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(value),
            None => self.json("-1"),
        }
    }

    /// What is JSON already.
    pub(crate) fn json(self, json: &str) -> Self {
        self.text.push(b',');
        self.text.extend_from_slice(json.as_bytes());
        self
    }

    pub(crate) fn string(self, value: &str) -> Self {
        self.text.push(b',');
        // Writing into memory does not fail, and a string is always JSON.
        let _ = serde_json::to_writer(&mut *self.text, value);
        self
    }

    pub(crate) fn string_or_null(self, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.string(value),
            None => self.json("null"),
        }
    }

    pub(crate) fn strings<'s>(self, values: impl Iterator<Item = &'s str>) -> Self {
        self.text.extend_from_slice(b",[");
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            let _ = serde_json::to_writer(&mut *self.text, value);
        }
        self.text.push(b']');
        self
    }

    /// The lengths of attachments.
    pub(crate) fn lengths<'b>(self, attachments: impl Iterator<Item = &'b Bytes>) -> Self {
        self.numbers(attachments.map(|attachment| attachment.len() as u64))
    }

    pub(crate) fn numbers(mut self, values: impl Iterator<Item = u64>) -> Self {
        self.text.extend_from_slice(b",[");
        for (at, value) in values.enumerate() {
            if at > 0 {
                self.text.push(b',');
            }
            self.push_digits(value);
        }
        self.text.push(b']');
        self
    }

    fn push_digits(&mut self, value: u64) {
        self.text
            .extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        self.text.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_one_another_in_one_array() {
        let mut text = Vec::new();
        Record::new(&mut text, Kind::Event)
            .number(3)
            .number_or_none(None)
            .json(r#"["a"]"#);
        Record::new(&mut text, Kind::Close)
            .string("a\"b")
            .string_or_null(None);
        Record::new(&mut text, Kind::BinaryAck)
            .strings(["x", "y"].into_iter())
            .lengths([Bytes::from_static(b"abc")].iter());
        assert_eq!(
            String::from_utf8(text).unwrap(),
            r#"[[2,3,-1,["a"]],[7,"a\"b",null],[5,["x","y"],[3]]"#
        );
    }
}
