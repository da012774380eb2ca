//! A server beside other routes: in axum, and in hyper on streams that are no TCP.

use std::net::{SocketAddr, TcpStream};

use axum::Router;
use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::routing::get;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use sori::{Ack, ConnectError, ConnectRequest, DisconnectReason, Server, Socket};
use tokio::runtime::Runtime;
use tower_layer::Layer;
use tungstenite::client::IntoClientRequest;

use crate::support::app::Log;
use crate::support::steady::Steady;
use crate::support::stream::{Client, PATIENCE, ask, poll, server};

/// A program of somebody else's with a runtime of its own, and a server in it.
struct Running {
    server: Server,
    address: SocketAddr,
    /// Dropped last: it has the other program's tasks.
    _runtime: Runtime,
}

fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

impl Running {
    fn start(app: impl FnOnce(&Server) -> Router) -> Running {
        Running::start_with(app, |builder| builder)
    }

    fn start_with(
        app: impl FnOnce(&Server) -> Router,
        set: impl FnOnce(sori::ServerBuilder) -> sori::ServerBuilder,
    ) -> Running {
        let server = server(set);
        let runtime = runtime();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        let app = app(&server);
        runtime.spawn(async move { axum::serve(listener, app).await });
        Running {
            server,
            address,
            _runtime: runtime,
        }
    }

    fn layered() -> Running {
        Running::start(|server| {
            Router::new()
                .route("/", get(|| async { "a page" }))
                .layer(server.layer())
        })
    }

    fn connect(&self) -> Steady<TcpStream> {
        Steady::connect(self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.server.shutdown();
    }
}

#[test]
fn a_layer_serves_both_transports_beside_the_routes_of_axum() {
    let running = Running::layered();
    let mut one = Client::join(running.connect());
    let mut two = Client::join(running.connect());
    one.add();
    two.send(r#"42["say","hi"]"#);
    one.expect(r#"42["said","hi"]"#);
    poll("/socket.io/", || running.connect());
    let page = ask(running.connect(), "GET", "/", "");
    assert!(page.ends_with("\r\n\r\na page"), "{page}");
    let missing = ask(running.connect(), "GET", "/missing", "");
    assert!(missing.starts_with("HTTP/1.1 404"), "{missing}");
    two.add();
}

#[test]
fn a_service_serves_the_route_that_it_is_given() {
    let running = Running::start(|server| {
        let service = server.service();
        Router::new().route_service("/live/here", service)
    });
    Client::join_at(running.connect(), "/live/here").add();
    poll("/live/here", || running.connect());
    let elsewhere = ask(running.connect(), "GET", "/socket.io/", "");
    assert!(elsewhere.starts_with("HTTP/1.1 404"), "{elsewhere}");
}

#[test]
fn an_upgrade_from_polling_goes_on_over_a_stream_taken_from_axum() {
    let running = Running::layered();
    let url = "/socket.io/?EIO=4&transport=polling";
    let open = ask(running.connect(), "GET", url, "");
    let sid = open.split("\"sid\":\"").nth(1).unwrap();
    let sid = sid.split('"').next().unwrap();
    let url = format!("ws://localhost/socket.io/?EIO=4&transport=websocket&sid={sid}");
    let (stream, _) = tungstenite::client(url, running.connect()).unwrap();
    let mut client = Client { stream };
    client.send("2probe");
    client.expect("3probe");
    client.send("5");
    client.send("40");
    assert!(client.receive().starts_with("40{\"sid\":"));
    client.add();
}

#[test]
fn refusals_come_through_as_the_server_says_them() {
    let running = Running::layered();
    let unknown = ask(
        running.connect(),
        "GET",
        "/socket.io/?EIO=4&transport=polling&sid=x",
        "",
    );
    assert!(unknown.starts_with("HTTP/1.1 400"), "{unknown}");
    assert!(unknown.ends_with(r#"{"code":1,"message":"Session ID unknown"}"#));
    let url = "ws://localhost/socket.io/?EIO=4&transport=websocket&sid=x";
    match tungstenite::client(url, running.connect()) {
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            assert_eq!(response.status(), 400);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn bodies_over_the_limit_are_refused_and_not_kept() {
    let running = Running::start_with(
        |server| Router::new().layer(server.layer()),
        |builder| builder.max_payload(1_000),
    );
    let open = ask(
        running.connect(),
        "GET",
        "/socket.io/?EIO=4&transport=polling",
        "",
    );
    let sid = open.split("\"sid\":\"").nth(1).unwrap();
    let sid = sid.split('"').next().unwrap();
    let url = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    let answer = ask(running.connect(), "POST", &url, &"x".repeat(1_001));
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[test]
fn a_client_that_gives_up_its_poll_closes_its_session_as_on_the_own_listener() {
    let server = server(|builder| builder.shards(1));
    let log = Log::default();
    let gone = log.clone();
    server
        .of("/")
        .on_disconnect(move |_: Socket, reason: DisconnectReason| gone.write(reason.as_str()));
    let mut service = server.service();
    let mut ask = |method: &str, url: &str, body: &'static str| {
        let request = axum::http::Request::builder().method(method).uri(url);
        let request = request.body(axum::body::Body::from(body)).unwrap();
        tower_service::Service::call(&mut service, request)
    };
    runtime().block_on(async {
        let url = "/socket.io/?EIO=4&transport=polling";
        let open = ask("GET", url, "").await.unwrap();
        let open = axum::body::to_bytes(axum::body::Body::new(open.into_body()), 1_000).await;
        let open = String::from_utf8(open.unwrap().to_vec()).unwrap();
        let sid = open.split("\"sid\":\"").nth(1).unwrap();
        let url = format!("{url}&sid={}", sid.split('"').next().unwrap());
        assert_eq!(ask("POST", &url, "40").await.unwrap().status(), 200);
        assert_eq!(ask("GET", &url, "").await.unwrap().status(), 200);
        let poll = ask("GET", &url, "");
        // It comes behind the poll: when it is answered, the poll waits.
        assert_eq!(ask("POST", &url, "3").await.unwrap().status(), 200);
        drop(poll);
    });
    log.expect(&["transport error"]);
    server.shutdown();
}

#[test]
fn a_websocket_is_refused_where_the_other_program_keeps_its_connection_back() {
    let server = server(|builder| builder);
    let request = axum::http::Request::builder()
        .uri("/socket.io/?EIO=4&transport=websocket")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let request = request.body(axum::body::Body::empty()).unwrap();
    let answer = tower_service::Service::call(&mut server.service(), request);
    assert_eq!(runtime().block_on(answer).unwrap().status(), 501);
    server.shutdown();
}

/// What frameworks with bodies of their own ask of a service's.
#[test]
fn bodies_can_be_shared_are_empty_by_default_and_fail_with_an_error() {
    fn is_fit<B: hyper::body::Body + Default + Send + Sync + 'static>()
    where
        B::Error: std::error::Error + Send + Sync,
    {
    }
    is_fit::<sori::tower::Content>();
    is_fit::<sori::tower::LayeredContent<sori::tower::Content>>();
}

#[test]
fn the_peer_is_known_if_the_other_program_says_so() {
    async fn tell(mut request: Request, next: Next) -> axum::response::Response {
        let address: SocketAddr = "192.0.2.1:7".parse().unwrap();
        request.extensions_mut().insert(address);
        next.run(request).await
    }
    let running = Running::start(|server| {
        Router::new()
            .layer(server.layer())
            .layer(middleware::from_fn(tell))
    });
    let mut client = Client::join(running.connect());
    client.send(r#"421["whence"]"#);
    client.expect(r#"431[false,true,"/socket.io/?EIO=4&transport=websocket"]"#);
}

#[test]
fn what_layers_know_of_a_request_is_known_of_its_connection() {
    #[derive(Clone)]
    struct User(&'static str);

    async fn introduce(mut request: Request, next: Next) -> axum::response::Response {
        if request.headers().contains_key("x-ada") {
            request.extensions_mut().insert(User("Ada"));
        }
        next.run(request).await
    }
    let running = Running::start(|server| {
        let chat = server.of("/");
        chat.check(
            |request: ConnectRequest| match request.handshake().extension::<User>() {
                Some(_) => Ok(()),
                None => Err(ConnectError::new("who are you?")),
            },
        );
        chat.on("who", |socket: Socket, ack: Ack| {
            let user = socket.handshake().extension::<User>().map(|user| user.0);
            ack.send((user, socket.handshake().extension::<u8>()))
        });
        Router::new()
            .layer(server.layer())
            .layer(middleware::from_fn(introduce))
    });
    let mut request = "ws://localhost/socket.io/?EIO=4&transport=websocket"
        .into_client_request()
        .unwrap();
    let (stream, _) = tungstenite::client(request.clone(), running.connect()).unwrap();
    let mut stranger = Client { stream };
    assert!(stranger.receive().starts_with("0{"));
    stranger.send("40");
    stranger.expect(r#"44{"message":"who are you?"}"#);
    let name = tungstenite::http::HeaderValue::from_static("1");
    request.headers_mut().insert("x-ada", name);
    let (stream, _) = tungstenite::client(request, running.connect()).unwrap();
    let mut ada = Client { stream };
    assert!(ada.receive().starts_with("0{"));
    ada.send("40");
    assert!(ada.receive().starts_with("40{\"sid\":"));
    ada.send(r#"421["who"]"#);
    ada.expect(r#"431["Ada",null]"#);
}

#[test]
fn endpoints_for_plain_websockets_and_events_are_the_layers_too() {
    let running = Running::start(|server| {
        let feed = server.websockets("/feed");
        feed.on_message(|socket, message| socket.send(message));
        server.events("/news").on_open(|client| client.close());
        Router::new()
            .route("/", get(|| async { "a page" }))
            .layer(server.layer())
    });
    let news = ask(running.connect(), "GET", "/news", "");
    assert!(news.contains("text/event-stream"), "{news}");
    let (mut client, _) = tungstenite::client("ws://localhost/feed", running.connect()).unwrap();
    client.send(tungstenite::Message::text("hi")).unwrap();
    assert_eq!(client.read().unwrap(), tungstenite::Message::text("hi"));
    Client::join(running.connect()).add();
    assert!(ask(running.connect(), "GET", "/", "").ends_with("a page"));
}

#[test]
fn streams_that_are_no_tcp_are_carried_too() {
    let (server, runtime) = (server(|builder| builder), runtime());
    let layer = server.layer();
    let connect = || {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        far.set_nonblocking(true).unwrap();
        let routes = Router::new().route("/", get(|| async { "a page" }));
        let service = TowerToHyperService::new(layer.layer(routes));
        runtime.spawn(async move {
            let far = TokioIo::new(tokio::net::UnixStream::from_std(far).unwrap());
            let connection = hyper::server::conn::http1::Builder::new();
            let connection = connection.serve_connection(far, service);
            connection.with_upgrades().await
        });
        Steady::over_unix(near)
    };
    let mut client = Client::join(connect());
    client.add();
    client.take_flood(200, 50_000);
    poll("/socket.io/", connect);
    assert!(ask(connect(), "GET", "/", "").ends_with("a page"));
    server.shutdown();
}

#[test]
fn a_server_that_has_closed_says_so_and_leaves_the_other_routes_alone() {
    let running = Running::layered();
    let mut client = Client::join(running.connect());
    running.server.shutdown();
    assert!(client.stream.read().unwrap().is_close());
    let gone = ask(
        running.connect(),
        "GET",
        "/socket.io/?EIO=4&transport=polling",
        "",
    );
    assert!(gone.starts_with("HTTP/1.1 503"), "{gone}");
    assert!(ask(running.connect(), "GET", "/", "").ends_with("a page"));
}

#[test]
fn a_client_that_polls_fetches_its_end_from_a_server_that_closes_with_time() {
    let running = Running::layered();
    let url = "/socket.io/?EIO=4&transport=polling";
    let open = ask(running.connect(), "GET", url, "");
    let sid = open.split("\"sid\":\"").nth(1).unwrap();
    let sid = sid.split('"').next().unwrap();
    let session = format!("{url}&sid={sid}");
    ask(running.connect(), "POST", &session, "40");
    ask(running.connect(), "GET", &session, "");
    running.server.emit("last", 1).unwrap();
    let server = running.server.clone();
    let closing = std::thread::spawn(move || server.shutdown_within(PATIENCE));
    let mut told = String::new();
    while !told.ends_with('1') {
        let answer = ask(running.connect(), "GET", &session, "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        told.push_str(body);
    }
    assert!(told.starts_with(r#"42["last",1]"#), "{told}");
    let begun = std::time::Instant::now();
    closing.join().unwrap();
    assert!(begun.elapsed() < PATIENCE / 2);
}
