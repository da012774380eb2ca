// Plain WebSockets: who is let in, messages both ways, rooms, slow peers, and every way to an end.

#include <poll.h>

#include "check.h"
#include "client.h"

static sori_server *start_with(uint16_t *port, const sori_websocket_options *options)
{
    sori_server *server = start(port);
    CHECK(sori_server_open_websockets(server, "/feed", options) == SORI_OK);
    return server;
}

static sori_socket opened(const sori_server *server)
{
    sori_event *event = next_event(server, SORI_EVENT_WEBSOCKET_OPEN);
    sori_socket socket = sori_event_socket(event);
    CHECK_TEXT(sori_event_namespace(event), "ws:/feed");
    CHECK(strncmp(sori_event_url(event).data, "/feed", 5) == 0);
    CHECK(sori_event_socket_id(event).length == 20);
    sori_event_free(event);
    return socket;
}

static client *open_feed(uint16_t port)
{
    client *peer = client_open_websocket(port, "/feed?x=1", NULL, NULL);
    CHECK(peer != NULL);
    return peer;
}

static sori_status send_text(const sori_server *server, sori_socket socket, const char *text)
{
    return sori_server_websocket_send(server, socket, SORI_WEBSOCKET_TEXT, (const uint8_t *)text,
                                      strlen(text));
}

// Has the end of a peer answered, which is all that there is to do.
static void answer_end(const sori_server *server)
{
    struct pollfd watched = {.events = POLLIN};
    CHECK(sori_server_fd(server, &watched.fd) == SORI_OK);
    CHECK(poll(&watched, 1, DEADLINE_MS) == 1);
    check_no_event(server);
}

static void messages_go_both_ways(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    client *peer = open_feed(port);
    sori_socket socket = opened(server);
    client_send(peer, "소리");
    client_send_binary(peer, "\0\1", 2);
    client_send(peer, "");
    sori_event *text = next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE);
    sori_event *binary = next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE);
    sori_event *empty = next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE);
    CHECK(sori_event_socket(text) == socket && !sori_event_is_binary(text));
    CHECK(strcmp((const char *)sori_event_data(text).data, "소리") == 0);
    CHECK(sori_event_data(text).length == strlen("소리"));
    CHECK(sori_event_is_binary(binary) && sori_event_data(binary).length == 2);
    CHECK(memcmp(sori_event_data(binary).data, "\0\1", 3) == 0);
    CHECK(sori_event_data(empty).length == 0 && sori_event_data(empty).data[0] == 0);

    sori_bytes data = sori_event_data(binary);
    CHECK(send_text(server, socket, "hello") == SORI_OK);
    CHECK(sori_server_websocket_send(server, socket, SORI_WEBSOCKET_BINARY, data.data, data.length) ==
          SORI_OK);
    CHECK(sori_server_websocket_send(server, socket, SORI_WEBSOCKET_TEXT, NULL, 0) == SORI_OK);
    client_expect(peer, "hello");
    size_t length;
    CHECK(memcmp(client_next(peer, &length), "\0\1", 2) == 0 && length == 2);
    client_expect(peer, "");
    sori_event_free(text);
    sori_event_free(binary);
    sori_event_free(empty);
    client_close(peer);
    sori_server_free(server);
}

static void what_cannot_be_sent_is_told(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    client *peer = open_feed(port), *other = client_open(port);
    sori_socket socket = opened(server), socket_io = client_join(other, server);
    char long_reason[200];
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[sizeof long_reason - 1] = 0;
    const uint8_t bytes[200] = {0};
    CHECK(send_text(server, socket, "\xff") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_send(server, socket, 3, bytes, 1) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_send(server, socket, SORI_WEBSOCKET_BINARY, bytes, SIZE_MAX) ==
          SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_ping(server, socket, bytes, 126) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_close(server, socket, 1005, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_close(server, socket, 0, "x") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_close(server, socket, 1000, long_reason) == SORI_INVALID_ARGUMENT);
    // Each kind of socket has calls of its own.
    CHECK(sori_server_emit(server, socket, "x", NULL, NULL) == SORI_GONE);
    CHECK(sori_server_disconnect(server, socket) == SORI_GONE);
    CHECK(sori_server_close_connection(server, socket) == SORI_GONE);
    CHECK(sori_server_accept(server, socket) == SORI_GONE);
    CHECK(send_text(server, socket_io, "x") == SORI_GONE);
    CHECK(sori_server_websocket_close(server, socket_io, 0, NULL) == SORI_GONE);
    CHECK(sori_server_broadcast(server, "ws:/feed", NULL, "x", NULL, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_broadcast(server, "/", NULL, 0, SORI_WEBSOCKET_TEXT, NULL, 0) ==
          SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_broadcast(server, "ws:/x", NULL, 0, SORI_WEBSOCKET_TEXT, NULL, 0) ==
          SORI_INVALID_ARGUMENT);
    // None of it has harmed either.
    CHECK(send_text(server, socket, "still here") == SORI_OK);
    CHECK(sori_server_emit(server, socket_io, "still here", NULL, NULL) == SORI_OK);
    client_expect(peer, "still here");
    client_expect(other, "42[\"still here\"]");
    client_close(peer);
    client_close(other);
    sori_server_free(server);
}

static void paths_are_opened_once_and_beside_socket_io(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    int status = 0;
    CHECK(client_open_websocket(port, "/none", NULL, &status) == NULL && status == 404);
    CHECK(client_open_websocket(port, "/feed/more", NULL, &status) == NULL && status == 404);
    const char *wrong[] = {"/feed", "feed", "/x?y", "/socket.io/feed", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(sori_server_open_websockets(server, wrong[i], NULL) == SORI_INVALID_ARGUMENT);
    sori_websocket_options options;
    CHECK(sori_websocket_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.max_payload == 100 * 1024 * 1024 && options.max_queued_bytes == 16 * 1024 * 1024);
    CHECK(options.high_water == 16 * 1024 && options.close_timeout_ms == 30000);
    CHECK(options.overflow == SORI_OVERFLOW_CLOSE && options.compression == 0);
    options.overflow = 3;
    CHECK(sori_server_open_websockets(server, "/other", &options) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_open_websockets(server, "/other", NULL) == SORI_OK);
    client *peer = client_open_websocket(port, "/other", NULL, NULL);
    CHECK(peer != NULL);
    sori_event *event = next_event(server, SORI_EVENT_WEBSOCKET_OPEN);
    CHECK_TEXT(sori_event_namespace(event), "ws:/other");
    sori_event_free(event);
    client_close(peer);
    sori_server_free(server);
}

static void subprotocols_are_agreed_on_and_origins_watched(void)
{
    const char *protocols[] = {"v2", "v1"}, *origins[] = {"https://mine.example"};
    sori_websocket_options options;
    CHECK(sori_websocket_options_default(&options, sizeof options) == SORI_OK);
    options.protocols = protocols;
    options.protocol_count = 2;
    options.origins = origins;
    options.origin_count = 1;
    uint16_t port;
    sori_server *server = start_with(&port, &options);
    int status = 0;
    client *peer = client_open_websocket(
        port, "/feed", "Sec-WebSocket-Protocol: v0, v1, v2\r\nOrigin: https://mine.example\r\n", NULL);
    CHECK(peer != NULL && strstr(client_head(peer), "\r\nSec-WebSocket-Protocol: v1\r\n") != NULL);
    opened(server);
    client *other = client_open_websocket(port, "/feed", "Sec-WebSocket-Protocol: v0\r\n", NULL);
    CHECK(other != NULL && strstr(client_head(other), "Sec-WebSocket-Protocol") == NULL);
    opened(server);
    CHECK(client_open_websocket(port, "/feed", "Origin: https://yours.example\r\n", &status) == NULL);
    CHECK(status == 403);
    check_no_event(server);
    client_close(peer);
    client_close(other);
    sori_server_free(server);
}

static void rooms_and_broadcasts_are_those_of_sockets(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    client *a = open_feed(port);
    sori_socket first = opened(server), found = 0;
    client *b = open_feed(port);
    sori_socket second = opened(server);
    int own = 0;
    const char *room = "news";
    sori_audience in_news;
    CHECK(sori_audience_default(&in_news, sizeof in_news) == SORI_OK);
    in_news.rooms = &room;
    in_news.room_count = 1;
    CHECK(sori_server_join(server, second, &room, 1) == SORI_OK);
    CHECK(sori_server_set_user_data(server, second, &own) == SORI_OK);
    const uint8_t *text = (const uint8_t *)"text";
    CHECK(sori_server_websocket_broadcast(server, "ws:/feed", NULL, second, SORI_WEBSOCKET_TEXT, text,
                                          1) == SORI_OK);
    CHECK(sori_server_websocket_broadcast(server, "ws:/feed", &in_news, 0, SORI_WEBSOCKET_TEXT, text,
                                          2) == SORI_OK);
    CHECK(sori_server_websocket_broadcast(server, "ws:/feed", NULL, 0, SORI_WEBSOCKET_TEXT, text, 4) ==
          SORI_OK);
    client_expect(a, "t");
    client_expect(a, "text");
    client_expect(b, "te");
    client_expect(b, "text");

    size_t count = 0;
    CHECK(sori_server_sockets(server, "ws:/feed", &in_news, &found, 1, &count) == SORI_OK);
    CHECK(count == 1 && found == second);
    char id[SORI_SOCKET_ID_SIZE];
    CHECK(sori_server_socket_id(server, first, id, sizeof id) == SORI_OK);
    CHECK(sori_server_find(server, "ws:/feed", id, &found) == SORI_OK && found == first);
    CHECK(sori_server_disconnect_many(server, "ws:/feed", &in_news, false) == SORI_OK);
    client_expect_close(b, 1000, "");
    client_send_close(b, 1000, "");
    client_close(b);
    sori_event *end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_socket(end) == second && sori_event_user_data(end) == &own);
    CHECK(sori_event_room_count(end) == 2);
    CHECK_TEXT(sori_event_room(end, 1), "news");
    sori_event_free(end);
    CHECK(send_text(server, first, "still here") == SORI_OK);
    client_expect(a, "still here");
    client_close(a);
    sori_server_free(server);
}

static void each_end_has_one_close_event(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);

    client *leaving = open_feed(port);
    sori_socket socket = opened(server);
    client_send_close(leaving, 4001, "bye");
    answer_end(server);
    client_expect_close(leaving, 4001, "bye");
    client_expect_end(leaving);
    client_close(leaving);
    sori_event *end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_socket(end) == socket && sori_event_close_code(end) == 4001);
    CHECK_TEXT(sori_event_reason(end), "bye");
    CHECK_TEXT(sori_event_description(end), "");
    sori_event_free(end);
    CHECK(send_text(server, socket, "x") == SORI_GONE);

    client *broken = open_feed(port);
    opened(server);
    client_close(broken);
    end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_close_code(end) == 1006);
    sori_event_free(end);

    client *closed = open_feed(port);
    socket = opened(server);
    CHECK(send_text(server, socket, "last") == SORI_OK);
    CHECK(sori_server_websocket_close(server, socket, 4000, "enough") == SORI_OK);
    client_expect(closed, "last");
    client_expect_close(closed, 4000, "enough");
    client_send_close(closed, 4000, "");
    client_close(closed);
    end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_close_code(end) == 4000);
    sori_event_free(end);

    client *terminated = open_feed(port);
    socket = opened(server);
    CHECK(sori_server_websocket_terminate(server, socket) == SORI_OK);
    client_expect_end(terminated);
    end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_close_code(end) == 1006);
    sori_event_free(end);
    client_close(terminated);

    client *last = open_feed(port);
    opened(server);
    CHECK(sori_server_close(server) == SORI_OK);
    client_expect_end(last);
    client_close(last);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_CLOSE));
    sori_event_free(next_event(server, SORI_EVENT_CLOSED));
    sori_server_free(server);
}

static void a_ping_is_answered_and_a_broken_rule_described(void)
{
    sori_websocket_options options;
    CHECK(sori_websocket_options_default(&options, sizeof options) == SORI_OK);
    options.max_payload = 4;
    uint16_t port;
    sori_server *server = start_with(&port, &options);
    client *peer = open_feed(port);
    sori_socket socket = opened(server);
    CHECK(sori_server_websocket_ping(server, socket, (const uint8_t *)"are you", 7) == SORI_OK);
    CHECK(send_text(server, socket, "x") == SORI_OK);
    client_expect(peer, "x");
    sori_event *pong = next_event(server, SORI_EVENT_WEBSOCKET_PONG);
    CHECK(sori_event_data(pong).length == 7);
    CHECK(memcmp(sori_event_data(pong).data, "are you", 8) == 0);
    sori_event_free(pong);
    client_send(peer, "too long");
    answer_end(server);
    client_expect_close(peer, 1009, "");
    client_close(peer);
    sori_event *end = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_close_code(end) == 1006);
    CHECK(sori_event_description(end).length > 0);
    sori_event_free(end);
    sori_server_free(server);
}

static void a_slow_peer_shows_in_the_gauge_and_then_a_drain_comes(void)
{
    enum { PIECE = 60000, PIECES = 400 };
    sori_websocket_options options;
    CHECK(sori_websocket_options_default(&options, sizeof options) == SORI_OK);
    options.max_queued_bytes = 0;
    uint16_t port;
    sori_server *server = start_with(&port, &options);
    client *peer = open_feed(port);
    sori_socket socket = opened(server);
    uint8_t *piece = calloc(1, PIECE);
    CHECK(piece != NULL);
    size_t queued = 0;
    for (int i = 0; i < PIECES; i++)
        CHECK(sori_server_websocket_send(server, socket, SORI_WEBSOCKET_BINARY, piece, PIECE) == SORI_OK);
    CHECK(sori_server_websocket_queued(server, socket, &queued) == SORI_OK);
    // More than any system takes for a peer that does not read.
    CHECK(queued > PIECE);
    for (int i = 0; i < PIECES; i++) {
        size_t length;
        client_next(peer, &length);
        CHECK(length == PIECE);
    }
    // The queue may have been empty in between, of which another event tells.
    do {
        sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_DRAIN));
        CHECK(sori_server_websocket_queued(server, socket, &queued) == SORI_OK);
    } while (queued > 0);
    free(piece);
    client_close(peer);
    sori_server_free(server);
}

static void a_paused_websocket_is_not_read(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    client *peer = open_feed(port);
    sori_socket socket = opened(server);
    CHECK(sori_server_websocket_pause(server, socket) == SORI_OK);
    // It is paused once this is here, which was asked for later.
    CHECK(send_text(server, socket, "paused") == SORI_OK);
    client_expect(peer, "paused");
    client_send(peer, "x");
    CHECK(send_text(server, socket, "more") == SORI_OK);
    client_expect(peer, "more");
    check_no_event(server);
    CHECK(sori_server_websocket_resume(server, socket) == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE));
    client_close(peer);
    sori_server_free(server);
}

static void a_reply_to_what_came_before_the_close_leaves_before_its_answer(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    client *peer = open_feed(port);
    sori_socket socket = opened(server);
    client_send(peer, "question");
    client_send_close(peer, 4001, "bye");
    sori_event *event = next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE);
    CHECK(send_text(server, socket, "answer") == SORI_OK);
    answer_end(server);
    client_expect(peer, "answer");
    client_expect_close(peer, 4001, "bye");
    client_close(peer);
    sori_event_free(event);
    event = next_event(server, SORI_EVENT_WEBSOCKET_CLOSE);
    CHECK(sori_event_close_code(event) == 4001);
    CHECK_TEXT(sori_event_reason(event), "bye");
    sori_event_free(event);
    check_no_event(server);
    sori_server_free(server);
}

int main(void)
{
    RUN(messages_go_both_ways);
    RUN(what_cannot_be_sent_is_told);
    RUN(paths_are_opened_once_and_beside_socket_io);
    RUN(subprotocols_are_agreed_on_and_origins_watched);
    RUN(rooms_and_broadcasts_are_those_of_sockets);
    RUN(each_end_has_one_close_event);
    RUN(a_ping_is_answered_and_a_broken_rule_described);
    RUN(a_slow_peer_shows_in_the_gauge_and_then_a_drain_comes);
    RUN(a_paused_websocket_is_not_read);
    RUN(a_reply_to_what_came_before_the_close_leaves_before_its_answer);
    return 0;
}
