//! What lets a socket come back as the one it was: the server's name for it, and how far it had come.

use serde_json::value::RawValue;

/// What the server knows a recoverable socket by.
#[derive(Debug)]
pub(super) struct Recovery {
    pub(super) pid: Box<str>,
    pub(super) offset: Option<Box<str>>,
}

impl Recovery {
    /// `pid` and `offset`, in front of the fields of `auth`, a JSON object or empty.
    pub(super) fn join(&self, auth: &str) -> String {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let mut data = format!("{{\"pid\":{}", quote(&self.pid));
        if let Some(offset) = &self.offset {
            data.push_str(&format!(",\"offset\":{}", quote(offset)));
        }
        let fields = auth.trim().trim_start_matches('{').trim_start();
        if !fields.is_empty() && fields != "}" {
            data.push(',');
            data.push_str(fields);
        } else {
            data.push('}');
        }
        data
    }
}

/// The last argument of an event, if it is a string: what a server that lets sockets recover puts
/// there is the event's offset.
pub(super) fn last_text(data: &str) -> Option<Box<str>> {
    if !data.trim_end().ends_with("\"]") {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(data).ok()?;
    let last = elements.get(1..)?.last()?;
    serde_json::from_str(last.get()).ok()
}
