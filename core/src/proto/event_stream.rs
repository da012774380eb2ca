//! Server-sent events (HTML Standard §9.2): one event becomes its lines.
//!
//! ```text
//! id: 17⏎  event: goal⏎  retry: 3000⏎  data: first line⏎  data: second line⏎  ⏎
//! ```

use std::fmt::Write as _;
use std::time::Duration;

/// What an event consists of. An `EventSource` is told of one that has no data only if the data is
/// there and empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// What the client calls the event; without it, `message`.
    pub name: Option<&'a str>,
    /// What it sends back as `Last-Event-ID` when it reconnects.
    pub id: Option<&'a str>,
    /// How long it waits before it reconnects.
    pub retry: Option<Duration>,
    /// The data; its line breaks arrive as LF, whichever they were.
    pub data: &'a str,
}

/// A field that a stream of events cannot carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldError {
    /// An event's name with a line break.
    Name,
    /// An id with a line break, or with a NUL, at which clients pass over it.
    Id,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            FieldError::Name => "an event's name must have no line break",
            FieldError::Id => "an event's id must have no line break and no NUL",
        })
    }
}

impl std::error::Error for FieldError {}

/// A line that clients pass over, and which shows both ends that the stream lives.
pub const HEARTBEAT: &[u8] = b":\n\n";

/// The event as it goes over the wire.
///
/// # Errors
/// [`FieldError`] for a name or an id that would not arrive as it is.
pub fn encode(fields: &Fields<'_>) -> Result<String, FieldError> {
    let mut text = String::with_capacity(fields.data.len() + 32);
    if let Some(id) = fields.id {
        if id.contains(['\r', '\n', '\0']) {
            return Err(FieldError::Id);
        }
        push_line(&mut text, "id", id);
    }
    if let Some(name) = fields.name {
        if name.contains(['\r', '\n']) {
            return Err(FieldError::Name);
        }
        push_line(&mut text, "event", name);
    }
    if let Some(retry) = fields.retry {
        // Writing to a string does not fail.
        let _ = writeln!(text, "retry: {}", retry.as_millis());
    }
    let mut rest = fields.data;
    loop {
        let end = memchr::memchr2(b'\r', b'\n', rest.as_bytes());
        push_line(&mut text, "data", &rest[..end.unwrap_or(rest.len())]);
        let Some(end) = end else { break };
        let is_pair = rest[end..].starts_with("\r\n");
        rest = &rest[end + 1 + usize::from(is_pair)..];
    }
    text.push('\n');
    Ok(text)
}

fn push_line(text: &mut String, field: &str, value: &str) {
    text.push_str(field);
    // The client takes away one space behind the colon: one must be there if the value begins so.
    text.push_str(": ");
    text.push_str(value);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(fields: Fields<'_>) -> String {
        encode(&fields).unwrap()
    }

    #[test]
    fn an_event_becomes_its_lines() {
        let all = Fields {
            name: Some("goal"),
            id: Some("17"),
            retry: Some(Duration::from_secs(3)),
            data: "3:1",
        };
        assert_eq!(
            encoded(all),
            "id: 17\nevent: goal\nretry: 3000\ndata: 3:1\n\n"
        );
    }

    #[test]
    fn data_of_several_lines_is_several_fields() {
        let cases = [
            ("", "data: \n\n"),
            ("a", "data: a\n\n"),
            ("a\nb", "data: a\ndata: b\n\n"),
            ("a\r\nb\rc", "data: a\ndata: b\ndata: c\n\n"),
            ("a\n", "data: a\ndata: \n\n"),
            ("\n\r\n", "data: \ndata: \ndata: \n\n"),
            (" a:b", "data:  a:b\n\n"),
            ("grüße\n世界", "data: grüße\ndata: 世界\n\n"),
        ];
        for (data, lines) in cases {
            let fields = Fields {
                data,
                ..Fields::default()
            };
            assert_eq!(encoded(fields), lines, "{data:?}");
        }
    }

    #[test]
    fn what_would_not_arrive_as_it_is_is_an_error() {
        for name in ["a\nb", "a\rb"] {
            let fields = Fields {
                name: Some(name),
                ..Fields::default()
            };
            assert_eq!(encode(&fields), Err(FieldError::Name));
        }
        for id in ["a\nb", "a\rb", "a\0b"] {
            let fields = Fields {
                id: Some(id),
                ..Fields::default()
            };
            assert_eq!(encode(&fields), Err(FieldError::Id));
        }
    }
}
