//! What a socket finds again when it comes back after its connection was lost.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::socket::Socket;
use crate::error::Error;

impl Socket {
    /// Keeps `value` for the socket that comes back in place of this one, instead of what was kept
    /// before. It is held as JSON, until the time to come back is over. In a
    /// cluster it is also what other servers see of this socket: `socket.data` in socket.io,
    /// [`RemoteSocket::data`](crate::RemoteSocket::data).
    ///
    /// # Errors
    /// [`Error::Misuse`] if the value cannot be JSON.
    pub fn set_recovery_data(&self, value: &impl Serialize) -> Result<(), Error> {
        let json = serde_json::to_string(value);
        let json = json.map_err(|error| Error::Misuse(format!("not JSON: {error}")))?;
        self.engine().keep(self.reference(), json.into());
        Ok(())
    }

    /// What [`Socket::set_recovery_data`] kept, on this socket or on the one that it comes back as;
    /// nothing if there is none, or if it is no `T`. Checks see it too.
    pub fn recovery_data<T: DeserializeOwned>(&self) -> Option<T> {
        let kept = self.namespace_state().hub().kept(self.reference().conn)?;
        serde_json::from_str(&kept).ok()
    }
}
