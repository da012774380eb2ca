// A server's life: settings, polling, the descriptor, a full queue, closing, freeing.

#include <poll.h>

#include "check.h"
#include "client.h"

static void the_defaults_are_as_documented(void)
{
    sori_server_options options;
    memset(&options, 0xff, sizeof options);
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.size == sizeof options);
    CHECK(strcmp(options.path, "/socket.io") == 0);
    CHECK(options.ping_interval_ms == 25000 && options.ping_timeout_ms == 20000);
    CHECK(options.upgrade_timeout_ms == 10000 && options.connect_timeout_ms == 45000);
    CHECK(options.request_timeout_ms == 30000 && options.close_timeout_ms == 30000);
    CHECK(options.transports == (SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET));
    CHECK(options.recovery_ms == 0 && options.allow_upgrades == 1 && options.threads == 0);
    CHECK(options.max_payload == 1000000 && options.max_attachments == 10);
    CHECK(options.max_queued_bytes == 16 * 1024 * 1024);
    CHECK(options.max_pending_events == 65536 && options.max_connections == 0);
    CHECK(options.allow_eio3 == 0 && options.deflate_threshold == 0);
}

static void settings_that_cannot_work_are_refused(void)
{
    sori_server *server = NULL;
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.path = "socket.io";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    CHECK(strcmp(sori_last_error(), "path must begin with '/'") == 0);
    options.path = "\xff";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.path = NULL;
    options.transports = 0;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.transports = 4;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.transports = SORI_TRANSPORT_WEBSOCKET;
    options.threads = 0xffffffff;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.threads = 1;
    options.size = 0;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    CHECK(server == NULL);
}

static void messages_are_compressed_if_the_options_say_so(void)
{
    for (size_t threshold = 0; threshold <= 1024; threshold += 1024) {
        sori_server_options options;
        CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
        options.deflate_threshold = threshold;
        sori_server *server = NULL;
        uint16_t port;
        CHECK(sori_server_new(&options, &server) == SORI_OK);
        CHECK(sori_server_listen(server, "127.0.0.1", 0, &port) == SORI_OK);
        CHECK(client_may_compress(port) == (threshold > 0));
        sori_server_free(server);
    }
}

static void an_address_in_use_is_an_io_error(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    CHECK(sori_server_listen(server, "127.0.0.1", port, NULL) == SORI_IO);
    CHECK(strstr(sori_last_error(), "cannot listen") != NULL);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, NULL) == SORI_OK);
    sori_server_free(server);
}

static void polling_ends_with_its_timeout(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    sori_event *event = NULL;
    size_t count = 7;
    CHECK(sori_server_poll(server, &event, 1, 0, &count) == SORI_OK && count == 0);
    CHECK(sori_server_poll(server, &event, 1, 5, &count) == SORI_OK && count == 0);
    CHECK(sori_server_poll(server, &event, 0, 5, &count) == SORI_INVALID_ARGUMENT);
    sori_server_free(server);
}

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd watched = {fd, POLLIN, 0};
    return poll(&watched, 1, timeout_ms) == 1;
}

static void the_descriptor_is_readable_while_events_wait(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    int fd = -1, same = -1;
    CHECK(sori_server_fd(server, &fd) == SORI_OK && fd >= 0);
    CHECK(sori_server_fd(server, &same) == SORI_OK && same == fd);
    CHECK(!is_readable(fd, 0));
    client *peer = client_open(port);
    client_send(peer, "40");
    for (int round = 0; round < 3; round++) {
        CHECK(is_readable(fd, DEADLINE_MS));
        sori_event *event = next_event(server, round == 0 ? SORI_EVENT_CONNECT : SORI_EVENT_MESSAGE);
        if (round == 0)
            CHECK(sori_server_accept(server, sori_event_socket(event)) == SORI_OK);
        sori_event_free(event);
        CHECK(!is_readable(fd, 0));
        if (round == 0)
            client_next(peer, NULL);
        if (round < 2)
            client_send(peer, "42[\"x\"]");
    }
    CHECK(sori_server_close(server) == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    client_expect_end(peer);
    client_close(peer);
    sori_event_free(next_event(server, SORI_EVENT_CLOSED));
    // Like the end of a file.
    CHECK(is_readable(fd, 0));
    sori_server_free(server);
}

static void a_full_queue_stops_reading_and_loses_nothing(void)
{
    enum { MESSAGES = 50000, AHEAD = 1000 };
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    options.max_pending_events = 4;
    sori_server *server = NULL;
    uint16_t port;
    CHECK(sori_server_new(&options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, &port) == SORI_OK);
    client *peer = client_open(port);
    client_join(peer, server);
    sori_metrics metrics;
    int sent = 0;
    do {
        char packet[64];
        snprintf(packet, sizeof packet, "42[\"n\",%d]", sent++);
        client_send(peer, packet);
        // An IO thread that gets no turn for a while is not overrun.
        do
            CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
        while (metrics.paused == 0 && metrics.received + AHEAD < (uint64_t)sent);
        CHECK(sent < MESSAGES);
    } while (metrics.paused == 0);
    sori_event *events[3];
    size_t count;
    for (int next = 0; next < sent; next += (int)count) {
        CHECK(sori_server_poll(server, events, 3, DEADLINE_MS, &count) == SORI_OK);
        CHECK(count > 0);
        for (size_t i = 0; i < count; i++) {
            char args[32];
            snprintf(args, sizeof args, "[%d]", next + (int)i);
            CHECK_TEXT(sori_event_args(events[i]), args);
            sori_event_free(events[i]);
        }
    }
    check_no_event(server);
    client_close(peer);
    sori_server_free(server);
}

static void after_close_come_the_last_events_and_calls_say_closed(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    sori_socket socket = client_join(peer, server);
    CHECK(sori_server_close(server) == SORI_OK);
    CHECK(sori_server_close(server) == SORI_OK);

    uint64_t ack;
    size_t count;
    const char *room = "x";
    sori_rooms *rooms = NULL;
    CHECK(sori_server_emit(server, socket, "x", NULL, NULL) == SORI_CLOSED);
    CHECK(sori_server_emit_with_ack(server, socket, "x", NULL, NULL, -1, &ack) == SORI_CLOSED);
    CHECK(sori_server_answer(server, socket, 0, NULL, NULL) == SORI_CLOSED);
    CHECK(sori_server_accept(server, socket) == SORI_CLOSED);
    CHECK(sori_server_refuse(server, socket, "x", NULL) == SORI_CLOSED);
    CHECK(sori_server_disconnect(server, socket) == SORI_CLOSED);
    CHECK(sori_server_close_connection(server, socket) == SORI_CLOSED);
    CHECK(sori_server_join(server, socket, &room, 1) == SORI_CLOSED);
    CHECK(sori_server_leave(server, socket, &room, 1) == SORI_CLOSED);
    CHECK(sori_server_leave_all(server, socket) == SORI_CLOSED);
    CHECK(sori_server_rooms(server, socket, &rooms) == SORI_CLOSED);
    CHECK(sori_server_sockets(server, "/", NULL, NULL, 0, &count) == SORI_CLOSED);
    CHECK(sori_server_join_many(server, "/", NULL, &room, 1) == SORI_CLOSED);
    CHECK(sori_server_leave_many(server, "/", NULL, &room, 1) == SORI_CLOSED);
    CHECK(sori_server_broadcast(server, "/", NULL, "x", NULL, NULL) == SORI_CLOSED);
    CHECK(sori_server_broadcast_with_ack(server, "/", NULL, "x", NULL, NULL, 1, &ack) == SORI_CLOSED);
    CHECK(sori_server_open_namespace(server, "/x") == SORI_CLOSED);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, NULL) == SORI_CLOSED);

    sori_event *event = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK(sori_event_socket(event) == socket);
    CHECK_TEXT(sori_event_reason(event), "server shutting down");
    sori_event_free(event);
    client_expect_end(peer);
    client_close(peer);
    event = next_event(server, SORI_EVENT_CLOSED);
    CHECK(sori_event_socket(event) == 0);
    CHECK_TEXT(sori_event_socket_id(event), "");
    for (int i = 0; i < 2; i++) {
        sori_event *none = NULL;
        CHECK(sori_server_poll(server, &none, 1, -1, &count) == SORI_CLOSED);
        CHECK(count == 0 && none == NULL);
    }
    sori_metrics metrics;
    CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    CHECK(metrics.size == sizeof metrics);
    CHECK(metrics.connections == 0 && metrics.opened == 1);
    sori_server_free(server);
    // What was taken outlives the server.
    CHECK(sori_event_kind_of(event) == SORI_EVENT_CLOSED);
    sori_event_free(event);
}

static void a_server_is_freed_with_clients_and_events_waiting(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    int fd;
    CHECK(sori_server_fd(server, &fd) == SORI_OK);
    client *peer = client_open(port);
    client_join(peer, server);
    client_send(peer, "42[\"x\",\"waits for ever\"]");
    CHECK(is_readable(fd, DEADLINE_MS));
    // The client does not answer the close frame: freeing does not wait for it for ever.
    sori_server_free(server);
    client_expect_end(peer);
    client_close(peer);
}

static void a_server_on_the_threads_of_another_outlives_it(void)
{
    uint16_t port, second_port;
    sori_server *first = start(&port);
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.share_threads == NULL);
    options.share_threads = first;
    // Of no meaning beside it.
    options.threads = 7;
    sori_server *second = NULL;
    CHECK(sori_server_new(&options, &second) == SORI_OK);
    CHECK(sori_server_listen(second, "127.0.0.1", 0, &second_port) == SORI_OK);
    client *left = client_open(port);
    client_join(left, first);
    client *staying = client_open(second_port);
    sori_socket socket = client_join(staying, second);
    CHECK(sori_server_close(first) == SORI_OK);
    sori_server *third = NULL;
    CHECK(sori_server_new(&options, &third) == SORI_CLOSED && third == NULL);
    client_expect_end(left);
    client_close(left);
    sori_server_free(first);
    client_send(staying, "42[\"here\"]");
    sori_event *event = next_event(second, SORI_EVENT_MESSAGE);
    CHECK(sori_event_socket(event) == socket);
    sori_event_free(event);
    client_close(staying);
    sori_server_free(second);
}

int main(void)
{
    CHECK(strcmp(sori_version(), "0.1.0") == 0);
    RUN(the_defaults_are_as_documented);
    RUN(settings_that_cannot_work_are_refused);
    RUN(messages_are_compressed_if_the_options_say_so);
    RUN(an_address_in_use_is_an_io_error);
    RUN(polling_ends_with_its_timeout);
    RUN(the_descriptor_is_readable_while_events_wait);
    RUN(a_full_queue_stops_reading_and_loses_nothing);
    RUN(after_close_come_the_last_events_and_calls_say_closed);
    RUN(a_server_is_freed_with_clients_and_events_waiting);
    RUN(a_server_on_the_threads_of_another_outlives_it);
    return 0;
}
