//! Every setting of a client with its default, and the server's address taken apart.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};

use super::connection::Rules;
use super::limits::Limits;
use super::reconnect::Reconnection;
use super::session::Settings;
use crate::config::TransportKind;
use crate::error::Error;

/// The settings of a client. The defaults are socket.io-client's where it has the setting.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Path under which the server listens. Default `/socket.io/`.
    pub path: String,
    /// Fields of the query of every request, beside those of the URL. Default: none.
    pub query: Vec<(String, String)>,
    /// Headers of every request. Default: none.
    pub extra_headers: Vec<(String, String)>,
    /// The transports to use; the first is that of the handshake. Default: polling, then WebSocket.
    pub transports: Vec<TransportKind>,
    /// Whether a polling connection tries to become a WebSocket. Default true.
    pub upgrade: bool,
    /// How to come back; `None` does not. Default: as [`Reconnection`]'s.
    pub reconnection: Option<Reconnection>,
    /// How long connecting may take, handshake included. Default 20 s.
    pub timeout: Duration,
    /// How long a closing connection is given to send what is queued. Default 5 s.
    pub close_timeout: Duration,
    /// Largest message, and largest polling answer, that the server may send, in bytes; over it
    /// the connection is closed. Default 16 MiB.
    pub max_payload: usize,
    /// Most binary attachments in one packet of the server. Default 10.
    pub max_attachments: u32,
    /// Most bytes that wait to be sent, for a slow server or for a connection; over it emits fail
    /// with [`Error::Full`]. A single message may be larger. Default 16 MiB.
    pub max_queued_bytes: usize,
    /// Most events that wait for the application before the client stops reading. Default 65,536.
    pub max_pending_events: usize,
    /// Certificates, in PEM, that are trusted beside those of the system. Default: none.
    pub root_certificates: Vec<Vec<u8>>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            path: "/socket.io/".to_owned(),
            query: Vec::new(),
            extra_headers: Vec::new(),
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            upgrade: true,
            reconnection: Some(Reconnection::default()),
            timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(5),
            max_payload: 16 * 1024 * 1024,
            max_attachments: 10,
            max_queued_bytes: 16 * 1024 * 1024,
            max_pending_events: 65_536,
            root_certificates: Vec::new(),
        }
    }
}

impl Config {
    /// # Errors
    /// [`Error::Misuse`] names the first setting that cannot work, and why.
    pub fn validate(&self) -> Result<(), Error> {
        let rule = if !self.path.starts_with('/') {
            Some("path must begin with '/'")
        } else if self.transports.is_empty() {
            Some("transports must name at least one of polling and websocket")
        } else if self.transports.contains(&TransportKind::WebTransport) {
            Some("transports must not name webtransport, which the client does not speak")
        } else if self.timeout.is_zero() {
            Some("timeout must not be zero")
        } else if self.max_payload == 0 {
            Some("max_payload must not be zero")
        } else if self.max_pending_events == 0 {
            Some("max_pending_events must not be zero")
        } else {
            None
        };
        rule.map_or(Ok(()), |rule| Err(Error::Misuse(rule.to_owned())))
    }

    pub(crate) fn rules(&self) -> Rules {
        let serves_websocket = self.transports.contains(&TransportKind::WebSocket);
        Rules {
            session: Settings {
                first: self
                    .transports
                    .first()
                    .copied()
                    .unwrap_or(TransportKind::Polling),
                may_upgrade: self.upgrade && serves_websocket,
                timeout: self.timeout.min(LONGEST),
            },
            reconnection: self.reconnection.map(|reconnection| Reconnection {
                delay_max: reconnection.delay_max.min(LONGEST),
                ..reconnection
            }),
            limits: Limits {
                max_attachments: self.max_attachments,
                max_unseen_bytes: self.max_queued_bytes.max(self.max_payload),
            },
            max_queued_bytes: self.max_queued_bytes,
            close_timeout: self.close_timeout.min(LONGEST),
        }
    }
}

/// Longer waits are taken for this: instants have an end.
pub(crate) const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Where a server is, and how it is asked.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) is_tls: bool,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For the Host header.
    pub(crate) authority: String,
    /// Of the URL.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Endpoint {
    /// # Errors
    /// [`Error::Misuse`] says what is wrong with the URL or a header.
    pub(crate) fn parse(url: &str, extra_headers: &[(String, String)]) -> Result<Endpoint, Error> {
        let wrong = |what: &str| Error::Misuse(format!("the URL {url:?} {what}"));
        let uri: Uri = url.parse().map_err(|error| wrong(&format!("{error}")))?;
        let is_tls = match uri.scheme_str() {
            Some("http" | "ws") => false,
            Some("https" | "wss") => true,
            _ => return Err(wrong("must begin with http://, https://, ws:// or wss://")),
        };
        let authority = uri
            .authority()
            .ok_or_else(|| wrong("names no host"))?
            .as_str();
        // Not sent: it would stand in logs.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(wrong("names no host"));
        }
        let headers = extra_headers
            .iter()
            .map(|(name, value)| header(name, value))
            .collect::<Result<_, _>>()?;
        Ok(Endpoint {
            is_tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.to_owned(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers,
        })
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let wrong = || Error::Misuse(format!("the header {name:?} is not one that HTTP allows"));
    Ok((
        name.parse().map_err(|_| wrong())?,
        value.parse().map_err(|_| wrong())?,
    ))
}

/// Appends `name=value` to a query, each percent-encoded.
pub(crate) fn push_field(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    push_encoded(query, name);
    query.push('=');
    push_encoded(query, value);
}

fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            // RFC 3986 §2.3.
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Endpoint, Error> {
        Endpoint::parse(url, &[])
    }

    #[test]
    fn a_url_is_taken_apart() {
        let plain = parse("http://example.org").unwrap();
        assert_eq!((plain.is_tls, plain.port, &*plain.path), (false, 80, "/"));
        let full = parse("wss://user:secret@[::1]:8443/a/b?c=d").unwrap();
        assert_eq!((full.is_tls, full.port), (true, 8443));
        assert_eq!((&*full.host, &*full.authority), ("::1", "[::1]:8443"));
        assert_eq!((&*full.path, &*full.query), ("/a/b", "c=d"));
        assert_eq!(parse("https://example.org").unwrap().port, 443);
    }

    #[test]
    fn urls_and_headers_that_cannot_work_are_misuse() {
        for url in [
            "",
            "example.org",
            "ftp://example.org",
            "http://",
            "http:// a",
        ] {
            let error = parse(url).unwrap_err();
            assert!(matches!(error, Error::Misuse(_)), "{url}: {error}");
        }
        for (name, value) in [("a b", "c"), ("a", "b\r\nc: d"), ("", "")] {
            let headers = [(name.to_owned(), value.to_owned())];
            assert!(Endpoint::parse("http://a", &headers).is_err(), "{name}");
        }
    }

    #[test]
    fn fields_of_the_query_are_percent_encoded() {
        let mut query = "a=b".to_owned();
        push_field(&mut query, "c d", "소&=");
        assert_eq!(query, "a=b&c%20d=%EC%86%8C%26%3D");
    }
}
