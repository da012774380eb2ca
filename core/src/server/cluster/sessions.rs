//! Sockets that lost their connection here, recorded on the bus so that they can come back to any server.

use std::sync::Arc;
use std::time::Duration;

use super::Cluster;
use crate::adapter::Record;
use crate::embed::SocketRef;
use crate::hub::{Away, ConnId, Former, Namespace};
use crate::proto::cluster::Session;
use crate::server::Engine;

impl Engine {
    /// Keeps `data`, JSON, for the socket that comes back in place of this one, instead of what was kept before.
    /// For nothing if the settings have no `recovery`. The caller vouches for the JSON.
    pub fn keep(&self, socket: SocketRef, data: Arc<str>) {
        let SocketRef { conn, namespace } = socket;
        if let Some(namespace) = self.shared.hub.namespace(namespace)
            && !namespace.keep(conn, Arc::clone(&data))
        {
            namespace.with_former(conn, |mut former| {
                former.away.data = Some(data);
                // An application that describes its sockets itself knows of the end by now.
                self.record(&mut former);
            });
        }
    }

    /// The socket that `conn` had is lost.
    pub(in crate::server) fn record_lost(&self, namespace: &Namespace, conn: ConnId) {
        if self.shared.recovers_everywhere().is_some() {
            let keeps_data = self.shared.application.describes_sockets();
            namespace.with_former(conn, |mut former| {
                // Else it says what it keeps when it has been told.
                if former.away.data.is_some() || !keeps_data {
                    self.record(&mut former);
                }
            });
        }
    }

    /// Changes what is known of a socket whose connection is gone, if the application names it still.
    pub(in crate::server) fn change_former(
        &self,
        namespace: &Namespace,
        conn: ConnId,
        change: impl FnOnce(&mut Away),
    ) {
        namespace.with_former(conn, |mut former| {
            change(former.away);
            if *former.is_recorded {
                self.record(&mut former);
            }
        });
    }

    /// The socket `pid` is not to come back.
    pub(in crate::server) fn unrecord(&self, pid: &str) {
        if let Some(cluster) = self.shared.recovers_everywhere() {
            cluster.save(pid, None, Duration::ZERO, false);
        }
    }

    fn record(&self, former: &mut Former<'_>) {
        let Some(cluster) = self.shared.recovers_everywhere() else {
            return;
        };
        let Away { sid, rooms, data } = &*former.away;
        let session = Session {
            sid: (**sid).into(),
            pid: (**former.pid).into(),
            rooms: rooms.iter().map(|room| (**room).into()).collect(),
            // Others take it for an object.
            data: data.as_deref().unwrap_or("{}").into(),
        };
        // Once it has come back somewhere, what is said of it here comes too late.
        let replaces = std::mem::replace(former.is_recorded, true);
        cluster.save(former.pid, Some(&session), former.left, replaces);
    }
}

impl Cluster {
    pub(super) fn session_key(&self, pid: &str) -> Box<str> {
        [&*self.session_prefix, pid].concat().into()
    }

    fn save(&self, pid: &str, session: Option<&Session>, lifetime: Duration, replaces: bool) {
        if let Some(bus) = self.bus.get() {
            bus.save(Record {
                key: self.session_key(pid),
                value: session.map(Session::write),
                lifetime,
                replaces,
            });
        }
    }
}
