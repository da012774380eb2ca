//! A server beside other routes: a [`tower_service::Service`] and a [`tower_layer::Layer`], for axum,
//! hyper, salvo and whatever else speaks them.
//!
//! The other program owns the port and reads requests. Long polling is answered through the service.
//! A WebSocket is taken over: when the answer to its request is out, its stream moves to one of the
//! server's own IO threads, and the other program has nothing to do with it any more. A plain
//! [`tokio::net::TcpStream`] moves altogether; any other stream, TLS for example, is read and
//! written on that thread as long as the runtime it came from goes on.
//!
//! A framework that keeps hyper's `OnUpgrade` from its services, as poem does, has long polling alone: WebSockets
//! are refused with 501, and Socket.IO clients stay with polling.
//!
//! What layers put into a request's extensions, an authenticated user for example, is kept for the life
//! of the connection: [`Handshake::extension`](crate::Handshake::extension) shows it to checks and handlers.
//!
//! The address of a client is known if the request has it as an extension, as a [`SocketAddr`] or as
//! a [`Peer`].
//!
//! # Examples
//! With axum:
//! ```no_run
//! # async fn example(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
//! let server = sori::Server::builder().build()?;
//! let app = axum::Router::new()
//!     .route("/", axum::routing::get(|| async { "hello" }))
//!     .layer(server.layer());
//! axum::serve(listener, app).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With the addresses of its clients, and a layer of one's own that says who they are:
//! ```no_run
//! use axum::extract::{ConnectInfo, Request};
//! use axum::middleware::map_request;
//! use sori::{ConnectError, ConnectRequest};
//! use std::net::SocketAddr;
//!
//! #[derive(Clone)]
//! struct User(String);
//!
//! async fn introduce(ConnectInfo(address): ConnectInfo<SocketAddr>, mut request: Request) -> Request {
//!     request.extensions_mut().insert(address);
//!     request.extensions_mut().insert(User("Ada".to_owned()));
//!     request
//! }
//!
//! # async fn example(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
//! let server = sori::Server::builder().build()?;
//! server.of("/").check(|request: ConnectRequest| match request.handshake().extension::<User>() {
//!     Some(user) => Ok(request.set_data(user.clone())),
//!     None => Err(ConnectError::new("who are you?")),
//! });
//! let app = axum::Router::new()
//!     .layer(server.layer())
//!     .layer(map_request(introduce)); // behind the server's: the last layer is asked first
//! axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
//! # Ok(())
//! # }
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use hyper::upgrade::OnUpgrade;
use tokio::sync::oneshot;

use crate::Server;
pub use crate::embed::Peer;
pub use crate::server::Content;
use crate::server::Engine;
use crate::server::http_mounted::Mounted;

/// What a [`SoriService`] answers with.
pub type Answer = Response<Content>;

/// Answers requests of the server's clients, whatever their path. Clones answer for the same server.
#[derive(Clone, Debug)]
pub struct SoriService {
    engine: Engine,
}

/// Puts a server before a service: requests under the server's path
/// ([`ServerBuilder::path`](crate::ServerBuilder::path)) and those at its endpoints for plain
/// WebSockets ([`Server::websockets`]) and events ([`Server::events`]) are the server's, all others go on.
#[derive(Clone, Debug)]
pub struct SoriLayer {
    engine: Engine,
}

/// A service with a server before it; made by [`SoriLayer`].
#[derive(Clone, Debug)]
pub struct Layered<S> {
    own: SoriService,
    inner: S,
}

impl Server {
    /// The server as a service, for a route of another program's.
    pub fn service(&self) -> SoriService {
        SoriService {
            engine: self.engine().clone(),
        }
    }

    /// The server as a layer around the routes of another program.
    pub fn layer(&self) -> SoriLayer {
        SoriLayer {
            engine: self.engine().clone(),
        }
    }
}

impl<B> tower_service::Service<Request<B>> for SoriService
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Answering {
        let is_kept_back = request.extensions().get::<OnUpgrade>().is_none();
        if is_kept_back && request.headers().contains_key(http::header::UPGRADE) {
            return Answering::refused(StatusCode::NOT_IMPLEMENTED);
        }
        let upgrade = hyper::upgrade::on(&mut request);
        Answering {
            answer: take(&self.engine, request, upgrade),
        }
    }
}

fn take<B>(engine: &Engine, request: Request<B>, upgrade: OnUpgrade) -> oneshot::Receiver<Answer>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (answer, receiver) = oneshot::channel();
    let peer = head.extensions.get::<Peer>().copied();
    let peer = peer.unwrap_or_else(|| Peer {
        remote_address: head.extensions.get::<SocketAddr>().copied(),
        is_secure: head.uri.scheme() == Some(&http::uri::Scheme::HTTPS),
    });
    engine.take_mounted(Mounted {
        head,
        body: body.map_err(Into::into).boxed_unsync(),
        peer,
        upgrade,
        answer,
    });
    receiver
}

/// A [`SoriService`]'s answer on its way. Dropped, the request counts as given up by its client.
#[derive(Debug)]
pub struct Answering {
    answer: oneshot::Receiver<Answer>,
}

impl Answering {
    fn refused(status: StatusCode) -> Answering {
        let (sender, answer) = oneshot::channel();
        let mut response = Response::new(Content::default());
        *response.status_mut() = status;
        let _ = sender.send(response);
        Answering { answer }
    }
}

impl Future for Answering {
    type Output = Result<Answer, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.answer).poll(cx));
        // Without an answer the server has ended meanwhile.
        Poll::Ready(Ok(answer.unwrap_or_else(|_| {
            let mut response = Response::new(Content::default());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        })))
    }
}

impl<S> tower_layer::Layer<S> for SoriLayer {
    type Service = Layered<S>;

    fn layer(&self, inner: S) -> Layered<S> {
        let own = SoriService {
            engine: self.engine.clone(),
        };
        Layered { own, inner }
    }
}

impl<S, B, R> tower_service::Service<Request<B>> for Layered<S>
where
    S: tower_service::Service<Request<B>, Response = Response<R>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<LayeredContent<R>>;
    type Error = S::Error;
    type Future = LayeredFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (engine, path) = (&self.own.engine, request.uri().path());
        if engine.is_own_path(path) || engine.has_endpoint(path) {
            return LayeredFuture::Own(self.own.call(request));
        }
        LayeredFuture::Inner(Box::pin(self.inner.call(request)))
    }
}

/// An answer of a [`Layered`] service on its way.
#[derive(Debug)]
pub enum LayeredFuture<F> {
    /// The server's.
    Own(Answering),
    /// The inner service's.
    Inner(Pin<Box<F>>),
}

impl<F, R, E> Future for LayeredFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<LayeredContent<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            LayeredFuture::Own(own) => Pin::new(own).poll(cx).map(|answer| {
                let Ok(answer) = answer;
                Ok(answer.map(LayeredContent::own))
            }),
            LayeredFuture::Inner(inner) => inner
                .as_mut()
                .poll(cx)
                .map_ok(|response| response.map(LayeredContent::inner)),
        }
    }
}

pin_project_lite::pin_project! {
    /// The body of an answer of a [`Layered`] service. It fails as the inner service's bodies do.
    #[derive(Debug)]
    pub struct LayeredContent<R> {
        #[pin]
        of: Side<R>,
    }
}

pin_project_lite::pin_project! {
    #[derive(Debug)]
    #[project = SideProjection]
    enum Side<R> {
        Own { body: Content },
        Inner { #[pin] body: R },
    }
}

impl<R> LayeredContent<R> {
    fn own(body: Content) -> LayeredContent<R> {
        let of = Side::Own { body };
        LayeredContent { of }
    }

    fn inner(body: R) -> LayeredContent<R> {
        let of = Side::Inner { body };
        LayeredContent { of }
    }
}

/// Empty, as layers that answer by themselves want it, tower-http's for CORS and time limits among them.
impl<R> Default for LayeredContent<R> {
    fn default() -> LayeredContent<R> {
        LayeredContent::own(Content::default())
    }
}

impl<R: Body<Data = Bytes>> Body for LayeredContent<R> {
    type Data = Bytes;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, R::Error>>> {
        match self.project().of.project() {
            SideProjection::Own { body } => {
                let polled = Pin::new(body).poll_frame(cx);
                polled.map_err(|never| match never {})
            }
            SideProjection::Inner { body } => body.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.of {
            Side::Own { body } => body.is_end_stream(),
            Side::Inner { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.of {
            Side::Own { body } => body.size_hint(),
            Side::Inner { body } => body.size_hint(),
        }
    }
}
