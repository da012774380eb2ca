//! The header `Sec-WebSocket-Extensions`: a list of extensions with parameters (RFC 6455 §9.1).
//!
//! ```text
//! permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate
//! \_____ name ______/ \______ parameter ____/ \_ parameter with value _/  \__ next offer __/
//! ```

use std::borrow::Cow;
use std::fmt;

/// One extension that is offered or accepted, with its parameters in the order written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension<'a> {
    /// A token, such as `permessage-deflate`.
    pub name: &'a str,
    /// Names may repeat; what that means is the extension's to say.
    pub params: Vec<Param<'a>>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// A token.
    pub name: &'a str,
    /// A token, written as it is or between quotes; `None` when only the name stands there.
    pub value: Option<Cow<'a, str>>,
}

impl fmt::Display for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for param in &self.params {
            write!(f, "; {}", param.name)?;
            if let Some(value) = &param.value {
                write!(f, "={value}")?;
            }
        }
        Ok(())
    }
}

/// Why no connection comes of the extensions that a client offers, or a server accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionError {
    /// Not the grammar of RFC 6455 §9.1.
    IllegalHeader,
    /// A parameter that RFC 7692 does not define.
    UnknownParameter,
    /// A parameter given twice in one offer.
    RepeatedParameter,
    /// A value where none belongs, none where one is needed, or a window outside 8 to 15 bits.
    InvalidParameter,
    /// Every offer asks for something that our options rule out, or lacks something they demand.
    NoneAcceptable,
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IllegalHeader => "illegal Sec-WebSocket-Extensions header",
            Self::UnknownParameter => "unknown extension parameter",
            Self::RepeatedParameter => "repeated extension parameter",
            Self::InvalidParameter => "invalid extension parameter",
            Self::NoneAcceptable => "none of the extension offers can be accepted",
        })
    }
}

impl std::error::Error for ExtensionError {}

/// Reads the header's value.
///
/// # Errors
/// [`ExtensionError::IllegalHeader`]: also for an empty value, and for space around the whole, which
/// HTTP parsers take away.
pub fn parse(header: &str) -> Result<Vec<Extension<'_>>, ExtensionError> {
    let is_space = |c: char| matches!(c, ' ' | '\t');
    if header.starts_with(is_space) || header.ends_with(is_space) {
        return Err(ExtensionError::IllegalHeader);
    }
    let mut reader = Reader { rest: header };
    let mut extensions = Vec::new();
    loop {
        extensions.push(reader.extension()?);
        if reader.rest.is_empty() {
            return Ok(extensions);
        }
        reader.expect(',')?;
    }
}

/// What is left of the header.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn extension(&mut self) -> Result<Extension<'a>, ExtensionError> {
        self.skip_space();
        let name = self.token()?;
        self.skip_space();
        let mut params = Vec::new();
        while self.take(';') {
            params.push(self.param()?);
            self.skip_space();
        }
        Ok(Extension { name, params })
    }

    fn param(&mut self) -> Result<Param<'a>, ExtensionError> {
        self.skip_space();
        let name = self.token()?;
        let value = match (self.take('='), self.rest.starts_with('"')) {
            (false, _) => None,
            (true, false) => Some(Cow::Borrowed(self.token()?)),
            (true, true) => Some(self.quoted()?),
        };
        Ok(Param { name, value })
    }

    /// A quoted string: what it stands for must be a token.
    fn quoted(&mut self) -> Result<Cow<'a, str>, ExtensionError> {
        self.expect('"')?;
        let mut value = Cow::Borrowed("");
        loop {
            if self.take('\\') {
                let escaped = self.rest.chars().next().filter(|&c| is_token_char(c));
                value
                    .to_mut()
                    .push(escaped.ok_or(ExtensionError::IllegalHeader)?);
                self.rest = &self.rest[1..];
            } else if self.rest.starts_with('"') && !value.is_empty() {
                self.rest = &self.rest[1..];
                return Ok(value);
            } else {
                let plain = self.token()?;
                if value.is_empty() {
                    value = Cow::Borrowed(plain);
                } else {
                    value.to_mut().push_str(plain);
                }
            }
        }
    }

    fn token(&mut self) -> Result<&'a str, ExtensionError> {
        let end = self.rest.find(|c| !is_token_char(c));
        match self.rest.split_at(end.unwrap_or(self.rest.len())) {
            ("", _) => Err(ExtensionError::IllegalHeader),
            (token, rest) => {
                self.rest = rest;
                Ok(token)
            }
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, character: char) -> Result<(), ExtensionError> {
        match self.take(character) {
            true => Ok(()),
            false => Err(ExtensionError::IllegalHeader),
        }
    }
}

/// RFC 9110 §5.6.2.
pub(crate) fn is_token_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}
