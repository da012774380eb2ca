//! What the engine's own listener says in HTTP headers: CORS, the handshake's cookie, compression.

use std::fmt::Write as _;
use std::time::Duration;

/// Which pages of other origins may use the engine: the rules of npm `cors`, with its defaults.
///
/// Its headers stand in every answer under the engine's path, refusals and WebSocket handshakes
/// among them. Any `OPTIONS` request is taken for a preflight, and answered 204.
///
/// # Examples
/// ```
/// use sori::config::Cors;
///
/// let public = Cors::any();
/// let members = Cors::origins(["https://app.example", "https://beta.example"]).credentials(true);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    pub(crate) origin: Origin,
    pub(crate) methods: String,
    /// `None`: whatever the preflight asks for.
    pub(crate) allowed_headers: Option<String>,
    pub(crate) exposed_headers: Option<String>,
    pub(crate) credentials: bool,
    pub(crate) max_age: Option<Duration>,
}

/// What `Access-Control-Allow-Origin` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `*`.
    Any,
    /// The request's own, whatever it is.
    Reflected,
    /// This one, whoever asks.
    Fixed(String),
    /// The request's own, if it is one of these.
    Listed(Vec<String>),
}

impl Cors {
    /// Every origin (`*`). Browsers then send no cookies.
    pub fn any() -> Cors {
        Cors::new(Origin::Any)
    }

    /// Every origin, by its name: with [`Cors::credentials`] any page of the web may act in the
    /// name of its visitor. npm's `origin: true`.
    pub fn reflected() -> Cors {
        Cors::new(Origin::Reflected)
    }

    /// One origin, for example `https://app.example`, named in every answer whoever asks.
    pub fn origin(origin: impl Into<String>) -> Cors {
        Cors::new(Origin::Fixed(origin.into()))
    }

    /// These origins, each named in the answers to its own pages.
    pub fn origins<O: Into<String>>(origins: impl IntoIterator<Item = O>) -> Cors {
        Cors::new(Origin::Listed(
            origins.into_iter().map(Into::into).collect(),
        ))
    }

    fn new(origin: Origin) -> Cors {
        Cors {
            origin,
            methods: "GET,HEAD,PUT,PATCH,POST,DELETE".to_owned(),
            allowed_headers: None,
            exposed_headers: None,
            credentials: false,
            max_age: None,
        }
    }

    /// Methods a preflight allows. Default: GET, HEAD, PUT, PATCH, POST, DELETE.
    #[must_use]
    pub fn methods<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Cors {
        self.methods = joined(methods);
        self
    }

    /// Request headers a preflight allows. Default: those it asks for.
    #[must_use]
    pub fn allowed_headers<'a>(mut self, headers: impl IntoIterator<Item = &'a str>) -> Cors {
        self.allowed_headers = Some(joined(headers));
        self
    }

    /// Answer headers that pages may read. Default: none.
    #[must_use]
    pub fn exposed_headers<'a>(mut self, headers: impl IntoIterator<Item = &'a str>) -> Cors {
        self.exposed_headers = Some(joined(headers));
        self
    }

    /// Whether browsers may send cookies. Default: no.
    #[must_use]
    pub fn credentials(mut self, credentials: bool) -> Cors {
        self.credentials = credentials;
        self
    }

    /// How long browsers may remember a preflight, in whole seconds. Default: they decide.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Cors {
        self.max_age = Some(max_age);
        self
    }

    /// Whether all of it can stand in a header.
    pub(super) fn is_sound(&self) -> bool {
        let origins = match &self.origin {
            Origin::Any | Origin::Reflected => &[],
            Origin::Fixed(origin) => std::slice::from_ref(origin),
            Origin::Listed(origins) => &origins[..],
        };
        let lists = [&self.allowed_headers, &self.exposed_headers];
        let mut texts = origins
            .iter()
            .chain([&self.methods])
            .chain(lists.into_iter().flatten());
        texts.all(|text| is_header_text(text))
    }
}

fn joined<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(",")
}

/// RFC 9110 §5.5, less what only old software sends.
fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A cookie that tells a load balancer which node a polling client belongs to. It holds the
/// session's id, comes with the polling handshake alone, and means nothing to the engine.
///
/// # Examples
/// ```
/// use sori::config::{Cookie, SameSite};
///
/// let cookie = Cookie::new("node").same_site(SameSite::Strict).secure(true);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    name: String,
    path: Option<String>,
    domain: Option<String>,
    max_age: Option<Duration>,
    http_only: bool,
    secure: bool,
    same_site: SameSite,
}

/// When browsers send a cookie along with requests that other sites caused (RFC 6265bis §5.6.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a visitor follows a link.
    Lax,
    /// Always; the cookie has to be secure then.
    None,
}

/// socket.io's: `io`, for every path, out of reach of scripts, `SameSite=Lax`.
impl Default for Cookie {
    fn default() -> Cookie {
        Cookie::new("io")
    }
}

impl Cookie {
    /// A cookie of that name, else as the default one.
    pub fn new(name: impl Into<String>) -> Cookie {
        Cookie {
            name: name.into(),
            path: Some("/".to_owned()),
            domain: None,
            max_age: None,
            http_only: true,
            secure: false,
            same_site: SameSite::Lax,
        }
    }

    /// The path under which browsers send it; `None` leaves it to them.
    #[must_use]
    pub fn path(mut self, path: Option<&str>) -> Cookie {
        self.path = path.map(str::to_owned);
        self
    }

    /// The domain whose hosts are sent it. Default: the engine's host alone.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Cookie {
        self.domain = Some(domain.into());
        self
    }

    /// How long browsers keep it, in whole seconds. Default: until they are closed.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Cookie {
        self.max_age = Some(max_age);
        self
    }

    /// Whether scripts cannot read it. Default: they cannot.
    #[must_use]
    pub fn http_only(mut self, http_only: bool) -> Cookie {
        self.http_only = http_only;
        self
    }

    /// Whether it is sent over TLS alone. Default: no.
    #[must_use]
    pub fn secure(mut self, secure: bool) -> Cookie {
        self.secure = secure;
        self
    }

    /// Whether requests that other sites caused carry it. Default: [`SameSite::Lax`].
    #[must_use]
    pub fn same_site(mut self, same_site: SameSite) -> Cookie {
        self.same_site = same_site;
        self
    }

    /// The value of `Set-Cookie`, attributes in the order of npm `cookie`.
    pub fn to_header(&self, value: &str) -> String {
        let mut header = format!("{}={value}", self.name);
        // Writing to a string cannot fail.
        if let Some(max_age) = self.max_age {
            let _ = write!(header, "; Max-Age={}", max_age.as_secs());
        }
        if let Some(domain) = &self.domain {
            let _ = write!(header, "; Domain={domain}");
        }
        if let Some(path) = &self.path {
            let _ = write!(header, "; Path={path}");
        }
        if self.http_only {
            header.push_str("; HttpOnly");
        }
        if self.secure {
            header.push_str("; Secure");
        }
        header.push_str(match self.same_site {
            SameSite::Strict => "; SameSite=Strict",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::None => "; SameSite=None",
        });
        header
    }

    /// Whether name and attributes can stand in a cookie (RFC 6265 §4.1.1).
    pub(super) fn is_sound(&self) -> bool {
        let is_token =
            |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
        let mut attributes = [&self.path, &self.domain].into_iter().flatten();
        !self.name.is_empty()
            && self.name.bytes().all(is_token)
            && attributes.all(|text| is_header_text(text) && !text.contains(';'))
    }
}

/// Compression of polling answers by what their clients accept: gzip, deflate or brotli. It takes
/// part only if the crate is built with `http-compression`, as it is unless told otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpCompression {
    /// Shorter answers go as they are. Default 1,024 bytes.
    pub threshold: usize,
}

impl Default for HttpCompression {
    fn default() -> HttpCompression {
        HttpCompression { threshold: 1_024 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_written_as_npm_cookie_writes_them() {
        let plain = Cookie::default().to_header("abc");
        assert_eq!(plain, "io=abc; Path=/; HttpOnly; SameSite=Lax");
        let full = Cookie::new("node")
            .max_age(Duration::from_secs(60))
            .domain("example.org")
            .path(None)
            .http_only(false)
            .secure(true)
            .same_site(SameSite::None);
        let expected = "node=abc; Max-Age=60; Domain=example.org; Secure; SameSite=None";
        assert_eq!(full.to_header("abc"), expected);
    }

    #[test]
    fn what_would_break_a_header_is_not_sound() {
        assert!(Cookie::default().is_sound());
        assert!(Cors::origins(["https://a.example"]).is_sound());
        for name in ["", "a b", "a=b", "a;b", "ä", "a\r\nb"] {
            assert!(!Cookie::new(name).is_sound(), "{name:?}");
        }
        assert!(!Cookie::default().path(Some("/; Domain=x")).is_sound());
        for text in ["https://a\r\nx: y", "ä", "\0"] {
            assert!(!Cors::origin(text).is_sound(), "{text:?}");
            assert!(!Cors::origins(["fine", text]).is_sound(), "{text:?}");
            assert!(!Cors::any().methods([text]).is_sound(), "{text:?}");
            assert!(!Cors::any().allowed_headers([text]).is_sound(), "{text:?}");
            assert!(!Cors::any().exposed_headers([text]).is_sound(), "{text:?}");
        }
    }
}
