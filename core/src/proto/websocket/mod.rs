//! WebSocket frames and messages (RFC 6455 §5, RFC 7692), in place and without IO.
//!
//! ```text
//!  0               1               2               3
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! |F|R|R|R| opcode|M| length (7)  | length (16 if 126, 64 if 127) |
//! +-+-+-+-+-------+-+-------------+-------------------------------+
//! | masking key (32, from clients only)  | payload ...            |
//! +--------------------------------------+------------------------+
//! ```

mod decoder;
pub mod deflate;
mod error;
pub mod extension;
mod frame;
mod header;
pub mod mask;
mod payload;

pub use decoder::{CloseFrame, Decoder, Feed, Limits, Message, Role};
pub use error::Error;
pub use frame::Frame;
pub use header::{Opcode, encode_header};

/// Whether a close frame may carry `code` (RFC 6455 §7.4 and the IANA registry up to 1014).
pub fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
