//! Compressed messages (permessage-deflate, RFC 7692): what is agreed on, and who shares what.
//!
//! ```text
//! RSV1  payload = raw DEFLATE, flushed to a byte boundary, without its last bytes 00 00 ff ff
//! ```
//!
//! All memory of zlib belongs to threads, none to connections: a connection that keeps its context
//! has its last bytes, and they are given to the thread's zlib as a dictionary before each message.
//! Measured by `proto_deflate_memory` (zlib's own state is 47 KB to inflate, 380 KB to deflate):
//!
//! | a connection | without context takeover | with it |
//! | --- | --- | --- |
//! | receiving | 0 | bytes received, at most its window: 32 KiB, or 1 KiB at 10 bits |
//! | sending | 0 | bytes sent, at most [`DeflateOptions::history`]: 4 KiB |

mod deflater;
mod inflate;
mod window;

use std::fmt;

use super::extension::{self, Extension, ExtensionError, Param};

pub use deflater::{DeflatePool, Deflater};
pub use inflate::InflatePool;
pub(super) use window::Window;

const NAME: &str = "permessage-deflate";
/// The window of a side that says nothing about it (RFC 7692 §7.1.2).
const MAX_WINDOW_BITS: u8 = 15;

/// What a server agrees to, with the meanings and defaults of npm `ws`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeflateOptions {
    /// Whether we forget each message before the next: `Some(true)` always, `Some(false)` never (an
    /// offer that asks for it is declined), `None` when the client asks.
    pub server_no_context_takeover: Option<bool>,
    /// Whether the client must forget each message before the next; else it is its own choice.
    pub client_no_context_takeover: bool,
    /// The window of what we send.
    pub server_max_window_bits: WindowLimit,
    /// The window of what the client sends.
    pub client_max_window_bits: WindowLimit,
    /// Bytes of payload under which a message goes uncompressed; only without context takeover, as
    /// with it each message helps the next.
    pub threshold: usize,
    /// zlib's level, 1 (fast) to 9 (small).
    pub level: u8,
    /// With context takeover, bytes sent to a connection that its next message may refer to: its
    /// memory, and about half a nanosecond a byte for each message. More than the window is no use.
    pub history: usize,
}

impl Default for DeflateOptions {
    fn default() -> Self {
        DeflateOptions {
            server_no_context_takeover: None,
            client_no_context_takeover: false,
            server_max_window_bits: WindowLimit::Open,
            client_max_window_bits: WindowLimit::Open,
            threshold: 1024,
            level: 6,
            history: 4 << 10,
        }
    }
}

impl DeflateOptions {
    /// What about these options cannot work, if anything.
    pub(crate) fn broken_rule(&self) -> Option<&'static str> {
        let is_sound = |limit| match limit {
            WindowLimit::Bits(bits) => (8..=MAX_WINDOW_BITS).contains(&bits),
            WindowLimit::Open | WindowLimit::Unlimited => true,
        };
        if !is_sound(self.server_max_window_bits) || !is_sound(self.client_max_window_bits) {
            return Some("the windows of permessage-deflate must be of 8 to 15 bits");
        }
        (self.level > 9).then_some("the level of permessage-deflate must be at most 9")
    }
}

/// What our options say about a window size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WindowLimit {
    /// As the client asks (`undefined` and `true` in `ws`).
    #[default]
    Open,
    /// Ours: an offer that limits our window is declined. The client's: we do not limit it
    /// (`false` in `ws`).
    Unlimited,
    /// At most this many bits, 8 to 15. Offers of less are declined, and so are offers by clients
    /// whose own window cannot be limited.
    Bits(u8),
}

/// What server and client agreed on; its `Display` is the header value of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeflateParams {
    /// The server forgets each message before the next.
    pub server_no_context_takeover: bool,
    /// The client does.
    pub client_no_context_takeover: bool,
    /// The server's window, 8 to 15 bits; `None` for 15.
    pub server_max_window_bits: Option<u8>,
    /// The client's window, 8 to 15 bits; `None` for 15.
    pub client_max_window_bits: Option<u8>,
}

impl DeflateParams {
    /// How the server compresses.
    pub fn server_class(&self) -> DeflateClass {
        DeflateClass {
            window_bits: self.server_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
            no_context: self.server_no_context_takeover,
        }
    }

    /// How the client compresses.
    pub fn client_class(&self) -> DeflateClass {
        DeflateClass {
            window_bits: self.client_max_window_bits.unwrap_or(MAX_WINDOW_BITS),
            no_context: self.client_no_context_takeover,
        }
    }
}

impl fmt::Display for DeflateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if self.client_no_context_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if let Some(bits) = self.server_max_window_bits {
            write!(f, "; server_max_window_bits={bits}")?;
        }
        if let Some(bits) = self.client_max_window_bits {
            write!(f, "; client_max_window_bits={bits}")?;
        }
        Ok(())
    }
}

/// How one side compresses. Connections of one class take the same bytes of a message compressed by
/// itself, so that a broadcast is compressed once for each class: a key for whoever keeps the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeflateClass {
    /// The logarithm of the window's size in bytes, 8 to 15.
    pub window_bits: u8,
    /// Each message is compressed by itself.
    pub no_context: bool,
}

impl DeflateClass {
    /// Bytes back to which a message may refer, those of the messages before it included.
    pub(super) fn window_size(self) -> usize {
        1 << self.window_bits.clamp(8, MAX_WINDOW_BITS)
    }
}

/// Answers the header `Sec-WebSocket-Extensions` of a client: the first offer of
/// `permessage-deflate` that the options allow, or `None` when there is no such offer.
///
/// # Errors
/// As `ws`, which refuses the handshake with status 400: an illegal header, an illegal parameter in
/// any of the offers, or offers of which none is allowed.
pub fn negotiate(
    header: &str,
    options: &DeflateOptions,
) -> Result<Option<DeflateParams>, ExtensionError> {
    let extensions = extension::parse(header)?;
    let offers = extensions.iter().filter(|extension| extension.name == NAME);
    let offers: Vec<Offer> = offers.map(Offer::new).collect::<Result<_, _>>()?;
    if offers.is_empty() {
        return Ok(None);
    }
    let accepted = offers.iter().find_map(|offer| offer.accept(options));
    accepted.ok_or(ExtensionError::NoneAcceptable).map(Some)
}

/// What a client offers.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// `Some(None)` is a client that can be limited and leaves the size to us.
    client_max_window_bits: Option<Option<u8>>,
}

impl Offer {
    fn new(extension: &Extension<'_>) -> Result<Self, ExtensionError> {
        let mut offer = Offer::default();
        for param in &extension.params {
            let is_repeated = match param.name {
                "server_no_context_takeover" => {
                    std::mem::replace(&mut offer.server_no_context_takeover, flag(param)?)
                }
                "client_no_context_takeover" => {
                    std::mem::replace(&mut offer.client_no_context_takeover, flag(param)?)
                }
                "server_max_window_bits" => {
                    let bits = bits(param)?.ok_or(ExtensionError::InvalidParameter)?;
                    offer.server_max_window_bits.replace(bits).is_some()
                }
                "client_max_window_bits" => {
                    offer.client_max_window_bits.replace(bits(param)?).is_some()
                }
                _ => return Err(ExtensionError::UnknownParameter),
            };
            if is_repeated {
                return Err(ExtensionError::RepeatedParameter);
            }
        }
        Ok(offer)
    }

    fn accept(&self, options: &DeflateOptions) -> Option<DeflateParams> {
        if self.server_no_context_takeover && options.server_no_context_takeover == Some(false) {
            return None;
        }
        let server_max_window_bits =
            match (options.server_max_window_bits, self.server_max_window_bits) {
                (WindowLimit::Unlimited, Some(_)) => return None,
                (WindowLimit::Bits(ours), Some(theirs)) if ours > theirs => return None,
                (WindowLimit::Bits(ours), _) => Some(ours),
                (_, theirs) => theirs,
            };
        let client_max_window_bits =
            match (options.client_max_window_bits, self.client_max_window_bits) {
                (WindowLimit::Bits(_), None) => return None,
                (WindowLimit::Bits(ours), Some(Some(theirs))) if ours > theirs => return None,
                (WindowLimit::Bits(ours), Some(_)) => Some(ours),
                (WindowLimit::Unlimited, _) => None,
                (WindowLimit::Open, theirs) => theirs.flatten(),
            };
        Some(DeflateParams {
            server_no_context_takeover: self.server_no_context_takeover
                || options.server_no_context_takeover == Some(true),
            client_no_context_takeover: self.client_no_context_takeover
                || options.client_no_context_takeover,
            server_max_window_bits,
            client_max_window_bits,
        })
    }
}

/// A parameter that has no value.
fn flag(param: &Param<'_>) -> Result<bool, ExtensionError> {
    match param.value {
        None => Ok(true),
        Some(_) => Err(ExtensionError::InvalidParameter),
    }
}

/// A window size: 8 to 15, without leading zeros (RFC 7692 §7.1.2).
fn bits(param: &Param<'_>) -> Result<Option<u8>, ExtensionError> {
    Ok(match param.value.as_deref() {
        None => None,
        Some("8") => Some(8),
        Some("9") => Some(9),
        Some("10") => Some(10),
        Some("11") => Some(11),
        Some("12") => Some(12),
        Some("13") => Some(13),
        Some("14") => Some(14),
        Some("15") => Some(15),
        Some(_) => return Err(ExtensionError::InvalidParameter),
    })
}
