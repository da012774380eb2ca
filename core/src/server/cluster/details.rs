//! A socket as other nodes are shown it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use serde_json::json;

use crate::embed::{Handshake, Profile, SocketRef};
use crate::hub::Namespace;
use crate::proto::cluster::{SocketDetails, Value};
use crate::server::Engine;

impl Engine {
    /// Those of `sockets` that are still there.
    pub(super) fn details(
        &self,
        namespace: &Namespace,
        sockets: impl IntoIterator<Item = SocketRef>,
    ) -> Vec<SocketDetails> {
        let known = sockets.into_iter().filter_map(|socket| {
            let id = namespace.sid_of(socket.conn)?;
            let profile = self.shared.application.profile(socket);
            let rooms = namespace.rooms_of(socket.conn).into_iter();
            let data = namespace.kept(socket.conn);
            Some(SocketDetails {
                id: (*id).into(),
                handshake: handshake_json(&profile?).into(),
                rooms: rooms.map(|room| (*room).into()).collect(),
                data: Value {
                    json: data.as_deref().unwrap_or("{}").into(),
                    attachments: Vec::new(),
                },
            })
        });
        known.collect()
    }
}

/// In the shape of socket.io's `socket.handshake`. Of repeated headers and parameters the last
/// counts.
fn handshake_json(profile: &Profile) -> String {
    let Profile { handshake, auth } = profile;
    let auth: Option<serde_json::Value> = auth
        .as_deref()
        .and_then(|auth| serde_json::from_str(auth).ok());
    let auth = auth.unwrap_or_else(|| json!({}));
    let Some(handshake) = handshake.as_deref() else {
        return json!({ "headers": {}, "query": {}, "url": "", "auth": auth }).to_string();
    };
    let headers: BTreeMap<&str, &str> = handshake.headers().collect();
    let query: BTreeMap<Cow<'_, str>, Cow<'_, str>> = handshake.query_pairs().collect();
    json!({
        "headers": headers,
        "address": handshake.remote_address().map(|address| address.ip().to_string()),
        "xdomain": handshake.has_origin(),
        "secure": handshake.is_secure(),
        "issued": issued(handshake),
        "url": handshake.url(),
        "query": query,
        "auth": auth,
    })
    .to_string()
}

/// Milliseconds since 1970.
fn issued(handshake: &Handshake) -> u64 {
    let since = handshake.issued().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}
