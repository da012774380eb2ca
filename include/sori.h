// Sori: an embeddable realtime engine that serves Socket.IO clients, plain WebSockets and server-sent
// events. The C face: a server whose events you fetch, or have handed to your handlers; and, further
// down, clients of Socket.IO servers, sori_client, and of plain WebSocket servers,
// sori_websocket_client.
//
// TOUR
// A program that fetches its events:
//
//     sori_server *server;
//     uint16_t port;
//     if (sori_server_new(NULL, &server) != SORI_OK) abort();
//     if (sori_server_listen(server, "127.0.0.1", 3000, &port) != SORI_OK) abort();
//     for (;;) {
//         sori_event *events[64];
//         size_t count;
//         if (sori_server_poll(server, events, 64, -1, &count) != SORI_OK) break;
//         for (size_t i = 0; i < count; i++) {
//             sori_socket socket = sori_event_socket(events[i]);
//             switch (sori_event_kind_of(events[i])) {
//             case SORI_EVENT_CONNECT:
//                 sori_server_accept(server, socket);
//                 break;
//             case SORI_EVENT_MESSAGE:
//                 sori_server_emit(server, socket, "echo", sori_event_args(events[i]).data, NULL);
//                 break;
//             default:
//                 break;
//             }
//             sori_event_free(events[i]);
//         }
//     }
//     sori_server_free(server);
//
// The same with a handler:
//
//     static void echo(const sori_server *server, const sori_event *event, void *user_data)
//     {
//         sori_server_emit(server, sori_event_socket(event), "echo", sori_event_args(event).data, NULL);
//     }
//
//     sori_server_on(server, SORI_EVENT_MESSAGE, "/", NULL, echo, NULL, NULL);
//     sori_server_run(server);
//
// Link with `pkg-config --cflags --libs sori`, or in CMake find_package(sori) and sori::sori. Whole
// programs are in examples/c: echo.c and rooms.c have handlers, chat.c waits in poll(2), ticker.c lives
// in the event loop of libuv.
//
// WHAT THERE IS
// a server       sori_server_new, _listen, _listen_tls, _listen_unix, _adopt, _close, _close_within,
//                _free, _metrics, _prometheus, _cork, _uncork; its settings are sori_server_options
// its events     sori_server_poll, _fd; or sori_server_on, _run, _dispatch; what they say: sori_event_...
// clients        sori_server_accept, _refuse, _disconnect, _close_connection, _set_user_data, _find
// messages       sori_server_emit, _emit_with_ack, _answer; to many: _broadcast, _broadcast_with_ack
// rooms          sori_server_join, _leave, _leave_all, _rooms, _all_rooms, _sockets; for many: _join_many,
//                _leave_many, _disconnect_many
// WebSockets     sori_server_open_websockets, sori_server_websocket_...
// server-sent    sori_server_open_sse, sori_server_sse_...
//   events
// a client       sori_client_..., of Socket.IO servers; sori_websocket_client_..., of WebSocket servers
//
// A SOCKET'S LIFE
// One SORI_EVENT_CONNECT, which you answer with sori_server_accept() or sori_server_refuse(). Once
// accepted: any number of messages and acks, in the order in which the client sent them. Then
// exactly one SORI_EVENT_DISCONNECT, whoever ended it, and nothing after that: keep what you know of
// a socket from accept until then, by sori_server_set_user_data() or on your own. A socket that was
// never accepted has no disconnect event. A plain WebSocket's life goes from SORI_EVENT_WEBSOCKET_OPEN
// to SORI_EVENT_WEBSOCKET_CLOSE, that of a client of server-sent events from SORI_EVENT_SSE_OPEN to
// SORI_EVENT_SSE_CLOSE.
//
// STATUS
// Calls that can fail return a sori_status. When it is not SORI_OK nothing has happened, and
// sori_last_error() says more. A NULL pointer is an error, never a crash, except where it is said to
// be allowed. No call lets a panic of the library out.
//
// OWNERSHIP
// What a call named ..._new stores, and ..._poll(), sori_server_rooms() and sori_server_all_rooms(), is
// yours: give it back once with the ..._free of its type. Free of NULL is fine. What functions of an
// event or a list return is lent: it lives until that is freed. What you pass in is copied, or not
// needed once the call returns; where a call keeps something of yours it says so.
//
// THREADS
// Any call whose handle is const may be made beside any other call, from any thread, on the same
// server or client. The ..._free of a handle must be the only one. Commands of one thread take effect
// in the order in which they were given. One thread should poll, or run handlers: two would each get
// some of a socket's events. Handlers are called by the thread that runs them and by no other. Signal
// handlers may call nothing of this.
//
// THE REST OF THE PROGRAM
// What the library writes raises no SIGPIPE, and it handles no signal. Its descriptors are closed in
// programs that yours starts. A child of fork() has none of its threads: until it starts a program, it
// may call nothing of this. Loaded by dlopen(), the library may be unloaded when everything is freed; it
// goes with the last thread that has called it. A server with redis_url keeps a thread for some seconds
// longer if its Redis does not answer: do not unload before that has ended.
//
// TIME
// The library calls nobody when a time of yours is up: give sori_server_poll() or
// sori_server_dispatch() the time that is left until then, or watch sori_server_fd() in an event loop
// that has timers. An emit to sockets from another thread needs no help of the one that polls.
//
// TEXT
// All text is UTF-8, in and out; what you pass ends with a NUL, and what you are given does too.
// Arguments are JSON arrays, for example [1,"two"]. What you are given is valid JSON; what you pass
// is checked.
//
// STRUCTS
// Those that begin with `size` are filled by a ..._default function, which takes sizeof of the
// struct as you compile it. So programs go on working with later releases, which append fields.
//
// TOO MUCH
// When more than max_pending_events wait, the server stops reading from its clients until you take
// some: nothing is lost. A client that reads too slowly is disconnected at max_queued_bytes. A
// client of this library stops reading in the same way; its emits and sends give SORI_FULL at
// max_queued_bytes.


#ifndef SORI_H
#define SORI_H

// Made by cbindgen from ffi-c/src: change it there.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The window is the one that the client asks for.
#define SORI_WINDOW_AS_ASKED 0

// The window is not limited; an offer that limits the server's is declined.
#define SORI_WINDOW_UNLIMITED 1

// The server forgets each message before the next when the client asks for it.
#define SORI_CONTEXT_AS_ASKED 0

// It always does: less memory, larger messages.
#define SORI_CONTEXT_FORGOTTEN 1

// It never does; an offer that asks for it is declined.
#define SORI_CONTEXT_KEPT 2

// Clients may use HTTP long polling.
#define SORI_TRANSPORT_POLLING 1

// Clients may use a WebSocket.
#define SORI_TRANSPORT_WEBSOCKET 2

// Socket.IO: namespaces, events, acks, rooms.
#define SORI_PROTOCOL_SOCKET_IO 0

// Messages go to the program and come from it as they are: SORI_EVENT_RAW_*, sori_server_raw_send().
#define SORI_PROTOCOL_ENGINE_IO 1

// JSON text, each binary value in a message of its own (npm socket.io-parser).
#define SORI_PARSER_JSON 0

// MessagePack, binary values inside (npm socket.io-msgpack-parser).
#define SORI_PARSER_MESSAGE_PACK 1

// Requests that other sites caused carry the cookie when a visitor follows a link.
#define SORI_SAME_SITE_LAX 0

// They never do.
#define SORI_SAME_SITE_STRICT 1

// They always do; cookie_secure has to be 1 then.
#define SORI_SAME_SITE_NONE 2

// A client for whom more than max_queued_bytes would wait is disconnected; a plain WebSocket with
// code 1008.
#define SORI_OVERFLOW_CLOSE 1

// What would make more than max_queued_bytes wait for a client is dropped.
#define SORI_OVERFLOW_DROP 2

// npm @socket.io/redis-adapter's createAdapter, which @socket.io/redis-emitter speaks too.
#define SORI_REDIS_CLASSIC 0

// Its createShardedAdapter, over the sharded channels of Redis 7; its subscriptionMode is "dynamic": a
// broadcast to one room is carried only to servers that have members of it, but to all if the room is
// that of a socket's own id.
#define SORI_REDIS_SHARDED 1

// The same with "static": every broadcast is carried to all servers.
#define SORI_REDIS_SHARDED_STATIC 2

// The same with "dynamic-private": rooms of sockets' own ids are as all others.
#define SORI_REDIS_SHARDED_PRIVATE 3

// That of npm @socket.io/redis-streams-adapter 0.3: broadcasts go through a stream, so that none is lost
// while a server has lost Redis for a moment. With recovery_ms clients come back to any server of the
// cluster; what can be missed then reaches the clients of this server, too, by way of the stream.
#define SORI_REDIS_STREAMS 4

// Bytes that a socket's id takes, with its NUL.
#define SORI_SOCKET_ID_SIZE 21

// Drop the message for clients that cannot take it at once.
#define SORI_EMIT_VOLATILE 1

// Of sori_server_broadcast_with_ack() alone: SORI_EVENT_BROADCAST_ANSWER tells of each answer when it
// comes, and SORI_EVENT_BROADCAST_ACK then has none.
#define SORI_EMIT_ANSWERS_ONE_BY_ONE 2

// A message is text, in UTF-8.
#define SORI_WEBSOCKET_TEXT 1

// A message is bytes.
#define SORI_WEBSOCKET_BINARY 2

// How a call went. Values are never renumbered; new ones may be added.
enum sori_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // All is well.
    SORI_OK = 0,
    // A pointer is NULL that must not be.
    SORI_NULL_ARGUMENT = 1,
    // An argument or a setting cannot be what it is; sori_last_error() says why.
    SORI_INVALID_ARGUMENT = 2,
    // A text is no JSON, or not of the kind that is asked for.
    SORI_INVALID_JSON = 3,
    // The socket has disconnected, was never accepted, or was accepted or refused before.
    SORI_GONE = 4,
    // The server, or the client, has been closed.
    SORI_CLOSED = 5,
    // The operating system refused; sori_last_error() says what.
    SORI_IO = 6,
    // This system has no such thing.
    SORI_UNSUPPORTED = 7,
    // A bug in Sori. The server may be in disorder: free it.
    SORI_PANIC = 8,
    // More waits to be sent than the client's options allow; nothing was queued.
    SORI_FULL = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sori_status sori_status;
#else
typedef int32_t sori_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event says. New kinds may be added: free and ignore those you do not know.
enum sori_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No event: what a NULL pointer is.
    SORI_EVENT_NONE = 0,
    // A client asks to join a namespace, perhaps with sori_event_auth(). Of the HTTP request that
    // opened its connection tell sori_event_url(), sori_event_query(), sori_event_header(),
    // sori_event_remote_address(). Answer with sori_server_accept() or sori_server_refuse(), now or
    // later.
    SORI_EVENT_CONNECT = 1,
    // An event of a client: sori_event_name(), sori_event_args(), sori_event_attachment(). If
    // sori_event_has_ack(), the client waits for sori_server_answer().
    SORI_EVENT_MESSAGE = 2,
    // A client's answer to sori_server_emit_with_ack(): sori_event_ack(), sori_event_args(),
    // sori_event_attachment().
    SORI_EVENT_ACK = 3,
    // The time of sori_server_emit_with_ack() is up: sori_event_ack().
    SORI_EVENT_ACK_TIMEOUT = 4,
    // An accepted socket is gone: sori_event_reason(), sori_event_description(),
    // sori_event_room(). Its last event; each accepted socket has exactly one.
    SORI_EVENT_DISCONNECT = 5,
    // What sori_server_broadcast_with_ack() came to: sori_event_ack(), sori_event_answer_args(),
    // sori_event_is_timed_out().
    SORI_EVENT_BROADCAST_ACK = 6,
    // The server is closed. The last event.
    SORI_EVENT_CLOSED = 7,
    // A client wants to open a connection and waits for sori_server_allow() or sori_server_deny(), as
    // options.ask_handshakes demands: sori_event_token(), and of its HTTP request sori_event_url() and
    // the others, as with SORI_EVENT_CONNECT.
    SORI_EVENT_HANDSHAKE = 8,
    // A client's answer to sori_server_broadcast_with_ack() with SORI_EMIT_ANSWERS_ONE_BY_ONE:
    // sori_event_ack(), sori_event_args(), sori_event_attachment(). Of a client of another server,
    // sori_event_socket() is 0 and only the namespace is told. SORI_EVENT_BROADCAST_ACK comes last.
    SORI_EVENT_BROADCAST_ANSWER = 9,
    // Another server of the cluster says something: sori_event_namespace(), sori_event_name(),
    // sori_event_args() and its attachments. If sori_event_has_ack(), it waits for
    // sori_server_answer_server(). While too many events wait for sori_server_poll(), what other
    // servers say is dropped.
    SORI_EVENT_SERVER_MESSAGE = 10,
    // The other servers have answered sori_server_ask_servers(), or the time is up:
    // sori_event_ack(), sori_event_answer_count() and others, sori_event_is_timed_out().
    SORI_EVENT_SERVER_ANSWERS = 11,
    // What sori_server_fetch_sockets() asked for: sori_event_ack() is the request's id,
    // sori_event_args() a JSON array of objects {"id","handshake","rooms","data"} as socket.io's
    // fetchSockets() gives them, where `data` is what sori_server_set_recovery_data() was given.
    // sori_event_is_timed_out() tells whether a server had not answered.
    SORI_EVENT_SOCKETS = 12,
    // What sori_server_count_servers() asked for: sori_event_ack() is the request's id,
    // sori_event_token() the number; 0 if nobody could tell in time.
    SORI_EVENT_SERVER_COUNT = 13,
    // A plain WebSocket is open. Of its HTTP request tell sori_event_url() and the others, as with
    // SORI_EVENT_CONNECT.
    SORI_EVENT_WEBSOCKET_OPEN = 16,
    // A message of a WebSocket: sori_event_data(), sori_event_is_binary().
    SORI_EVENT_WEBSOCKET_MESSAGE = 17,
    // A WebSocket's answer to sori_server_websocket_ping(): sori_event_data().
    SORI_EVENT_WEBSOCKET_PONG = 18,
    // What was queued for a WebSocket, more than options.high_water, has left.
    SORI_EVENT_WEBSOCKET_DRAIN = 19,
    // A WebSocket is closed: sori_event_close_code(), sori_event_reason() as its peer gave them,
    // sori_event_description(), sori_event_room(). Its last event; each has exactly one.
    SORI_EVENT_WEBSOCKET_CLOSE = 20,
    // A client wants a plain WebSocket and waits for sori_server_websocket_allow() or
    // sori_server_websocket_deny(), as options.ask_handshakes of its path demands: sori_event_token(),
    // sori_event_namespace(), and of its HTTP request sori_event_url() and the others, as with
    // SORI_EVENT_CONNECT.
    SORI_EVENT_WEBSOCKET_HANDSHAKE = 21,
    // A client of server-sent events is there. Of its HTTP request tell sori_event_url() and the others,
    // as with SORI_EVENT_CONNECT.
    SORI_EVENT_SSE_OPEN = 24,
    // A client of server-sent events is gone, or reads too slowly: sori_event_room(). Its last event;
    // each has exactly one.
    SORI_EVENT_SSE_CLOSE = 25,
    // A client wants server-sent events and waits for sori_server_sse_allow() or
    // sori_server_sse_deny(), as options.ask_handshakes of its path demands: sori_event_token(),
    // sori_event_namespace(), and of its HTTP request sori_event_url() and the others, as with
    // SORI_EVENT_CONNECT.
    SORI_EVENT_SSE_HANDSHAKE = 26,
    // A connection without Socket.IO is open: sori_event_socket_id(). Of its HTTP request tell
    // sori_event_url() and the others, as with SORI_EVENT_CONNECT.
    SORI_EVENT_RAW_OPEN = 32,
    // A message of a connection without Socket.IO: sori_event_data(), sori_event_is_binary().
    SORI_EVENT_RAW_MESSAGE = 33,
    // All up to the message that sori_server_raw_send() was given sori_event_token() for has been
    // handed to the transport.
    SORI_EVENT_RAW_SENT = 34,
    // A connection without Socket.IO is carried by a WebSocket from now on.
    SORI_EVENT_RAW_UPGRADE = 35,
    // A connection without Socket.IO is over: sori_event_reason(), sori_event_description(). Its last
    // event; each has exactly one.
    SORI_EVENT_RAW_CLOSE = 36,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sori_event_kind sori_event_kind;
#else
typedef int32_t sori_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event of a client says. New kinds may be added: free and ignore those you do not know.
enum sori_client_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No event: what a NULL pointer is.
    SORI_CLIENT_NONE = 0,
    // A socket is connected: sori_client_event_socket_id(), sori_client_event_is_recovered(). What
    // was emitted meanwhile leaves at once.
    SORI_CLIENT_CONNECT = 1,
    // A socket could not be connected: sori_client_event_reason(). If
    // sori_client_event_is_refused() the server refused it, perhaps with sori_client_event_args(),
    // and it is not tried again; otherwise there is no connection, and the client tries again if
    // its options allow.
    SORI_CLIENT_CONNECT_ERROR = 2,
    // An event of the server: sori_client_event_name(), sori_client_event_args(),
    // sori_client_event_attachment(). If sori_client_event_has_ack(), the server waits for
    // sori_client_answer().
    SORI_CLIENT_MESSAGE = 3,
    // The server's answer to sori_client_emit_with_ack(): sori_client_event_ack(),
    // sori_client_event_args(), sori_client_event_attachment().
    SORI_CLIENT_ACK = 4,
    // No answer comes to sori_client_emit_with_ack(): sori_client_event_ack(),
    // sori_client_event_reason(), "operation has timed out" or "socket has been disconnected".
    SORI_CLIENT_ACK_ERROR = 5,
    // A socket is disconnected: sori_client_event_reason(), sori_client_event_description(). It
    // comes back by itself, if the client's options allow, unless the reason is "io server
    // disconnect" or "io client disconnect".
    SORI_CLIENT_DISCONNECT = 6,
    // The client tries to come back: sori_client_event_attempt().
    SORI_CLIENT_RECONNECT_ATTEMPT = 7,
    // The client is back at the server: sori_client_event_attempt(). SORI_CLIENT_CONNECT of its
    // sockets follows.
    SORI_CLIENT_RECONNECT = 8,
    // The client gave up after as many attempts as its options allow. sori_client_connect() begins
    // anew.
    SORI_CLIENT_RECONNECT_FAILED = 9,
    // The client is closed. The last event.
    SORI_CLIENT_CLOSED = 10,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sori_client_event_kind sori_client_event_kind;
#else
typedef int32_t sori_client_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event of a WebSocket client says. New kinds may be added: free and ignore those you do not
// know.
enum sori_websocket_client_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // No event: what a NULL pointer is.
    SORI_WEBSOCKET_CLIENT_NONE = 0,
    // It is open: sori_websocket_client_event_protocol(). What was sent meanwhile leaves at once.
    SORI_WEBSOCKET_CLIENT_OPEN = 1,
    // A message of the server, in UTF-8: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_TEXT = 2,
    // A message of the server, of bytes: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_BINARY = 3,
    // The server's answer to a ping: sori_websocket_client_event_data().
    SORI_WEBSOCKET_CLIENT_PONG = 4,
    // It was open and is closed: sori_websocket_client_event_code(),
    // sori_websocket_client_event_reason(). It comes back if its options allow.
    SORI_WEBSOCKET_CLIENT_CLOSED = 5,
    // The server could not be reached, or did not agree: sori_websocket_client_event_reason(). It is
    // tried again if the options allow.
    SORI_WEBSOCKET_CLIENT_UNREACHABLE = 6,
    // There will be no further attempt. The last event.
    SORI_WEBSOCKET_CLIENT_ENDED = 7,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum sori_websocket_client_event_kind sori_websocket_client_event_kind;
#else
typedef int32_t sori_websocket_client_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// One connection to a Socket.IO server, of Sori or of npm socket.io, for all the namespaces that are
// wanted of it; its thread, and the events that wait. Opaque.
//
//     sori_client *client;
//     sori_client_socket chat;
//     if (sori_client_new("http://127.0.0.1:3000", NULL, &client) != SORI_OK) abort();
//     if (sori_client_connect(client, "/", NULL, &chat) != SORI_OK) abort();
//     sori_client_emit(client, chat, "hello", "[\"world\",1]", NULL);
//     for (;;) {
//         sori_client_event *event;
//         size_t count;
//         if (sori_client_poll(client, &event, 1, -1, &count) != SORI_OK) break;
//         if (sori_client_event_kind_of(event) == SORI_CLIENT_MESSAGE)
//             printf("%s %s\n", sori_client_event_name(event).data, sori_client_event_args(event).data);
//         sori_client_event_free(event);
//     }
//     sori_client_free(client);
//
// What is emitted without a connection waits for the next one. A client that loses its connection
// comes back by itself, and its sockets are connected anew, unless one side disconnected them.
typedef struct sori_client sori_client;

// One event of a client. Opaque; what its functions give lives until it is freed.
typedef struct sori_client_event sori_client_event;

// One event. Opaque; what its functions give lives until it is freed.
typedef struct sori_event sori_event;

// A list of rooms. Opaque.
typedef struct sori_rooms sori_rooms;

// A server: its IO threads, its connections and the events that wait. Opaque.
typedef struct sori_server sori_server;

// A certificate and its private key, for sori_server_listen_tls(). Opaque.
typedef struct sori_tls sori_tls;

// A plain WebSocket to a server, of Sori or any other, without Socket.IO; its thread, and the events
// that wait. Opaque.
//
//     sori_websocket_client *client;
//     if (sori_websocket_client_new("ws://127.0.0.1:3000/feed", NULL, &client) != SORI_OK) abort();
//     sori_websocket_client_send(client, SORI_WEBSOCKET_TEXT, (const uint8_t *)"hello", 5);
//     for (;;) {
//         sori_websocket_client_event *event;
//         size_t count;
//         if (sori_websocket_client_poll(client, &event, 1, -1, &count) != SORI_OK) break;
//         if (sori_websocket_client_event_kind_of(event) == SORI_WEBSOCKET_CLIENT_TEXT)
//             printf("%s\n", (const char *)sori_websocket_client_event_data(event).data);
//         sori_websocket_client_event_free(event);
//     }
//     sori_websocket_client_free(client);
//
// What is sent before it is open waits for that. It does not come back by itself unless its options
// say so; what was sent meanwhile leaves then.
typedef struct sori_websocket_client sori_websocket_client;

// One event of a WebSocket client. Opaque; what its functions give lives until it is freed.
typedef struct sori_websocket_client_event sori_websocket_client_event;

// How messages over WebSockets are compressed for clients that can (permessage-deflate, RFC 7692). Fill
// it with sori_deflate_options_default(), change what you want, and let the settings of a server or of
// a path of plain WebSockets point to it.
//
// A client may make several offers. One that makes none goes without compression; one whose offers are
// all declined is turned away (400), as by npm ws.
typedef struct sori_deflate_options {
    // sizeof(sori_deflate_options), set by sori_deflate_options_default().
    size_t size;
    // Where no message is remembered, those of fewer bytes go as they are. Default 1,024.
    size_t threshold;
    // Where they are remembered, so many bytes of what a client was sent are kept for the next message
    // to refer to, for each client. Default 4,096.
    size_t history;
    // zlib's level, 1 (fast) to 9 (small). Default 6.
    uint32_t level;
    // The window of what the server sends: at most so many bits, 8 to 15, where offers of less are
    // declined, or of SORI_WINDOW_*. Default SORI_WINDOW_AS_ASKED.
    uint32_t server_max_window_bits;
    // The window of what clients send: at most so many bits, 8 to 15, where clients that cannot limit
    // theirs are declined, or of SORI_WINDOW_*. Default SORI_WINDOW_AS_ASKED.
    uint32_t client_max_window_bits;
    // Whether the server forgets each message before the next, of SORI_CONTEXT_*. Default
    // SORI_CONTEXT_AS_ASKED.
    uint32_t server_no_context_takeover;
    // Whether clients have to: 1 or 0. Default 0: as they like.
    uint32_t client_no_context_takeover;
} sori_deflate_options;

// The settings of a server. Fill them with sori_server_options_default(), then change what you
// want.
typedef struct sori_server_options {
    // sizeof(sori_server_options), set by sori_server_options_default().
    size_t size;
    // Path under which clients find the server. Default "/socket.io".
    const char *path;
    // From one pong to the next ping. Default 25,000.
    uint32_t ping_interval_ms;
    // How long a pong may take. Default 20,000.
    uint32_t ping_timeout_ms;
    // How long an upgrade from polling to WebSocket may take. Default 10,000.
    uint32_t upgrade_timeout_ms;
    // How long a connection may stay in no namespace. Default 45,000.
    uint32_t connect_timeout_ms;
    // How long the head of an HTTP request, and then its body, may take. Default 30,000.
    uint32_t request_timeout_ms;
    // How long a closing connection is given to take what is queued for it. Default 30,000.
    uint32_t close_timeout_ms;
    // How long a client that lost its connection may take to come back with its id, its rooms and
    // what it missed. 0, the default: it cannot.
    uint32_t recovery_ms;
    // Most binary attachments in one packet of a client. Default 10.
    uint32_t max_attachments;
    // Transports that are served, of SORI_TRANSPORT_*. Default: all.
    uint32_t transports;
    // Whether a polling connection may become a WebSocket: 1 or 0. Default 1.
    uint32_t allow_upgrades;
    // IO threads, at most 256. 0, the default: one per core.
    uint32_t threads;
    // Largest message a client may send, in bytes. Default 1,000,000.
    size_t max_payload;
    // Most bytes queued for one slow client; over it the client is disconnected ("transport
    // error"). Default 16 MiB.
    size_t max_queued_bytes;
    // Most events that wait for sori_server_poll() before the server stops reading from its
    // clients. Nothing is lost then. It stops at 64 MiB of messages too. Default 65,536.
    size_t max_pending_events;
    // Most connections at once; more are answered 503. 0, the default: no limit.
    size_t max_connections;
    // Whether clients of Socket.IO 1 and 2 (Engine.IO protocol 3) are served: 1 or 0. Default 0.
    uint32_t allow_eio3;
    // Messages of so many bytes and more are compressed (permessage-deflate) over the WebSockets of
    // clients that can, and theirs may be. 0, the default: none. 1024 is a good value.
    size_t deflate_threshold;
    // What messages mean, one of SORI_PROTOCOL_*. Default SORI_PROTOCOL_SOCKET_IO.
    uint32_t protocol;
    // How Socket.IO packets are written, one of SORI_PARSER_*; clients must be made with the same.
    // To this program nothing changes. Default SORI_PARSER_JSON.
    uint32_t parser;
    // Whether SORI_EVENT_HANDSHAKE asks about every client that wants to open a connection: 1 or 0.
    // Default 0: all may.
    uint32_t ask_handshakes;
    // Origins whose pages may use the server, separated by blanks, for example
    // "https://app.example"; "*" for all. NULL, the default: browsers let none but those of the
    // server's own.
    const char *cors_origins;
    // Whether browsers may send cookies from pages of those origins: 1 or 0. With "*" they never do.
    // Default 0.
    uint32_t cors_credentials;
    // Whether the cookie is sent over TLS alone: 1 or 0. Default 0.
    uint32_t cookie_secure;
    // The name of a cookie with the session's id that a polling handshake sets, for load balancers
    // that keep a client with its node. NULL, the default: none.
    const char *cookie;
    // Polling answers of at least so many bytes are compressed; SIZE_MAX for none. Default 1,024.
    size_t http_compression_threshold;
    // What happens over max_queued_bytes, of SORI_OVERFLOW_*. Default SORI_OVERFLOW_CLOSE.
    uint32_t overflow;
    // Most messages a second of one client in the long run; at one more it is disconnected
    // ("transport error"). An event is a message, and so is each attachment. 0, the default: no
    // limit.
    uint32_t rate_per_second;
    // Most messages at once, after a time of silence. 0, the default: as many as in a second.
    uint32_t rate_burst;
    // Most messages a second of all clients of an address together in the long run; the client that
    // sends one more is disconnected ("transport error"). Of IPv6 the first 64 bits count as the
    // address. 0, the default: no limit.
    uint32_t address_rate_per_second;
    // Most of them at once, after a time of silence. 0, the default: as many as in a second.
    uint32_t address_rate_burst;
    // Most connections of an address at once; more are answered 429. 0, the default: no limit.
    size_t max_connections_per_address;
    // The header in which the proxy before the server writes the client's address, for the limits
    // by address, for example "X-Forwarded-For"; of a list the last counts. Without a proxy clients
    // would write it themselves. NULL, the default: the peer's address is the client's.
    const char *address_header;
    // A server that was not closed, on whose IO threads this one runs too, in place of `threads` of
    // its own. They take turns, and either may be closed and freed before the other; the threads end
    // with the last. NULL, the default: none.
    const struct sori_server *share_threads;
    // The Redis where the servers of a cluster meet, in a wire format of npm
    // @socket.io/redis-adapter or @socket.io/redis-streams-adapter (redis_format):
    // "redis://[user[:password]@]host[:port][/database]", "rediss://..." behind TLS, or
    // "unix:///path/of/the.sock". It need not be there from the start.
    // NULL, the default: no cluster.
    const char *redis_url;
    // What stands before the names of all its channels. NULL, the default: "socket.io".
    const char *redis_key;
    // How long other servers may take to answer. Default 5,000.
    uint32_t redis_timeout_ms;
    // With recovery_ms: most packets kept in one namespace for those who are away; the oldest go
    // first. Default 100,000.
    size_t recovery_max_packets;
    // With recovery_ms: most bytes of such packets in one namespace. Default 64 MiB.
    size_t recovery_max_bytes;
    // A message that every client gets right behind the open packet. NULL, the default: none. Copied.
    const uint8_t *initial_packet;
    // Its length in bytes.
    size_t initial_packet_length;
    // Path of the listeners under which Prometheus finds the counters, for example "/metrics"; whoever
    // reaches them can read it. NULL, the default: none.
    const char *metrics_path;
    // With cors_origins: methods that a preflight allows, separated by blanks. NULL, the default: GET,
    // HEAD, PUT, PATCH, POST and DELETE.
    const char *cors_methods;
    // With cors_origins: request headers that a preflight allows, separated by blanks. NULL, the
    // default: those it asks for.
    const char *cors_allowed_headers;
    // With cors_origins: answer headers that pages may read, separated by blanks. NULL, the default:
    // none.
    const char *cors_exposed_headers;
    // With cookie: the path under which browsers send it; "" leaves it to them. NULL, the default: "/".
    const char *cookie_path;
    // With cookie: the domain whose hosts are sent it. NULL, the default: the server's host alone.
    const char *cookie_domain;
    // With initial_packet: SORI_WEBSOCKET_TEXT, the default, or SORI_WEBSOCKET_BINARY.
    uint32_t initial_packet_kind;
    // How long a broadcast waits for answers when it does not say. Default 10,000.
    uint32_t broadcast_ack_timeout_ms;
    // With deflate_threshold: zlib's level, 1 (fast) to 9 (small). Default 6.
    uint32_t deflate_level;
    // With cors_origins: how long browsers may remember a preflight, in seconds. 0, the default: they
    // decide.
    uint32_t cors_max_age_s;
    // With cookie: how long browsers keep it, in seconds. 0, the default: until they are closed.
    uint32_t cookie_max_age_s;
    // With cookie: when requests that other sites caused carry it, of SORI_SAME_SITE_*. Default
    // SORI_SAME_SITE_LAX.
    uint32_t cookie_same_site;
    // With cookie: whether scripts cannot read it: 1 or 0. Default 1.
    uint32_t cookie_http_only;
    // Most connections of HTTP at once: those whose request is being read or answered, and those
    // that a client keeps for its next. One that becomes a WebSocket no longer counts. At one more
    // the client is answered 503 whatever it asks, over TLS closed without an answer. 0 for no limit.
    // Default 65,536.
    size_t max_http_connections;
    // How messages over WebSockets are compressed, in detail, in place of deflate_threshold and
    // deflate_level. NULL, the default: as those say. Copied.
    const struct sori_deflate_options *deflate;
    // With cors_origins "*": whether each page is let in by the name of its own origin, so that
    // cors_credentials holds for all of them: any page of the web may then act in the name of its
    // visitor. 1 or 0. Default 0.
    uint32_t cors_reflect;
    // With redis_url: the wire format of the cluster, of SORI_REDIS_*. Default SORI_REDIS_CLASSIC.
    uint32_t redis_format;
    // With SORI_REDIS_STREAMS: over how many streams the namespaces are spread (streamCount). Default 1.
    uint32_t redis_stream_count;
    // With SORI_REDIS_STREAMS: the stream's name, or what the names of several begin with (streamName).
    // NULL, the default: "socket.io".
    const char *redis_stream;
    // With SORI_REDIS_STREAMS: about how many entries a stream keeps (maxLen). Default 10,000.
    uint64_t redis_stream_entries;
    // With SORI_REDIS_STREAMS: what stands before the names of the records of sockets that may come back
    // (sessionKeyPrefix). Not empty. NULL, the default: "sio:session:".
    const char *redis_session_prefix;
} sori_server_options;

// A server's counters at one moment.
typedef struct sori_metrics {
    // sizeof(sori_metrics).
    size_t size;
    // Connections open now.
    uint64_t connections;
    // Connections opened since the start.
    uint64_t opened;
    // Connections refused because of max_connections or max_connections_per_address.
    uint64_t refused;
    // Messages received from clients.
    uint64_t received;
    // Messages queued to clients; a broadcast counts once per receiver.
    uint64_t sent;
    // Volatile messages dropped because a client was not ready for them.
    uint64_t dropped_volatile;
    // Connections closed because they read too slowly.
    uint64_t closed_slow;
    // Times that reading paused because too many events waited for sori_server_poll().
    uint64_t paused;
    // Namespaces that there are.
    uint64_t namespaces;
    // Sockets that lost their connection and may come back; none where Redis keeps them.
    uint64_t recovery_sockets;
    // Packets kept for them.
    uint64_t recovery_packets;
    // Bytes of those packets.
    uint64_t recovery_bytes;
    // Messages dropped because a client's queue was full.
    uint64_t dropped_full;
    // Messages for the other servers of the cluster.
    uint64_t cluster_published;
    // Messages that came over its Redis, the server's own that come back among them.
    uint64_t cluster_received;
    // Those that were dropped because they are malformed or of an unknown kind.
    uint64_t cluster_refused;
    // Messages for other servers that were dropped because too much waited to go out.
    uint64_t cluster_dropped;
    // Connections of HTTP open now.
    uint64_t http_connections;
    // Connections of HTTP refused because of max_http_connections.
    uint64_t refused_http;
} sori_metrics;

// Takes one event, which is freed when it returns: what is to be kept has to be copied. It may make
// any call on the server but sori_server_free(). In C++ it may throw; in C it must not longjmp out.
typedef void (*sori_handler)(const struct sori_server *server,
                             const struct sori_event *event,
                             void *user_data);

// Gives back what a handler was registered with.
typedef void (*sori_finalizer)(void *user_data);

// A socket: one client in one namespace, one plain WebSocket, or one client of server-sent events.
// Never 0, and never used for another socket of the same server, so it may be kept after the socket is
// gone; calls with it then give SORI_GONE. So do calls for another kind of socket.
typedef uint64_t sori_socket;

// Text that belongs to somebody else: UTF-8, with a NUL behind it that does not count.
typedef struct sori_text {
    // The first character. Never NULL: what is not there is an empty text.
    const char *data;
    // How many bytes there are. A name that a client chose may have a NUL within: only the length
    // tells where it ends.
    size_t length;
} sori_text;

// Bytes that belong to somebody else. `data` may be NULL if `length` is 0.
typedef struct sori_bytes {
    // The first byte.
    const uint8_t *data;
    // How many there are.
    size_t length;
} sori_bytes;

// How to send a message, beyond its name and arguments.
typedef struct sori_emit_options {
    // sizeof(sori_emit_options), set by sori_emit_options_default().
    size_t size;
    // Binary attachments. The arguments name the one at index N by {"_placeholder":true,"num":N}.
    const struct sori_bytes *attachments;
    // How many attachments there are. Default 0.
    size_t attachment_count;
    // Of SORI_EMIT_*. Default 0. An answer to an ack takes none.
    uint32_t flags;
} sori_emit_options;

// The sockets of a namespace that are in any of some rooms (none: all of them) and in none of some
// others. Every socket is in a room named like its id, until it leaves that. A NULL audience is everybody.
typedef struct sori_audience {
    // sizeof(sori_audience).
    size_t size;
    // The rooms to reach.
    const char *const *rooms;
    // How many they are.
    size_t room_count;
    // The rooms to leave out.
    const char *const *except;
    // How many they are.
    size_t except_count;
    // Whether those of other servers of the cluster are left out: 1 or 0. Default 0.
    uint32_t local;
} sori_audience;

// The settings of a path of plain WebSockets. Fill them with sori_websocket_options_default(), then
// change what you want.
typedef struct sori_websocket_options {
    // sizeof(sori_websocket_options), set by sori_websocket_options_default().
    size_t size;
    // Subprotocols that are spoken: of those a client offers, the first that is among them is agreed
    // on. A client without one is let in all the same.
    const char *const *protocols;
    // How many they are. Default 0.
    size_t protocol_count;
    // Origins, for example "https://example.com", whose pages may open one; others are answered 403.
    // Programs that are no browsers name no origin and are let in.
    const char *const *origins;
    // How many they are. 0, the default: every page may.
    size_t origin_count;
    // Largest message a peer may send, in bytes; 0 for no limit. Default 100 MiB.
    size_t max_payload;
    // Most bytes that wait for a slow peer; 0 for no limit. A single message may be larger. Default
    // 16 MiB.
    size_t max_queued_bytes;
    // SORI_EVENT_WEBSOCKET_DRAIN comes when more bytes than this have waited and none does any more.
    // Default 16 KiB.
    size_t high_water;
    // How long a peer may take to answer a close. Default 30,000.
    uint32_t close_timeout_ms;
    // What happens over max_queued_bytes, of SORI_OVERFLOW_*. Default SORI_OVERFLOW_CLOSE.
    uint32_t overflow;
    // Whether messages are compressed (permessage-deflate) for peers that can: 1 or 0. Default 0.
    uint32_t compression;
    // Whether SORI_EVENT_WEBSOCKET_HANDSHAKE asks about every client that wants one and that nothing
    // above turns away: 1 or 0. Default 0: all may.
    uint32_t ask_handshakes;
    // Most frames of one message; 0 for no limit. Default 16,384.
    uint32_t max_fragments;
    // Most pings of a peer that takes nothing, before its stream is dropped; 0 for no limit. Default 60.
    uint32_t max_pending_pongs;
    // How messages are compressed, in detail, in place of `compression`. NULL, the default: as that
    // says. Copied.
    const struct sori_deflate_options *deflate;
    // Whether text of peers comes unchecked, which is faster, and need not be UTF-8 then: 1 or 0.
    // Default 0.
    uint32_t skip_utf8_validation;
    // Messages a second of one peer in the long run; one that sends more is closed with 1008. 0, the
    // default: any number.
    uint32_t rate_per_second;
    // With rate_per_second: messages at once after a time of silence; 0, the default: as many.
    uint32_t rate_burst;
    // The same of all peers of an address together on this path; of IPv6 the first 64 bits count.
    // 0, the default: any number.
    uint32_t address_rate_per_second;
    // With address_rate_per_second: messages at once; 0, the default: as many.
    uint32_t address_rate_burst;
} sori_websocket_options;

// The settings of a path of server-sent events. Fill them with sori_sse_options_default(), then change
// what you want.
typedef struct sori_sse_options {
    // sizeof(sori_sse_options), set by sori_sse_options_default().
    size_t size;
    // How many of the last broadcasts with an id are kept for clients that come back. Default 0.
    size_t history;
    // Most clients at once; more are answered 503. 0, the default: any number.
    size_t max_clients;
    // Most bytes that wait for a slow client, whose stream is ended over that; 0 for no limit. A single
    // event may be larger. Default 1 MiB.
    size_t max_queued_bytes;
    // Whether SORI_EVENT_SSE_HANDSHAKE asks about every client: 1 or 0. Default 0: all may.
    uint32_t ask_handshakes;
} sori_sse_options;

// One server-sent event. Fill it with sori_sse_message_default(), then set what it has.
typedef struct sori_sse_message {
    // sizeof(sori_sse_message), set by sori_sse_message_default().
    size_t size;
    // The data. Its line breaks arrive as LF, whichever they were. NULL, the default: empty.
    const char *data;
    // What clients call the event, without a line break. NULL, the default: "message".
    const char *event_name;
    // What clients send back as Last-Event-ID when they come back, without a line break. NULL, the
    // default: nothing, and a broadcast is not kept in the history.
    const char *id;
    // How long clients wait before they come back, from now on, in milliseconds. Negative, the default:
    // nothing is said.
    int32_t retry_ms;
} sori_sse_message;

// The settings of a client. Fill them with sori_client_options_default(), then change what you
// want.
typedef struct sori_client_options {
    // sizeof(sori_client_options), set by sori_client_options_default().
    size_t size;
    // Path under which the server listens. Default "/socket.io/".
    const char *path;
    // Headers of every request, each as "Name: value". Default NULL: none.
    const char *const *headers;
    // How many headers there are. Default 0.
    size_t header_count;
    // Certificates in PEM, one behind the other, that are trusted beside those of the system.
    // Default NULL: none.
    const char *root_certificates;
    // The transports to use, of SORI_TRANSPORT_*. With both, polling comes first and is upgraded.
    // Default: both.
    uint32_t transports;
    // Whether the client comes back after it lost its connection or got none: 1 or 0. Default 1.
    uint32_t reconnection;
    // Wait before the first attempt to come back; each further one waits twice as long. Default
    // 1,000.
    uint32_t reconnection_delay_ms;
    // Longest such wait. Default 5,000.
    uint32_t reconnection_delay_max_ms;
    // How far such a wait may be off its mark at random, from 0 to 1. Default 0.5.
    double randomization_factor;
    // Attempts in a row before the client gives up. 0, the default: no limit.
    uint32_t reconnection_attempts;
    // How long connecting may take, handshake included. Default 20,000.
    uint32_t timeout_ms;
    // How long a closing connection is given to send what is queued. Default 5,000.
    uint32_t close_timeout_ms;
    // Most binary attachments in one packet of the server. Default 10.
    uint32_t max_attachments;
    // Largest message that the server may send, in bytes; over it the connection is closed. Default
    // 16 MiB.
    size_t max_payload;
    // Most bytes that wait to be sent, for the server or for a connection; over it emits give
    // SORI_FULL. A single message may be larger. Default 16 MiB.
    size_t max_queued_bytes;
    // Most events that wait for sori_client_poll() before the client stops reading. Nothing is lost
    // then. It stops at 64 MiB of messages too. Default 65,536.
    size_t max_pending_events;
    // Whether a polling connection tries to become a WebSocket, if `transports` has both: 1 or 0.
    // Default 1.
    uint32_t upgrade;
} sori_client_options;

// One namespace of a client: a number that stays the same as long as the client lives, whether it
// is connected or not.
typedef uint32_t sori_client_socket;

// The settings of a WebSocket client. Fill them with sori_websocket_client_options_default(), then
// change what you want.
typedef struct sori_websocket_client_options {
    // sizeof(sori_websocket_client_options), set by sori_websocket_client_options_default().
    size_t size;
    // Headers of the request, each as "Name: value". Default NULL: none.
    const char *const *headers;
    // How many headers there are. Default 0.
    size_t header_count;
    // Subprotocols to offer, the preferred one first. Default NULL: none.
    const char *const *protocols;
    // How many they are. Default 0.
    size_t protocol_count;
    // Certificates in PEM, one behind the other, that are trusted beside those of the system.
    // Default NULL: none.
    const char *root_certificates;
    // How long connecting may take, handshake included. Default 20,000.
    uint32_t timeout_ms;
    // How long a closing WebSocket is given to send what is queued. Default 5,000.
    uint32_t close_timeout_ms;
    // Whether the client comes back after it lost its connection or got none: 1 or 0. Default 0.
    uint32_t reconnection;
    // Wait before the first attempt to come back; each further one waits twice as long. Default
    // 1,000.
    uint32_t reconnection_delay_ms;
    // Longest such wait. Default 5,000.
    uint32_t reconnection_delay_max_ms;
    // Attempts in a row before the client gives up. 0, the default: no limit.
    uint32_t reconnection_attempts;
    // How far such a wait may be off its mark at random, from 0 to 1. Default 0.5.
    double randomization_factor;
    // Largest message that the server may send, in bytes; over it the connection is closed. Default
    // 16 MiB.
    size_t max_payload;
    // Most bytes that wait to be sent, for the server or for a connection; over it calls give
    // SORI_FULL. A single message may be larger. Default 16 MiB.
    size_t max_queued_bytes;
    // Most events that wait for sori_websocket_client_poll() before the client stops reading. Nothing
    // is lost then. It stops at 64 MiB of messages too. Default 65,536.
    size_t max_pending_events;
} sori_websocket_client_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// What a status means, in English. Static; never NULL, whatever the number.
const char *sori_status_text(int32_t status);

// More about the last call of this thread that did not give SORI_OK, for people. Never NULL; lives
// until the next such call of this thread.
const char *sori_last_error(void);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_deflate_options_default(struct sori_deflate_options *options, size_t size);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_server_options_default(struct sori_server_options *options, size_t size);

// Writes the server's counters as Prometheus reads them (text format 0.0.4), for a page of one's own;
// options.metrics_path has the server's listener serve them. Stores as much as there is room for in
// `text`, with a NUL behind it, and in `*length` how long all of it is, without the NUL: if that is not
// below `capacity`, ask again with more room. `text` may be NULL if `capacity` is 0. Each of `labels` is
// written "name=value" and stands on every sample, by which the servers of one program are told apart; a
// name is letters, digits and underscores, and begins with no digit.
sori_status sori_server_prometheus(const struct sori_server *server,
                                   const char *const *labels,
                                   size_t label_count,
                                   char *text,
                                   size_t capacity,
                                   size_t *length);

// The version of the library, for example "0.1.0". Static.
const char *sori_version(void);

// Starts a server's IO threads and stores the server in `*server`. `options` may be NULL: the
// defaults. Nothing is stored on failure.
sori_status sori_server_new(const struct sori_server_options *options, struct sori_server **server);

// Closes the server, waits for its threads, unless others share them, and gives everything back but
// the events that were taken. Clients are given 2 seconds to answer the end of their WebSocket, so it
// may take that long. It must be the only call on the server. NULL is fine.
void sori_server_free(struct sori_server *server);

// Accepts connections on `host`, a name or an address, and `port`; 0 lets the system choose. The
// port bound is stored in `*bound`, which may be NULL. One server may listen on several.
sori_status sori_server_listen(const struct sori_server *server,
                               const char *host,
                               uint16_t port,
                               uint16_t *bound);

// Takes over a TCP connection that your program accepted, for programs with an HTTP server of their
// own: `fd` is its descriptor, and `read` the `length` bytes that were read from it so far, from the
// first byte of a request's head on. All that comes after is the server's to read and to answer: that
// request, whether it asks for a WebSocket or for long polling, and those that follow it on the same
// connection. What is not under options.path is answered 404.
//
// The descriptor is the server's from then on, which will close it; on failure it stays yours.
// SORI_UNSUPPORTED on Windows.
sori_status sori_server_adopt(const struct sori_server *server,
                              int fd,
                              const uint8_t *read,
                              size_t length);

// Lets clients ask for a namespace, for example "/admin". "/" is open from the start; clients that
// ask for one that is not are refused ("Invalid namespace") without an event.
sori_status sori_server_open_namespace(const struct sori_server *server, const char *name);

// Lets clients ask for every namespace whose name begins with `prefix`, for example "/room-", or "/"
// for all. One that is not there is made when its first socket is accepted, and goes with its last
// socket. sori_event_namespace() of a SORI_EVENT_CONNECT is the name that the client wrote.
sori_status sori_server_open_namespaces(const struct sori_server *server,
                                        const char *prefix);

// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
// time was up, in `*count`. Each event is yours until sori_event_free(), also after the server is
// freed. After SORI_EVENT_CLOSED it gives SORI_CLOSED.
sori_status sori_server_poll(const struct sori_server *server,
                             struct sori_event **events,
                             size_t capacity,
                             int32_t timeout_ms,
                             size_t *count);

// Stores in `*fd` a descriptor that is readable while events wait for sori_server_poll(), for
// poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
// the same at each call and lives as long as the server. SORI_UNSUPPORTED on Windows.
sori_status sori_server_fd(const struct sori_server *server, int *fd);

// Closes every connection and stops listening, without waiting. A disconnect event of each socket
// ("server shutting down") and then SORI_EVENT_CLOSED follow. Calls that would change something
// give SORI_CLOSED from now on. Closing again does nothing.
sori_status sori_server_close(const struct sori_server *server);

// As sori_server_close(), but what is queued for clients leaves first: they are given `timeout_ms`
// milliseconds, after which nothing is waited for any longer.
sori_status sori_server_close_within(const struct sori_server *server, uint32_t timeout_ms);

// Stores the server's counters in `*metrics`. `size` is sizeof(*metrics).
sori_status sori_server_metrics(const struct sori_server *server,
                                struct sori_metrics *metrics,
                                size_t size);

// Reads a certificate, followed by those that vouch for it, and its private key, from texts in PEM,
// and stores them in `*tls`. Nothing is stored on failure.
sori_status sori_tls_new(const char *certificates_pem, const char *key_pem, struct sori_tls **tls);

// Takes another certificate and key, for connections that come from now on, on every listener that
// was given `tls`. Open ones stay as they are. On failure nothing changes.
sori_status sori_tls_reload(const struct sori_tls *tls,
                            const char *certificates_pem,
                            const char *key_pem);

// Gives `tls` back. Listeners keep what they were given. NULL is fine.
void sori_tls_free(struct sori_tls *tls);

// As sori_server_listen(), for clients that speak TLS. Handshakes that take longer than
// request_timeout_ms are ended.
sori_status sori_server_listen_tls(const struct sori_server *server,
                                   const char *host,
                                   uint16_t port,
                                   const struct sori_tls *tls,
                                   uint16_t *bound);

// Accepts connections on a Unix socket, which is made at `path`, where nothing may be yet, and is
// removed when the server has closed. SORI_UNSUPPORTED on Windows.
sori_status sori_server_listen_unix(const struct sori_server *server, const char *path);

// Has `handler` called with every event of a kind, from sori_server_run() or
// sori_server_dispatch(). `namespace_name` and `event_name` pick among them; NULL stands for any.
// `event_name` is for SORI_EVENT_MESSAGE alone. All handlers that an event fits are called, in the
// order in which they were registered. What fits none is dropped, but a client that asks to join is
// then let in.
//
// `user_data` is handed to the handler. When the server is freed, and no handler runs any more,
// `finalizer`, unless it is NULL, is called with it once, by the thread that frees. If this call
// fails it is not called, and `user_data` stays yours.
sori_status sori_server_on(const struct sori_server *server,
                           int32_t kind,
                           const char *namespace_name,
                           const char *event_name,
                           sori_handler handler,
                           void *user_data,
                           sori_finalizer finalizer);

// Hands every event to its handlers until the server is closed and SORI_EVENT_CLOSED has been
// handed over as well: SORI_OK. To end it, call sori_server_close(), from a handler or from any
// other thread.
//
// What a C++ handler throws comes out here. The event is freed then, the others still wait, and it
// may be called again.
sori_status sori_server_run(const struct sori_server *server);

// Hands up to `most` events to their handlers, waiting up to `timeout_ms` milliseconds for the
// first: 0 does not wait, a negative timeout waits for ever. Stores in `*count`, which may be
// NULL, how many there were. For programs with an event loop: call it, without waiting, when
// sori_server_fd() is readable. After SORI_EVENT_CLOSED it gives SORI_CLOSED. For exceptions see
// sori_server_run().
sori_status sori_server_dispatch(const struct sori_server *server,
                                 size_t most,
                                 int32_t timeout_ms,
                                 size_t *count);

// From now on gathers what this thread asks of the server, until it calls sori_server_uncork(): what
// is for one client then leaves in one piece, which costs less. In between, sori_server_poll() lets it
// leave too, before it waits. Every cork needs an uncork, by the same thread.
//
// sori_server_run() and sori_server_dispatch() cork by themselves: what handlers ask for leaves when
// the events at hand have been handled.
sori_status sori_server_cork(const struct sori_server *server);

// Lets what this thread asked for since sori_server_cork() leave. Without a cork it does nothing.
sori_status sori_server_uncork(const struct sori_server *server);

// Gives an event back. NULL is fine.
void sori_event_free(struct sori_event *event);

// What the event says; SORI_EVENT_NONE for NULL.
sori_event_kind sori_event_kind_of(const struct sori_event *event);

// The socket it speaks of; 0 for kinds that speak of none.
sori_socket sori_event_socket(const struct sori_event *event);

// What sori_server_set_user_data() was last given for the socket, also in the socket's
// SORI_EVENT_DISCONNECT; NULL if nothing.
void *sori_event_user_data(const struct sori_event *event);

// The socket's id, which its client knows too: 20 characters; of a client of server-sent events empty.
struct sori_text sori_event_socket_id(const struct sori_event *event);

// The namespace's name, for example "/".
struct sori_text sori_event_namespace(const struct sori_event *event);

// SORI_EVENT_CONNECT: the JSON object that the client sent as `auth`; empty if it sent none.
struct sori_text sori_event_auth(const struct sori_event *event);

// SORI_EVENT_CONNECT: whether the client lost its connection a while ago and comes back, once it is
// accepted, with its id, its rooms and what it missed. It is a new sori_socket all the same.
bool sori_event_is_recovered(const struct sori_event *event);

// SORI_EVENT_CONNECT: what sori_server_set_recovery_data() was last given for the socket that comes
// back; empty if nothing, or if it is no socket that comes back.
struct sori_text sori_event_recovery_data(const struct sori_event *event);

// SORI_EVENT_RAW_SENT: the token that sori_server_raw_send() was given. SORI_EVENT_HANDSHAKE,
// SORI_EVENT_WEBSOCKET_HANDSHAKE and SORI_EVENT_SSE_HANDSHAKE: the ticket for the call that allows and
// the one that denies. SORI_EVENT_SERVER_COUNT: the number.
uint64_t sori_event_token(const struct sori_event *event);

// SORI_EVENT_MESSAGE, SORI_EVENT_SERVER_MESSAGE: the event's name.
struct sori_text sori_event_name(const struct sori_event *event);

// SORI_EVENT_MESSAGE, SORI_EVENT_SERVER_MESSAGE and the answers to acks: the arguments, a valid JSON
// array; SORI_EVENT_SOCKETS: the sockets. Binary ones stand as
// {"_placeholder":true,"num":N} for the attachment at index N; a client can write any N.
struct sori_text sori_event_args(const struct sori_event *event);

// SORI_EVENT_MESSAGE and the answers to acks: how many binary attachments came with it.
size_t sori_event_attachment_count(const struct sori_event *event);

// The attachment at `index`; empty past the end.
struct sori_bytes sori_event_attachment(const struct sori_event *event, size_t index);

// Whether the event carries an ack's id: SORI_EVENT_MESSAGE if the client waits for an answer, and
// all kinds that tell of an ack.
bool sori_event_has_ack(const struct sori_event *event);

// The ack's id; 0, which can be an id too, if there is none.
uint64_t sori_event_ack(const struct sori_event *event);

// SORI_EVENT_BROADCAST_ACK, SORI_EVENT_SERVER_ANSWERS: how many sockets or servers answered.
size_t sori_event_answer_count(const struct sori_event *event);

// The JSON array of the arguments of one answer; empty past the last. Its binary ones are among
// that answer's attachments.
struct sori_text sori_event_answer_args(const struct sori_event *event, size_t index);

// How many attachments came with one answer.
size_t sori_event_answer_attachment_count(const struct sori_event *event, size_t index);

// One attachment of one answer; empty past the last.
struct sori_bytes sori_event_answer_attachment(const struct sori_event *event,
                                               size_t index,
                                               size_t attachment);

// SORI_EVENT_BROADCAST_ACK, SORI_EVENT_SERVER_ANSWERS, SORI_EVENT_SOCKETS: whether somebody had not
// answered when the time was up.
bool sori_event_is_timed_out(const struct sori_event *event);

// SORI_EVENT_DISCONNECT: why, in Socket.IO's words, for example "transport close".
struct sori_text sori_event_reason(const struct sori_event *event);

// SORI_EVENT_DISCONNECT: more about why, for people; often empty.
struct sori_text sori_event_description(const struct sori_event *event);

// SORI_EVENT_DISCONNECT, SORI_EVENT_WEBSOCKET_CLOSE, SORI_EVENT_SSE_CLOSE: how many rooms the socket
// was in.
size_t sori_event_room_count(const struct sori_event *event);

// A room the socket was in, the one named like its id first unless it had left that; empty past
// the last.
struct sori_text sori_event_room(const struct sori_event *event, size_t index);

// SORI_EVENT_WEBSOCKET_MESSAGE, SORI_EVENT_WEBSOCKET_PONG, SORI_EVENT_RAW_MESSAGE: what came, with a
// NUL behind it that does not count. Text is UTF-8.
struct sori_bytes sori_event_data(const struct sori_event *event);

// SORI_EVENT_WEBSOCKET_MESSAGE, SORI_EVENT_RAW_MESSAGE: whether it is bytes, and not text.
bool sori_event_is_binary(const struct sori_event *event);

// SORI_EVENT_WEBSOCKET_CLOSE: the code that the peer closed with; 1005 if it gave none, 1006 if the
// connection broke off or the peer broke the protocol.
uint16_t sori_event_close_code(const struct sori_event *event);

// SORI_EVENT_CONNECT: path and query of the HTTP request that opened the connection, as the client
// wrote them, for example "/socket.io/?EIO=4&transport=websocket".
struct sori_text sori_event_url(const struct sori_event *event);

// SORI_EVENT_CONNECT: a parameter of that URL's query, percent-decoded; of a repeated one the
// first. Empty if there is none of that name.
struct sori_text sori_event_query(const struct sori_event *event, const char *name);

// SORI_EVENT_CONNECT: a header of that request, whatever the case of its name; of a repeated one
// the first. Empty if there is none of that name.
struct sori_text sori_event_header(const struct sori_event *event, const char *name);

// SORI_EVENT_CONNECT: how many headers that request has.
size_t sori_event_header_count(const struct sori_event *event);

// The name of one header, in lower case; empty past the last.
struct sori_text sori_event_header_name(const struct sori_event *event, size_t index);

// The value of one header; empty past the last.
struct sori_text sori_event_header_value(const struct sori_event *event, size_t index);

// SORI_EVENT_CONNECT: the peer's IP address, for example "127.0.0.1". Behind a proxy it is the
// proxy's.
struct sori_text sori_event_remote_address(const struct sori_event *event);

// SORI_EVENT_CONNECT: the peer's port.
uint16_t sori_event_remote_port(const struct sori_event *event);

// SORI_EVENT_CONNECT: whether that request came over TLS.
bool sori_event_is_secure(const struct sori_event *event);

// SORI_EVENT_CONNECT: when that request came, in milliseconds since 1970-01-01 UTC.
uint64_t sori_event_issued_ms(const struct sori_event *event);

// Lets a client in that asked with SORI_EVENT_CONNECT. SORI_GONE: it has left meanwhile, and no
// disconnect event follows.
sori_status sori_server_accept(const struct sori_server *server, sori_socket socket);

// Keeps a client out that asked with SORI_EVENT_CONNECT. The client is given an error with
// `message`, and with `data` if that JSON text is not NULL.
sori_status sori_server_refuse(const struct sori_server *server,
                               sori_socket socket,
                               const char *message,
                               const char *data);

// Keeps a pointer of yours with a socket, or with a client that asks to be one: each of its events
// brings it, see sori_event_user_data(). The library does not look at it. Set it before you accept,
// and give back what it points to when you are told of the disconnect, or of SORI_GONE at accept.
sori_status sori_server_set_user_data(const struct sori_server *server,
                                      sori_socket socket,
                                      void *user_data);

// Stores in `*user_data` what sori_server_set_user_data() was last given for the socket; NULL if
// nothing.
sori_status sori_server_user_data(const struct sori_server *server,
                                  sori_socket socket,
                                  void **user_data);

// Stores a socket's id, which its client knows too, in `id`, with a NUL behind it. `capacity` is
// how much room there is: SORI_SOCKET_ID_SIZE is enough.
sori_status sori_server_socket_id(const struct sori_server *server,
                                  sori_socket socket,
                                  char *id,
                                  size_t capacity);

// Stores in `*socket` the accepted socket with that id. SORI_GONE: there is none in the namespace.
sori_status sori_server_find(const struct sori_server *server,
                             const char *namespace_name,
                             const char *id,
                             sori_socket *socket);

// Keeps `json` for the socket that comes back in place of this one after its connection was lost,
// instead of what was kept before: sori_event_recovery_data() of its SORI_EVENT_CONNECT is that text.
// For nothing if options.recovery_ms is 0.
sori_status sori_server_set_recovery_data(const struct sori_server *server,
                                          sori_socket socket,
                                          const char *json);

// Sends an event to one socket. `args` is a JSON array of the arguments, or NULL for none;
// `options` may be NULL.
sori_status sori_server_emit(const struct sori_server *server,
                             sori_socket socket,
                             const char *event_name,
                             const char *args,
                             const struct sori_emit_options *options);

// Sends an event that asks for an answer and stores the ack's id in `*ack`. Exactly one of
// SORI_EVENT_ACK, SORI_EVENT_ACK_TIMEOUT and the socket's SORI_EVENT_DISCONNECT follows; a thread
// that polls beside this one may see it before this call returns. A negative timeout waits for as
// long as the socket lives.
sori_status sori_server_emit_with_ack(const struct sori_server *server,
                                      sori_socket socket,
                                      const char *event_name,
                                      const char *args,
                                      const struct sori_emit_options *options,
                                      int32_t timeout_ms,
                                      uint64_t *ack);

// Answers a message for which sori_event_has_ack() holds; `ack` is its sori_event_ack(). Arguments
// and options as with sori_server_emit().
sori_status sori_server_answer(const struct sori_server *server,
                               sori_socket socket,
                               uint64_t ack,
                               const char *args,
                               const struct sori_emit_options *options);

// Takes a socket out of its namespace; the client is told. Its disconnect event follows ("server
// namespace disconnect"), behind those of its events that wait already.
sori_status sori_server_disconnect(const struct sori_server *server, sori_socket socket);

// As sori_server_disconnect() for every socket of this one's connection, which is then closed.
sori_status sori_server_close_connection(const struct sori_server *server, sori_socket socket);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_emit_options_default(struct sori_emit_options *options, size_t size);

// Fills `audience` with everybody. `size` is sizeof(*audience).
sori_status sori_audience_default(struct sori_audience *audience, size_t size);

// Sends an event to many sockets of a namespace, to each once. Who they are is decided now: who
// joins a room later does not get it, who leaves later does. Arguments and options as with
// sori_server_emit().
sori_status sori_server_broadcast(const struct sori_server *server,
                                  const char *namespace_name,
                                  const struct sori_audience *audience,
                                  const char *event_name,
                                  const char *args,
                                  const struct sori_emit_options *options);

// As sori_server_broadcast(), and asks everybody for an answer. Stores the ack's id in `*ack`;
// SORI_EVENT_BROADCAST_ACK follows when all have answered or the time is up. A negative timeout
// stands for broadcast_ack_timeout_ms of the server's options. With SORI_EMIT_ANSWERS_ONE_BY_ONE,
// SORI_EVENT_BROADCAST_ANSWER tells of each answer before that.
sori_status sori_server_broadcast_with_ack(const struct sori_server *server,
                                           const char *namespace_name,
                                           const struct sori_audience *audience,
                                           const char *event_name,
                                           const char *args,
                                           const struct sori_emit_options *options,
                                           int32_t timeout_ms,
                                           uint64_t *ack);

// Puts many sockets into rooms.
sori_status sori_server_join_many(const struct sori_server *server,
                                  const char *namespace_name,
                                  const struct sori_audience *audience,
                                  const char *const *rooms,
                                  size_t room_count);

// Takes many sockets out of rooms.
sori_status sori_server_leave_many(const struct sori_server *server,
                                   const char *namespace_name,
                                   const struct sori_audience *audience,
                                   const char *const *rooms,
                                   size_t room_count);

// Sends an event to the other servers of the cluster that options.redis_url names, each of which has
// it as SORI_EVENT_SERVER_MESSAGE (in Node: `io.on`, as what `serverSideEmit` sends). Clients receive
// nothing. Without a cluster nobody does. Arguments and options as with sori_server_emit().
sori_status sori_server_tell_servers(const struct sori_server *server,
                                     const char *namespace_name,
                                     const char *event_name,
                                     const char *args,
                                     const struct sori_emit_options *options);

// As sori_server_tell_servers(), and asks each for an answer. Stores the ack's id in `*ack`;
// SORI_EVENT_SERVER_ANSWERS follows when all have answered or the time is up. A negative timeout
// stands for options.redis_timeout_ms.
sori_status sori_server_ask_servers(const struct sori_server *server,
                                    const char *namespace_name,
                                    const char *event_name,
                                    const char *args,
                                    const struct sori_emit_options *options,
                                    int32_t timeout_ms,
                                    uint64_t *ack);

// Answers a SORI_EVENT_SERVER_MESSAGE that sori_event_has_ack() says waits for it, before the event is
// freed. Of `args`, NULL or a JSON array, other servers are told the first. It answers once: a
// second answer counts as one of another server.
sori_status sori_server_answer_server(const struct sori_server *server,
                                      const struct sori_event *event,
                                      const char *args,
                                      const struct sori_emit_options *options);

// Asks for the sockets of all servers of the cluster, or with audience.local of this one. Stores the
// request's id in `*request`; SORI_EVENT_SOCKETS follows when all have answered or the time is up. A
// negative timeout stands for options.redis_timeout_ms.
sori_status sori_server_fetch_sockets(const struct sori_server *server,
                                      const char *namespace_name,
                                      const struct sori_audience *audience,
                                      int32_t timeout_ms,
                                      uint64_t *request);

// Asks how many servers the cluster has, this one included. Stores the request's id in `*request`;
// SORI_EVENT_SERVER_COUNT follows. A negative timeout stands for options.redis_timeout_ms.
sori_status sori_server_count_servers(const struct sori_server *server,
                                      const char *namespace_name,
                                      int32_t timeout_ms,
                                      uint64_t *request);

// Puts a socket into rooms.
sori_status sori_server_join(const struct sori_server *server,
                             sori_socket socket,
                             const char *const *rooms,
                             size_t room_count);

// Takes a socket out of rooms.
sori_status sori_server_leave(const struct sori_server *server,
                              sori_socket socket,
                              const char *const *rooms,
                              size_t room_count);

// Takes a socket out of all rooms, the one named like its id too.
sori_status sori_server_leave_all(const struct sori_server *server, sori_socket socket);

// Stores in `*rooms` a list of the rooms that a socket is in, the one named like its id first
// unless it has left that.
// Free the list with sori_rooms_free().
sori_status sori_server_rooms(const struct sori_server *server,
                              sori_socket socket,
                              struct sori_rooms **rooms);

// Stores in `*rooms` a list of the rooms of a namespace that have a member, without those that are
// named like a socket's id and hold that socket alone. How many members a room has, and who they
// are, tells sori_server_sockets(). Free the list with sori_rooms_free().
sori_status sori_server_all_rooms(const struct sori_server *server,
                                  const char *namespace_name,
                                  struct sori_rooms **rooms);

// How many rooms the list has; 0 for NULL.
size_t sori_rooms_count(const struct sori_rooms *rooms);

// The name of a room in the list, which lives until the list is freed. Empty past its end.
struct sori_text sori_rooms_name(const struct sori_rooms *rooms, size_t index);

// Gives a list back. NULL is fine.
void sori_rooms_free(struct sori_rooms *rooms);

// Takes many sockets out of their namespace, as sori_server_disconnect(); with `closes`, also closes
// their connections, as sori_server_close_connection(); on all servers of the cluster, unless
// audience.local says otherwise. WebSockets, which are in no cluster, are closed in either case, with
// code 1000.
sori_status sori_server_disconnect_many(const struct sori_server *server,
                                        const char *namespace_name,
                                        const struct sori_audience *audience,
                                        bool closes);

// Stores the sockets of an audience that are this server's in `sockets`, up to `capacity`, and in `*count` how many there
// are, which may be more. `sockets` may be NULL if `capacity` is 0.
sori_status sori_server_sockets(const struct sori_server *server,
                                const char *namespace_name,
                                const struct sori_audience *audience,
                                sori_socket *sockets,
                                size_t capacity,
                                size_t *count);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_websocket_options_default(struct sori_websocket_options *options, size_t size);

// Serves plain WebSockets, for peers without Socket.IO, at `path`, for example "/feed", on every
// listener of the server. `options` may be NULL: the defaults. Each WebSocket is a sori_socket: it
// has rooms and user data as others have. Where a call takes a namespace's name, those of "/feed" are
// named "ws:/feed".
//
// A peer's close is answered when you have taken what came before it and come for more, by
// sori_server_poll(), _run or _dispatch: what you sent until then leaves first. If you do not come it
// is answered after close_timeout_ms.
sori_status sori_server_open_websockets(const struct sori_server *server,
                                        const char *path,
                                        const struct sori_websocket_options *options);

// Gives a client its plain WebSocket that SORI_EVENT_WEBSOCKET_HANDSHAKE asked for; `ticket` is that
// event's sori_event_token(). `protocol` is the subprotocol, told only to a client that offered it;
// NULL: as options.protocols has it. SORI_EVENT_WEBSOCKET_OPEN follows, unless the client has left.
// SORI_GONE: it has left, its time (connect_timeout_ms of the server's options) was up, or it has been
// decided about.
sori_status sori_server_websocket_allow(const struct sori_server *server,
                                        uint64_t ticket,
                                        const char *protocol);

// As sori_server_websocket_allow(), but turns the client away with an HTTP status of 400 to 599, for
// example 401, and `message` as the answer's body; NULL: the status's own phrase.
sori_status sori_server_websocket_deny(const struct sori_server *server,
                                       uint64_t ticket,
                                       uint16_t status,
                                       const char *message);

// Sends one message of `length` bytes at `data`; `kind` is SORI_WEBSOCKET_TEXT or
// SORI_WEBSOCKET_BINARY.
sori_status sori_server_websocket_send(const struct sori_server *server,
                                       sori_socket socket,
                                       uint32_t kind,
                                       const uint8_t *data,
                                       size_t length);

// Sends one message to many WebSockets of a path, named like "ws:/feed", to each once. `except` is one
// of them who does not get it, in most cases the sender; 0 for nobody.
sori_status sori_server_websocket_broadcast(const struct sori_server *server,
                                            const char *namespace_name,
                                            const struct sori_audience *audience,
                                            sori_socket except,
                                            uint32_t kind,
                                            const uint8_t *data,
                                            size_t length);

// Sends a ping with up to 125 bytes at `data`; SORI_EVENT_WEBSOCKET_PONG tells of the answer. Pings of
// the peer are answered without you.
sori_status sori_server_websocket_ping(const struct sori_server *server,
                                       sori_socket socket,
                                       const uint8_t *data,
                                       size_t length);

// Closes a WebSocket: what is queued leaves first, then a close frame with `code`, for example 1000,
// and `reason`, at most 123 bytes; both may be left out (0, NULL). SORI_EVENT_WEBSOCKET_CLOSE follows
// when the peer has answered and ended the connection, or its time is up.
sori_status sori_server_websocket_close(const struct sori_server *server,
                                        sori_socket socket,
                                        uint16_t code,
                                        const char *reason);

// Drops a WebSocket's connection at once; SORI_EVENT_WEBSOCKET_CLOSE follows.
sori_status sori_server_websocket_terminate(const struct sori_server *server, sori_socket socket);

// Stops reading from a WebSocket, so that its peer has to wait, until sori_server_websocket_resume().
// A few messages that were read already still come.
sori_status sori_server_websocket_pause(const struct sori_server *server,
                                        sori_socket socket);

// Goes on reading from a WebSocket.
sori_status sori_server_websocket_resume(const struct sori_server *server, sori_socket socket);

// Stores in `*bytes` how much has been sent to a WebSocket and has not left yet.
sori_status sori_server_websocket_queued(const struct sori_server *server,
                                         sori_socket socket,
                                         size_t *bytes);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_sse_options_default(struct sori_sse_options *options, size_t size);

// Fills `message` with the defaults. `size` is sizeof(*message).
sori_status sori_sse_message_default(struct sori_sse_message *message, size_t size);

// Serves server-sent events, for browsers' EventSource, at `path`, for example "/news", on every
// listener of the server. `options` may be NULL: the defaults. Each client is a sori_socket, with an
// empty id: it has user data, and rooms for sori_server_join(), _leave(), _leave_all() and _rooms().
// The clients of "/news" are named "sse:/news". The server's CORS settings hold for them, and a comment
// goes to each that has been sent nothing for ping_interval_ms, which keeps proxies from closing it.
//
// A client that comes back says which event it saw last, the header "last-event-id" of its request. With
// options.history it is sent the broadcasts that it missed, of those to everybody and of those to the
// rooms that sori_server_sse_allow() puts it in, before anything new.
sori_status sori_server_open_sse(const struct sori_server *server,
                                 const char *path,
                                 const struct sori_sse_options *options);

// Gives a client the events that SORI_EVENT_SSE_HANDSHAKE asked for; `ticket` is that event's
// sori_event_token(). It is in `rooms` from the start; there may be none. SORI_EVENT_SSE_OPEN follows,
// unless the client has left. SORI_GONE: it has left, its time (connect_timeout_ms of the server's
// options) was up, or it has been decided about.
sori_status sori_server_sse_allow(const struct sori_server *server,
                                  uint64_t ticket,
                                  const char *const *rooms,
                                  size_t room_count);

// As sori_server_sse_allow(), but turns the client away with an HTTP status, and `message` as the
// answer's body; NULL: none. The status is 204, after which an EventSource does not come back, or one of
// 400 to 599.
sori_status sori_server_sse_deny(const struct sori_server *server,
                                 uint64_t ticket,
                                 uint16_t status,
                                 const char *message);

// Sends an event to one client.
sori_status sori_server_sse_send(const struct sori_server *server,
                                 sori_socket socket,
                                 const struct sori_sse_message *message);

// Sends an event to many clients of a path, named like "sse:/news", to each once. In a cluster it
// reaches those of this server.
sori_status sori_server_sse_broadcast(const struct sori_server *server,
                                      const char *namespace_name,
                                      const struct sori_audience *audience,
                                      const struct sori_sse_message *message);

// Ends a client's stream behind what waits for it; SORI_EVENT_SSE_CLOSE follows. An EventSource comes
// back, unless its next request is denied with 204.
sori_status sori_server_sse_close(const struct sori_server *server,
                                  sori_socket socket);

// Stores in `*count` how many clients a path, named like "sse:/news", has.
sori_status sori_server_sse_clients(const struct sori_server *server,
                                    const char *namespace_name,
                                    size_t *count);

// Sends one message of `length` bytes at `data` over a connection of a server whose
// options.protocol is SORI_PROTOCOL_ENGINE_IO; `kind` is SORI_WEBSOCKET_TEXT or
// SORI_WEBSOCKET_BINARY, whatever the transport. `flags` are of SORI_EMIT_*. If `token` is not 0,
// SORI_EVENT_RAW_SENT tells of it once the message has been handed to the transport; of what the
// connection still held when it ended it never tells.
sori_status sori_server_raw_send(const struct sori_server *server,
                                 sori_socket socket,
                                 uint32_t kind,
                                 const uint8_t *data,
                                 size_t length,
                                 uint32_t flags,
                                 uint64_t token);

// Closes a connection of a server whose options.protocol is SORI_PROTOCOL_ENGINE_IO: at once if
// `discard`, else when what is queued for it has left. SORI_EVENT_RAW_CLOSE follows.
sori_status sori_server_raw_close(const struct sori_server *server,
                                  sori_socket socket,
                                  bool discard);

// Lets a client open its connection that SORI_EVENT_HANDSHAKE told of; `ticket` is that event's
// sori_event_token(). SORI_GONE: it has left, its time (options.connect_timeout_ms) was up, or it has
// been decided about.
sori_status sori_server_allow(const struct sori_server *server,
                              uint64_t ticket);

// As sori_server_allow(), but turns the client away with `message`: polling by 403 and
// {"code":4,"message":"..."}, a WebSocket by 400.
sori_status sori_server_deny(const struct sori_server *server,
                             uint64_t ticket,
                             const char *message);

// From now on this header stands in every answer under the server's path that is no refusal, those
// of WebSocket handshakes among them. A name may be added several times.
sori_status sori_server_add_header(const struct sori_server *server,
                                   const char *name,
                                   const char *value);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_client_options_default(struct sori_client_options *options, size_t size);

// Starts a client of the server at `url`, its scheme (http, https, ws, wss), host and port, and
// perhaps a query, and stores it in `*client`. `options` may be NULL: the defaults. It connects at
// the first sori_client_connect(). Nothing is stored on failure.
sori_status sori_client_new(const char *url,
                            const struct sori_client_options *options,
                            struct sori_client **client);

// Closes the client, waits for its thread, and gives everything back but the events that were
// taken. What is queued is given close_timeout_ms, and the server 2 seconds to answer the end of a
// WebSocket, so it may take that long. It must be the only call on the client. NULL is fine.
void sori_client_free(struct sori_client *client);

// Asks for a namespace, "/" or for example "/admin", with `auth`, a JSON object or NULL, and stores
// the socket, the same at each call, in `*socket`, which may be NULL. SORI_CLIENT_CONNECT or
// SORI_CLIENT_CONNECT_ERROR follows. On a socket that is connected, or about to be, it does nothing
// but keep `auth` for the next time it comes back.
sori_status sori_client_connect(const struct sori_client *client,
                                const char *namespace_name,
                                const char *auth,
                                sori_client_socket *socket);

// Disconnects a socket: SORI_CLIENT_DISCONNECT follows ("io client disconnect") if it was connected.
// It does not come back by itself. When no socket is left the connection is closed.
sori_status sori_client_disconnect(const struct sori_client *client,
                                   sori_client_socket socket);

// Whether a socket is connected now. False for NULL.
bool sori_client_is_connected(const struct sori_client *client, sori_client_socket socket);

// Sends an event: at once, or when the socket is connected. `args` is a JSON array of the
// arguments, or NULL for none; `options` may be NULL. With SORI_EMIT_VOLATILE it is dropped unless
// it can leave at once. SORI_FULL if too much waits already.
sori_status sori_client_emit(const struct sori_client *client,
                             sori_client_socket socket,
                             const char *event_name,
                             const char *args,
                             const struct sori_emit_options *options);

// Sends an event that asks the server for an answer and stores the ack's id in `*ack`.
// SORI_CLIENT_ACK or SORI_CLIENT_ACK_ERROR with that id follows, always. The time is up after
// `timeout_ms` milliseconds, connected or not; a negative timeout waits for as long as the socket
// is connected. Otherwise as sori_client_emit().
sori_status sori_client_emit_with_ack(const struct sori_client *client,
                                      sori_client_socket socket,
                                      const char *event_name,
                                      const char *args,
                                      const struct sori_emit_options *options,
                                      int32_t timeout_ms,
                                      uint64_t *ack);

// Answers a SORI_CLIENT_MESSAGE for which sori_client_event_has_ack() holds; `ack` is its
// sori_client_event_ack(). Arguments and options as with sori_client_emit(). It does nothing if the
// socket is not connected any more.
sori_status sori_client_answer(const struct sori_client *client,
                               sori_client_socket socket,
                               uint64_t ack,
                               const char *args,
                               const struct sori_emit_options *options);

// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
// time was up, in `*count`. Each event is yours until sori_client_event_free(), also after the
// client is freed. After SORI_CLIENT_CLOSED it gives SORI_CLOSED.
sori_status sori_client_poll(const struct sori_client *client,
                             struct sori_client_event **events,
                             size_t capacity,
                             int32_t timeout_ms,
                             size_t *count);

// Stores in `*fd` a descriptor that is readable while events wait for sori_client_poll(), for
// poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
// the same at each call and lives as long as the client. SORI_UNSUPPORTED on Windows.
sori_status sori_client_fd(const struct sori_client *client, int *fd);

// Disconnects every socket and closes the connection, without waiting; what was sent before still
// leaves. A SORI_CLIENT_DISCONNECT of each connected socket and then SORI_CLIENT_CLOSED follow.
// Calls that would change something give SORI_CLOSED from now on. Closing again does nothing.
sori_status sori_client_close(const struct sori_client *client);

// What the event says; SORI_CLIENT_NONE for NULL.
sori_client_event_kind sori_client_event_kind_of(const struct sori_client_event *event);

// The socket it speaks of; 0, which is a socket too, for kinds that speak of none.
sori_client_socket sori_client_event_socket(const struct sori_client_event *event);

// The name of the socket's namespace; empty for kinds that speak of no socket.
struct sori_text sori_client_event_namespace(const struct sori_client_event *event);

// SORI_CLIENT_CONNECT: the socket's id on the server.
struct sori_text sori_client_event_socket_id(const struct sori_client_event *event);

// SORI_CLIENT_CONNECT: whether the socket was away and is the one it was before, with its id and its
// rooms; the events it missed follow.
bool sori_client_event_is_recovered(const struct sori_client_event *event);

// SORI_CLIENT_CONNECT_ERROR: whether the server refused the socket.
bool sori_client_event_is_refused(const struct sori_client_event *event);

// SORI_CLIENT_MESSAGE: the event's name.
struct sori_text sori_client_event_name(const struct sori_client_event *event);

// SORI_CLIENT_MESSAGE, SORI_CLIENT_ACK: the arguments, a valid JSON array. Binary ones stand as
// {"_placeholder":true,"num":N} for the attachment at index N; a server can write any N.
// SORI_CLIENT_CONNECT_ERROR: the JSON that the server sent with its refusal; empty if it sent none.
struct sori_text sori_client_event_args(const struct sori_client_event *event);

// SORI_CLIENT_MESSAGE, SORI_CLIENT_ACK: how many binary attachments came with it.
size_t sori_client_event_attachment_count(const struct sori_client_event *event);

// The attachment at `index`; empty past the end.
struct sori_bytes sori_client_event_attachment(const struct sori_client_event *event, size_t index);

// Whether the event carries an ack's id: SORI_CLIENT_MESSAGE if the server waits for an answer,
// SORI_CLIENT_ACK and SORI_CLIENT_ACK_ERROR.
bool sori_client_event_has_ack(const struct sori_client_event *event);

// The ack's id; 0, which can be an id too, if there is none.
uint64_t sori_client_event_ack(const struct sori_client_event *event);

// Why: SORI_CLIENT_CONNECT_ERROR, SORI_CLIENT_ACK_ERROR, and SORI_CLIENT_DISCONNECT, there in
// Socket.IO's words, for example "transport close".
struct sori_text sori_client_event_reason(const struct sori_client_event *event);

// SORI_CLIENT_DISCONNECT: more about why, for people; often empty.
struct sori_text sori_client_event_description(const struct sori_client_event *event);

// SORI_CLIENT_RECONNECT_ATTEMPT, SORI_CLIENT_RECONNECT: how often the client has tried since it last
// had a connection.
uint32_t sori_client_event_attempt(const struct sori_client_event *event);

// Gives an event back. NULL is fine.
void sori_client_event_free(struct sori_client_event *event);

// Fills `options` with the defaults. `size` is sizeof(*options).
sori_status sori_websocket_client_options_default(struct sori_websocket_client_options *options,
                                                  size_t size);

// Starts to connect to `url`, its scheme (ws, wss, http, https), host, port, path and query, and
// stores the client in `*client`. `options` may be NULL: the defaults. SORI_WEBSOCKET_CLIENT_OPEN or
// SORI_WEBSOCKET_CLIENT_UNREACHABLE follows. Nothing is stored on failure.
sori_status sori_websocket_client_new(const char *url,
                                      const struct sori_websocket_client_options *options,
                                      struct sori_websocket_client **client);

// Closes the client with code 1000, waits for its thread, and gives everything back but the events
// that were taken. What is queued is given close_timeout_ms, and the server 2 seconds to answer, so
// it may take that long. It must be the only call on the client. NULL is fine.
void sori_websocket_client_free(struct sori_websocket_client *client);

// Sends one message of `length` bytes at `data`, at once or when the client is open; `kind` is
// SORI_WEBSOCKET_TEXT or SORI_WEBSOCKET_BINARY. SORI_FULL if too much waits already.
sori_status sori_websocket_client_send(const struct sori_websocket_client *client,
                                       uint32_t kind,
                                       const uint8_t *data,
                                       size_t length);

// Sends a ping with up to 125 bytes at `data`, at once or when the client is open;
// SORI_WEBSOCKET_CLIENT_PONG tells of the answer. SORI_FULL if too much waits already. Pings of the
// server are answered without you.
sori_status sori_websocket_client_ping(const struct sori_websocket_client *client,
                                       const uint8_t *data,
                                       size_t length);

// Closes the client for good, without waiting: what was sent before leaves first, then a close frame
// with `code`, for example 1000, for which 0 stands too, and `reason`, at most 123 bytes or NULL.
// SORI_WEBSOCKET_CLIENT_CLOSED, if it was open, and SORI_WEBSOCKET_CLIENT_ENDED follow. Sending gives
// SORI_CLOSED from now on. Closing again does nothing.
sori_status sori_websocket_client_close(const struct sori_websocket_client *client,
                                        uint16_t code,
                                        const char *reason);

// Takes up to `capacity` events, waiting up to `timeout_ms` milliseconds for the first: 0 does not
// wait, a negative timeout waits for ever. Stores them in `events` and their number, 0 when the
// time was up, in `*count`. Each event is yours until sori_websocket_client_event_free(), also after
// the client is freed. After SORI_WEBSOCKET_CLIENT_ENDED it gives SORI_CLOSED.
sori_status sori_websocket_client_poll(const struct sori_websocket_client *client,
                                       struct sori_websocket_client_event **events,
                                       size_t capacity,
                                       int32_t timeout_ms,
                                       size_t *count);

// Stores in `*fd` a descriptor that is readable while events wait for sori_websocket_client_poll(),
// for poll(2), epoll and event loops. Only watch it: do not read from it, and do not close it. It is
// the same at each call and lives as long as the client. SORI_UNSUPPORTED on Windows.
sori_status sori_websocket_client_fd(const struct sori_websocket_client *client,
                                     int *fd);

// What the event says; SORI_WEBSOCKET_CLIENT_NONE for NULL.
sori_websocket_client_event_kind sori_websocket_client_event_kind_of(const struct sori_websocket_client_event *event);

// SORI_WEBSOCKET_CLIENT_OPEN: the subprotocol that the server chose; empty if it chose none.
struct sori_text sori_websocket_client_event_protocol(const struct sori_websocket_client_event *event);

// SORI_WEBSOCKET_CLIENT_TEXT, _BINARY, _PONG: what came, with a NUL behind it that does not
// count. Empty, with NULL for its data, for other kinds.
struct sori_bytes sori_websocket_client_event_data(const struct sori_websocket_client_event *event);

// SORI_WEBSOCKET_CLIENT_CLOSED: the code of the server's close frame; 1005 if that has none, 1006 if
// there was none. 0 for other kinds.
uint16_t sori_websocket_client_event_code(const struct sori_websocket_client_event *event);

// SORI_WEBSOCKET_CLIENT_CLOSED: the reason of the server's close frame, or what failed; often empty.
// SORI_WEBSOCKET_CLIENT_UNREACHABLE: why, for people.
struct sori_text sori_websocket_client_event_reason(const struct sori_websocket_client_event *event);

// Gives an event back. NULL is fine.
void sori_websocket_client_event_free(struct sori_websocket_client_event *event);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SORI_H */
