//! The kinds of events.

/// What an event says. New kinds may be added: free and ignore those you do not know.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum sori_event_kind {
    /// No event: what a NULL pointer is.
    SORI_EVENT_NONE = 0,
    /// A client asks to join a namespace, perhaps with sori_event_auth(). Of the HTTP request that
    /// opened its connection tell sori_event_url(), sori_event_query(), sori_event_header(),
    /// sori_event_remote_address(). Answer with sori_server_accept() or sori_server_refuse(), now or
    /// later.
    SORI_EVENT_CONNECT = 1,
    /// An event of a client: sori_event_name(), sori_event_args(), sori_event_attachment(). If
    /// sori_event_has_ack(), the client waits for sori_server_answer().
    SORI_EVENT_MESSAGE = 2,
    /// A client's answer to sori_server_emit_with_ack(): sori_event_ack(), sori_event_args(),
    /// sori_event_attachment().
    SORI_EVENT_ACK = 3,
    /// The time of sori_server_emit_with_ack() is up: sori_event_ack().
    SORI_EVENT_ACK_TIMEOUT = 4,
    /// An accepted socket is gone: sori_event_reason(), sori_event_description(),
    /// sori_event_room(). Its last event; each accepted socket has exactly one.
    SORI_EVENT_DISCONNECT = 5,
    /// What sori_server_broadcast_with_ack() came to: sori_event_ack(), sori_event_answer_args(),
    /// sori_event_is_timed_out().
    SORI_EVENT_BROADCAST_ACK = 6,
    /// The server is closed. The last event.
    SORI_EVENT_CLOSED = 7,
    /// A client wants to open a connection and waits for sori_server_allow() or sori_server_deny(), as
    /// options.ask_handshakes demands: sori_event_token(), and of its HTTP request sori_event_url() and
    /// the others, as with SORI_EVENT_CONNECT.
    SORI_EVENT_HANDSHAKE = 8,
    /// A client's answer to sori_server_broadcast_with_ack() with SORI_EMIT_ANSWERS_ONE_BY_ONE:
    /// sori_event_ack(), sori_event_args(), sori_event_attachment(). Of a client of another server,
    /// sori_event_socket() is 0 and only the namespace is told. SORI_EVENT_BROADCAST_ACK comes last.
    SORI_EVENT_BROADCAST_ANSWER = 9,
    /// Another server of the cluster says something: sori_event_namespace(), sori_event_name(),
    /// sori_event_args() and its attachments. If sori_event_has_ack(), it waits for
    /// sori_server_answer_server(). While too many events wait for sori_server_poll(), what other
    /// servers say is dropped.
    SORI_EVENT_SERVER_MESSAGE = 10,
    /// The other servers have answered sori_server_ask_servers(), or the time is up:
    /// sori_event_ack(), sori_event_answer_count() and others, sori_event_is_timed_out().
    SORI_EVENT_SERVER_ANSWERS = 11,
    /// What sori_server_fetch_sockets() asked for: sori_event_ack() is the request's id,
    /// sori_event_args() a JSON array of objects {"id","handshake","rooms","data"} as socket.io's
    /// fetchSockets() gives them, where `data` is what sori_server_set_recovery_data() was given.
    /// sori_event_is_timed_out() tells whether a server had not answered.
    SORI_EVENT_SOCKETS = 12,
    /// What sori_server_count_servers() asked for: sori_event_ack() is the request's id,
    /// sori_event_token() the number; 0 if nobody could tell in time.
    SORI_EVENT_SERVER_COUNT = 13,
    /// A plain WebSocket is open. Of its HTTP request tell sori_event_url() and the others, as with
    /// SORI_EVENT_CONNECT.
    SORI_EVENT_WEBSOCKET_OPEN = 16,
    /// A message of a WebSocket: sori_event_data(), sori_event_is_binary().
    SORI_EVENT_WEBSOCKET_MESSAGE = 17,
    /// A WebSocket's answer to sori_server_websocket_ping(): sori_event_data().
    SORI_EVENT_WEBSOCKET_PONG = 18,
    /// What was queued for a WebSocket, more than options.high_water, has left.
    SORI_EVENT_WEBSOCKET_DRAIN = 19,
    /// A WebSocket is closed: sori_event_close_code(), sori_event_reason() as its peer gave them,
    /// sori_event_description(), sori_event_room(). Its last event; each has exactly one.
    SORI_EVENT_WEBSOCKET_CLOSE = 20,
    /// A client wants a plain WebSocket and waits for sori_server_websocket_allow() or
    /// sori_server_websocket_deny(), as options.ask_handshakes of its path demands: sori_event_token(),
    /// sori_event_namespace(), and of its HTTP request sori_event_url() and the others, as with
    /// SORI_EVENT_CONNECT.
    SORI_EVENT_WEBSOCKET_HANDSHAKE = 21,
    /// A client of server-sent events is there. Of its HTTP request tell sori_event_url() and the others,
    /// as with SORI_EVENT_CONNECT.
    SORI_EVENT_SSE_OPEN = 24,
    /// A client of server-sent events is gone, or reads too slowly: sori_event_room(). Its last event;
    /// each has exactly one.
    SORI_EVENT_SSE_CLOSE = 25,
    /// A client wants server-sent events and waits for sori_server_sse_allow() or
    /// sori_server_sse_deny(), as options.ask_handshakes of its path demands: sori_event_token(),
    /// sori_event_namespace(), and of its HTTP request sori_event_url() and the others, as with
    /// SORI_EVENT_CONNECT.
    SORI_EVENT_SSE_HANDSHAKE = 26,
    /// A connection without Socket.IO is open: sori_event_socket_id(). Of its HTTP request tell
    /// sori_event_url() and the others, as with SORI_EVENT_CONNECT.
    SORI_EVENT_RAW_OPEN = 32,
    /// A message of a connection without Socket.IO: sori_event_data(), sori_event_is_binary().
    SORI_EVENT_RAW_MESSAGE = 33,
    /// All up to the message that sori_server_raw_send() was given sori_event_token() for has been
    /// handed to the transport.
    SORI_EVENT_RAW_SENT = 34,
    /// A connection without Socket.IO is carried by a WebSocket from now on.
    SORI_EVENT_RAW_UPGRADE = 35,
    /// A connection without Socket.IO is over: sori_event_reason(), sori_event_description(). Its last
    /// event; each has exactly one.
    SORI_EVENT_RAW_CLOSE = 36,
}

use sori_event_kind::*;

impl sori_event_kind {
    /// A kind as C gives it: any number.
    pub(crate) fn from_number(number: i32) -> Option<sori_event_kind> {
        let kinds = [
            SORI_EVENT_NONE,
            SORI_EVENT_CONNECT,
            SORI_EVENT_MESSAGE,
            SORI_EVENT_ACK,
            SORI_EVENT_ACK_TIMEOUT,
            SORI_EVENT_DISCONNECT,
            SORI_EVENT_BROADCAST_ACK,
            SORI_EVENT_CLOSED,
            SORI_EVENT_SERVER_MESSAGE,
            SORI_EVENT_SERVER_ANSWERS,
            SORI_EVENT_SOCKETS,
            SORI_EVENT_SERVER_COUNT,
            SORI_EVENT_WEBSOCKET_OPEN,
            SORI_EVENT_WEBSOCKET_MESSAGE,
            SORI_EVENT_WEBSOCKET_PONG,
            SORI_EVENT_WEBSOCKET_DRAIN,
            SORI_EVENT_WEBSOCKET_CLOSE,
            SORI_EVENT_WEBSOCKET_HANDSHAKE,
            SORI_EVENT_SSE_OPEN,
            SORI_EVENT_SSE_CLOSE,
            SORI_EVENT_SSE_HANDSHAKE,
            SORI_EVENT_HANDSHAKE,
            SORI_EVENT_BROADCAST_ANSWER,
            SORI_EVENT_RAW_OPEN,
            SORI_EVENT_RAW_MESSAGE,
            SORI_EVENT_RAW_SENT,
            SORI_EVENT_RAW_UPGRADE,
            SORI_EVENT_RAW_CLOSE,
        ];
        kinds.into_iter().find(|kind| *kind as i32 == number)
    }
}
