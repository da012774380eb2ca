//! What is known of the HTTP request that opened a connection.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// The request that opened a connection. There is one for each connection, in one block of memory
/// not much larger than the request's head, and all who want to know it share it.
#[derive(Debug)]
pub struct Handshake {
    /// The URL, then each header's name and value, with a NUL before each.
    text: Box<str>,
    url_end: u32,
    remote_address: Option<SocketAddr>,
    is_secure: bool,
    issued: SystemTime,
    sid: OnceLock<Arc<str>>,
    #[cfg(feature = "tower")]
    extensions: Option<Arc<http::Extensions>>,
}

/// Stands before each name and value. In HTTP neither has one (RFC 9110 §5.5).
const SEPARATOR: char = '\0';

/// Room for the headers of a usual request.
const USUAL_HEADERS: usize = 512;

/// Where a request came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The peer's address, unless the stream has none.
    pub remote_address: Option<SocketAddr>,
    /// Whether it came over TLS.
    pub is_secure: bool,
}

impl Handshake {
    /// A request of this moment. `url` is its path and query; one of 4 GiB and more is left out, and so
    /// is a header with a NUL.
    pub fn new<'a>(
        url: &str,
        headers: impl IntoIterator<Item = (&'a str, Cow<'a, str>)>,
        peer: Peer,
    ) -> Handshake {
        let (url, url_end) = match u32::try_from(url.len()) {
            Ok(end) => (url, end),
            Err(_) => ("", 0),
        };
        let mut text = String::with_capacity(url.len() + USUAL_HEADERS);
        text.push_str(url);
        let is_whole = |text: &str| !text.contains(SEPARATOR);
        let headers = headers.into_iter();
        for (name, value) in headers.filter(|(name, value)| is_whole(name) && is_whole(value)) {
            for part in [name, &value] {
                text.push(SEPARATOR);
                text.push_str(part);
            }
        }
        Handshake {
            text: text.into(),
            url_end,
            remote_address: peer.remote_address,
            is_secure: peer.is_secure,
            issued: SystemTime::now(),
            sid: OnceLock::new(),
            #[cfg(feature = "tower")]
            extensions: None,
        }
    }

    /// The same with what another server's layers have put into the request.
    #[cfg(feature = "tower")]
    pub(crate) fn with_extensions(
        mut self,
        extensions: Option<Arc<http::Extensions>>,
    ) -> Handshake {
        self.extensions = extensions;
        self
    }

    /// Path and query as the client wrote them, for example
    /// `/socket.io/?EIO=4&transport=websocket`.
    pub fn url(&self) -> &str {
        &self.text[..self.url_end as usize]
    }

    /// The path as the client wrote it.
    #[cfg(feature = "server")]
    pub(crate) fn path(&self) -> &str {
        self.url().split('?').next().unwrap_or_default()
    }

    /// Of a request for server-sent events: the id of the last one that the client saw before it
    /// came back.
    #[cfg(feature = "server")]
    pub(crate) fn last_event_id(&self) -> Option<&str> {
        self.header("last-event-id").filter(|id| !id.is_empty())
    }

    /// The value of a query parameter, percent-decoded; of a repeated one the first.
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut all = self.query_pairs();
        all.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The query's parameters in order, percent-decoded.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let (_, query) = self.url().split_once('?').unwrap_or_default();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name), percent_decoded(value))
        })
    }

    /// The value of a header, whatever the case of its name; of a repeated one the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers();
        all.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The value of a header whose name is in whatever case; of a repeated one the last.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn last_header(&self, name: &str) -> Option<&str> {
        let named = self
            .headers()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.last().map(|(_, value)| value)
    }

    /// The headers in the order in which they came, names in lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.text[self.url_end as usize..].split(SEPARATOR).skip(1);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    /// The memory it takes, in bytes.
    #[cfg(feature = "server")]
    pub(crate) fn size(&self) -> usize {
        self.text.len()
    }

    /// The value of that type that a layer before a [`tower`](crate::tower) service or layer put into
    /// the request: who the client is, for example. There is none on the server's own listeners.
    #[cfg(feature = "tower")]
    pub fn extension<T: Clone + Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.as_ref()?.get()
    }

    /// The peer's address, unless its stream has none. Behind a proxy it is the proxy's.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.remote_address
    }

    /// Whether the request came over TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether a browser sent it for a page: it then names the page's origin.
    pub fn has_origin(&self) -> bool {
        self.header("origin").is_some()
    }

    /// When it came.
    pub fn issued(&self) -> SystemTime {
        self.issued
    }

    /// The id of the Engine.IO session that it opened; none while that has not been decided.
    pub fn sid(&self) -> Option<&str> {
        self.sid.get().map(|sid| &**sid)
    }

    /// The session is open. A handshake opens one session: a second call changes nothing.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn set_sid(&self, sid: Arc<str>) {
        let _ = self.sid.set(sid);
    }
}

/// Reads `application/x-www-form-urlencoded` (URL Standard §5.1). What is no escape stands for
/// itself; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let escaped = match (first, behind) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = match escaped {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                &behind[2..]
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                behind
            }
        };
    }
    let text = String::from_utf8(bytes);
    Cow::Owned(text.unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(url: &str, headers: &[(&str, &str)]) -> Handshake {
        let headers = headers.iter().map(|&(name, value)| (name, value.into()));
        Handshake::new(url, headers, Peer::default())
    }

    #[test]
    fn finds_headers_by_name_and_gives_them_in_order() {
        let headers = [
            ("host", "a"),
            ("x-empty", ""),
            ("cookie", "b=c"),
            ("host", "d"),
        ];
        let handshake = handshake("/s/?EIO=4", &headers);
        assert_eq!(handshake.headers().collect::<Vec<_>>(), headers);
        assert_eq!(handshake.header("HOST"), Some("a"));
        assert_eq!(handshake.header("x-empty"), Some(""));
        assert_eq!(handshake.header("x"), None);
        assert!(!handshake.has_origin());
        assert_eq!(handshake.url(), "/s/?EIO=4");
    }

    #[test]
    fn a_header_cannot_be_taken_for_two() {
        let headers = [("a", "1\0x-admin\0"), ("b\0", "3"), ("c", "4")];
        let known = handshake("/", &headers);
        assert_eq!(known.headers().collect::<Vec<_>>(), [("c", "4")]);
        assert_eq!(handshake("/", &[]).headers().count(), 0);
    }

    #[test]
    fn decodes_the_query() {
        let cases = [
            ("/?a=1&b=2", "b", Some("2")),
            ("/?a=1&a=2", "a", Some("1")),
            ("/?token=x%20y%2Bz+%C3%A4", "token", Some("x y+z ä")),
            ("/?%61=1", "a", Some("1")),
            ("/?a=%&b=%4&c=%zz%41", "a", Some("%")),
            ("/?a=%&b=%4&c=%zz%41", "b", Some("%4")),
            ("/?a=%&b=%4&c=%zz%41", "c", Some("%zzA")),
            ("/?a=%FF", "a", Some("\u{fffd}")),
            ("/?a", "a", Some("")),
            ("/?a=b=c", "a", Some("b=c")),
            ("/a=1", "a", None),
            ("/?", "", None),
            ("", "a", None),
        ];
        for (url, name, value) in cases {
            let handshake = handshake(url, &[]);
            assert_eq!(handshake.query(name).as_deref(), value, "{url} {name}");
        }
    }
}
