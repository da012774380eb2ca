//! Namespaces that come into being when a client asks for them, and go with their last socket.

use std::sync::Arc;

use super::namespace::{Namespace, NamespaceState};
use super::outcome::guard;
use super::router::Router;
use super::server::Server;
use crate::server::Engine;

/// What decides about names, and what a namespace begins with.
pub(super) struct Pattern {
    accepts: Box<dyn Fn(&str) -> bool + Send + Sync>,
    set_up: Box<dyn Fn(&Namespace) + Send + Sync>,
}

impl Server {
    /// Lets clients ask for every namespace whose name `accepts` likes. A namespace that is not
    /// there is made then, and `set_up` gives it its handlers and checks. It goes when its last
    /// socket has gone and nobody holds a [`Namespace`] or [`Socket`](crate::Socket) of it; a later
    /// client has it made anew. Of several patterns the first that likes a name counts.
    ///
    /// Both run on an IO thread and must not block. If two clients ask at once, `set_up` may run for
    /// each, and one of the results is used.
    ///
    /// # Examples
    /// ```no_run
    /// # use sori::{Namespace, Socket};
    /// # fn example(server: &sori::Server) {
    /// let is_workspace = |name: &str| name.starts_with("/workspace-");
    /// server.dynamic(is_workspace, |workspace: &Namespace| {
    ///     workspace.on("say", |socket: Socket, text: String| {
    ///         socket.broadcast().emit("said", text)
    ///     });
    /// });
    /// # }
    /// ```
    pub fn dynamic(
        &self,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
        set_up: impl Fn(&Namespace) + Send + Sync + 'static,
    ) {
        self.router().patterns.push(Arc::new(Pattern {
            accepts: Box::new(accepts),
            set_up: Box::new(set_up),
        }));
    }
}

/// The namespace of that name, if a pattern likes it.
pub(super) fn make(
    router: &Arc<Router>,
    engine: &Engine,
    name: &str,
) -> Option<Arc<NamespaceState>> {
    let patterns = router.patterns.all();
    let likes = |pattern: &&Arc<Pattern>| guard(|| (pattern.accepts)(name)).unwrap_or(false);
    let pattern = patterns.iter().find(likes)?;
    let state = Arc::new(NamespaceState::new(engine.hub().register_transient(name)));
    let namespace = Namespace::new(engine.clone(), Arc::clone(router), Arc::clone(&state));
    // Without its handlers and checks it must not be used.
    guard(|| (pattern.set_up)(&namespace)).ok()?;
    Some(router.adopt(state))
}
