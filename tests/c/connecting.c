// The client of the C face: against a Sori server in this process, and against npm socket.io, whose
// URL is the first argument.

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "check.h"

// ---- a Sori server on a thread of its own, which does what tests/client/server.js does

typedef struct {
    sori_server *server;
    pthread_t thread;
    char url[64];
} peer;

static void serve_event(sori_server *server, sori_event *event)
{
    sori_socket socket = sori_event_socket(event);
    sori_text name = sori_event_name(event);
    sori_text args = sori_event_args(event);
    sori_bytes attachment = sori_event_attachment(event, 0);
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.attachments = &attachment;
    options.attachment_count = sori_event_attachment_count(event);
    if (strcmp(name.data, "echo") == 0)
        sori_server_emit(server, socket, "echo", args.data, &options);
    else if (strcmp(name.data, "ask") == 0 || strcmp(name.data, "file") == 0)
        sori_server_answer(server, socket, sori_event_ack(event), args.data, &options);
    else if (strcmp(name.data, "kick") == 0)
        sori_server_disconnect(server, socket);
}

static void *serve(void *context)
{
    sori_server *server = context;
    // Who waits for the answer to a question.
    sori_socket asking = 0;
    uint64_t owed = 0;
    for (;;) {
        sori_event *event;
        size_t count;
        CHECK(sori_server_poll(server, &event, 1, -1, &count) == SORI_OK);
        sori_event_kind kind = sori_event_kind_of(event);
        sori_socket socket = sori_event_socket(event);
        if (kind == SORI_EVENT_CONNECT) {
            if (strcmp(sori_event_namespace(event).data, "/admin") == 0 &&
                strstr(sori_event_auth(event).data, "secret") == NULL)
                sori_server_refuse(server, socket, "not authorized", "{\"code\":7}");
            else
                sori_server_accept(server, socket);
        } else if (kind == SORI_EVENT_MESSAGE) {
            if (strcmp(sori_event_name(event).data, "question") == 0) {
                uint64_t ack;
                asking = socket;
                owed = sori_event_ack(event);
                sori_server_emit_with_ack(server, socket, "question", sori_event_args(event).data,
                                          NULL, -1, &ack);
            } else {
                serve_event(server, event);
            }
        } else if (kind == SORI_EVENT_ACK) {
            sori_server_answer(server, asking, owed, sori_event_args(event).data, NULL);
        }
        sori_event_free(event);
        if (kind == SORI_EVENT_CLOSED)
            return NULL;
    }
}

static peer *peer_start_at(uint16_t port)
{
    peer *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    CHECK(sori_server_new(&options, &self->server) == SORI_OK);
    CHECK(sori_server_open_namespace(self->server, "/admin") == SORI_OK);
    CHECK(sori_server_listen(self->server, "127.0.0.1", port, &port) == SORI_OK);
    snprintf(self->url, sizeof self->url, "http://127.0.0.1:%d", (int)port);
    CHECK(pthread_create(&self->thread, NULL, serve, self->server) == 0);
    return self;
}

static void peer_stop(peer *self)
{
    CHECK(sori_server_close(self->server) == SORI_OK);
    CHECK(pthread_join(self->thread, NULL) == 0);
    sori_server_free(self->server);
    free(self);
}

// ---- a client

static sori_client *client_at(const char *url, uint32_t transports)
{
    sori_client_options options;
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    options.transports = transports;
    options.reconnection_delay_ms = 20;
    options.reconnection_delay_max_ms = 100;
    sori_client *client = NULL;
    CHECK(sori_client_new(url, &options, &client) == SORI_OK);
    return client;
}

// The next event, which must be of that kind. Free it.
static sori_client_event *next(const sori_client *client, sori_client_event_kind kind)
{
    sori_client_event *event = NULL;
    size_t count = 0;
    CHECK(sori_client_poll(client, &event, 1, DEADLINE_MS, &count) == SORI_OK);
    CHECK(count == 1);
    if (sori_client_event_kind_of(event) != kind) {
        fprintf(stderr, "event %d came instead of %d (%s %s %s)\n",
                (int)sori_client_event_kind_of(event), (int)kind, sori_client_event_name(event).data,
                sori_client_event_args(event).data, sori_client_event_reason(event).data);
        exit(1);
    }
    return event;
}

static void skip(const sori_client *client, sori_client_event_kind kind)
{
    sori_client_event_free(next(client, kind));
}

static sori_client *connected(const char *url, uint32_t transports, sori_client_socket *socket)
{
    sori_client *client = client_at(url, transports);
    CHECK(sori_client_connect(client, "/", NULL, socket) == SORI_OK);
    sori_client_event *event = next(client, SORI_CLIENT_CONNECT);
    CHECK(sori_client_event_socket(event) == *socket);
    CHECK(sori_client_event_socket_id(event).length == 20);
    CHECK_TEXT(sori_client_event_namespace(event), "/");
    CHECK(!sori_client_event_is_recovered(event));
    CHECK(sori_client_is_connected(client, *socket));
    sori_client_event_free(event);
    return client;
}

// ---- scenarios, for each server and each way

static void events_acks_and_binary(const char *url, uint32_t transports)
{
    sori_client_socket socket;
    sori_client *client = connected(url, transports, &socket);
    char args[32];
    for (int n = 0; n < 50; n++) {
        snprintf(args, sizeof args, "[%d,\"\\u0001\"]", n);
        CHECK(sori_client_emit(client, socket, "echo", args, NULL) == SORI_OK);
    }
    for (int n = 0; n < 50; n++) {
        sori_client_event *event = next(client, SORI_CLIENT_MESSAGE);
        CHECK_TEXT(sori_client_event_name(event), "echo");
        snprintf(args, sizeof args, "[%d,\"\\u0001\"]", n);
        CHECK_TEXT(sori_client_event_args(event), args);
        CHECK(!sori_client_event_has_ack(event));
        sori_client_event_free(event);
    }

    static uint8_t bytes[70000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7);
    sori_bytes attachment = {bytes, sizeof bytes};
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.attachments = &attachment;
    options.attachment_count = 1;
    uint64_t ack;
    CHECK(sori_client_emit_with_ack(client, socket, "file", "[{\"_placeholder\":true,\"num\":0}]",
                                    &options, DEADLINE_MS, &ack) == SORI_OK);
    sori_client_event *event = next(client, SORI_CLIENT_ACK);
    CHECK(sori_client_event_has_ack(event) && sori_client_event_ack(event) == ack);
    CHECK_TEXT(sori_client_event_args(event), "[{\"_placeholder\":true,\"num\":0}]");
    CHECK(sori_client_event_attachment_count(event) == 1);
    sori_bytes back = sori_client_event_attachment(event, 0);
    CHECK(back.length == sizeof bytes && memcmp(back.data, bytes, sizeof bytes) == 0);
    CHECK(sori_client_event_attachment(event, 1).length == 0);
    sori_client_event_free(event);

    CHECK(sori_client_emit_with_ack(client, socket, "question", "[1]", NULL, -1, &ack) == SORI_OK);
    event = next(client, SORI_CLIENT_MESSAGE);
    CHECK_TEXT(sori_client_event_name(event), "question");
    CHECK(sori_client_event_has_ack(event));
    CHECK(sori_client_answer(client, socket, sori_client_event_ack(event), "[2]", NULL) == SORI_OK);
    sori_client_event_free(event);
    event = next(client, SORI_CLIENT_ACK);
    CHECK(sori_client_event_ack(event) == ack);
    CHECK_TEXT(sori_client_event_args(event), "[2]");
    sori_client_event_free(event);

    CHECK(sori_client_emit_with_ack(client, socket, "never", NULL, NULL, 20, &ack) == SORI_OK);
    event = next(client, SORI_CLIENT_ACK_ERROR);
    CHECK(sori_client_event_ack(event) == ack);
    CHECK_TEXT(sori_client_event_reason(event), "operation has timed out");
    sori_client_event_free(event);
    sori_client_free(client);
}

static void namespaces_and_refusals(const char *url, uint32_t transports)
{
    sori_client_socket socket, admin, same;
    sori_client *client = connected(url, transports, &socket);
    CHECK(sori_client_connect(client, "/admin", "{\"token\":\"wrong\"}", &admin) == SORI_OK);
    CHECK(admin != socket);
    sori_client_event *event = next(client, SORI_CLIENT_CONNECT_ERROR);
    CHECK(sori_client_event_socket(event) == admin && sori_client_event_is_refused(event));
    CHECK_TEXT(sori_client_event_namespace(event), "/admin");
    CHECK_TEXT(sori_client_event_reason(event), "not authorized");
    CHECK_TEXT(sori_client_event_args(event), "{\"code\":7}");
    sori_client_event_free(event);

    CHECK(sori_client_connect(client, "/admin", " {\"token\":\"secret\"} ", &same) == SORI_OK);
    CHECK(same == admin);
    skip(client, SORI_CLIENT_CONNECT);
    CHECK(sori_client_emit(client, admin, "kick", NULL, NULL) == SORI_OK);
    event = next(client, SORI_CLIENT_DISCONNECT);
    CHECK(sori_client_event_socket(event) == admin);
    CHECK_TEXT(sori_client_event_reason(event), "io server disconnect");
    sori_client_event_free(event);
    CHECK(!sori_client_is_connected(client, admin) && sori_client_is_connected(client, socket));

    CHECK(sori_client_close(client) == SORI_OK);
    event = next(client, SORI_CLIENT_DISCONNECT);
    CHECK_TEXT(sori_client_event_reason(event), "io client disconnect");
    sori_client_event_free(event);
    skip(client, SORI_CLIENT_CLOSED);
    size_t count;
    CHECK(sori_client_poll(client, &event, 1, -1, &count) == SORI_CLOSED && count == 0);
    CHECK(sori_client_emit(client, socket, "echo", NULL, NULL) == SORI_CLOSED);
    CHECK(sori_client_connect(client, "/", NULL, NULL) == SORI_CLOSED);
    sori_client_free(client);
}

static const uint32_t ways[] = {SORI_TRANSPORT_POLLING, SORI_TRANSPORT_WEBSOCKET,
                                SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET};
static const char *npm;

static void everywhere(void (*scenario)(const char *url, uint32_t transports))
{
    peer *sori = peer_start_at(0);
    for (size_t way = 0; way < 3; way++) {
        scenario(sori->url, ways[way]);
        if (npm != NULL)
            scenario(npm, ways[way]);
    }
    peer_stop(sori);
}

static void events_acks_and_binary_go_both_ways(void)
{
    everywhere(events_acks_and_binary);
}

static void namespaces_are_entered_refused_and_left(void)
{
    everywhere(namespaces_and_refusals);
}

// ---- life

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd watched = {fd, POLLIN, 0};
    return poll(&watched, 1, timeout_ms) == 1;
}

static void a_server_that_comes_back_finds_the_client_again(void)
{
    for (size_t way = 0; way < 3; way++) {
        peer *sori = peer_start_at(0);
        sori_client_socket socket;
        sori_client *client = connected(sori->url, ways[way], &socket);
        uint16_t port = (uint16_t)atoi(strrchr(sori->url, ':') + 1);
        uint64_t ack;
        CHECK(sori_client_emit_with_ack(client, socket, "never", NULL, NULL, -1, &ack) == SORI_OK);
        peer_stop(sori);
        sori_client_event *event = next(client, SORI_CLIENT_ACK_ERROR);
        CHECK_TEXT(sori_client_event_reason(event), "socket has been disconnected");
        sori_client_event_free(event);
        event = next(client, SORI_CLIENT_DISCONNECT);
        CHECK(strncmp(sori_client_event_reason(event).data, "transport ", 10) == 0);
        sori_client_event_free(event);
        CHECK(sori_client_emit(client, socket, "echo", "[\"kept\"]", NULL) == SORI_OK);
        event = next(client, SORI_CLIENT_RECONNECT_ATTEMPT);
        CHECK(sori_client_event_attempt(event) == 1);
        sori_client_event_free(event);

        sori = peer_start_at(port);
        sori_client_event_kind kind = SORI_CLIENT_NONE;
        while (kind != SORI_CLIENT_RECONNECT) {
            size_t count;
            CHECK(sori_client_poll(client, &event, 1, DEADLINE_MS, &count) == SORI_OK && count == 1);
            kind = sori_client_event_kind_of(event);
            CHECK(kind == SORI_CLIENT_CONNECT_ERROR || kind == SORI_CLIENT_RECONNECT_ATTEMPT ||
                  kind == SORI_CLIENT_RECONNECT);
            CHECK(!sori_client_event_is_refused(event));
            sori_client_event_free(event);
        }
        skip(client, SORI_CLIENT_CONNECT);
        event = next(client, SORI_CLIENT_MESSAGE);
        CHECK_TEXT(sori_client_event_args(event), "[\"kept\"]");
        sori_client_event_free(event);
        sori_client_free(client);
        peer_stop(sori);
    }
}

static void a_server_that_is_not_there_is_told_of_and_given_up(void)
{
    peer *sori = peer_start_at(0);
    char url[64];
    strcpy(url, sori->url);
    peer_stop(sori);
    sori_client_options options;
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    options.reconnection_delay_ms = 1;
    options.reconnection_attempts = 2;
    sori_client *client = NULL;
    CHECK(sori_client_new(url, &options, &client) == SORI_OK);
    CHECK(sori_client_connect(client, "/", NULL, NULL) == SORI_OK);
    for (uint32_t attempt = 0; attempt <= 2; attempt++) {
        if (attempt > 0) {
            sori_client_event *event = next(client, SORI_CLIENT_RECONNECT_ATTEMPT);
            CHECK(sori_client_event_attempt(event) == attempt);
            sori_client_event_free(event);
        }
        sori_client_event *event = next(client, SORI_CLIENT_CONNECT_ERROR);
        CHECK(!sori_client_event_is_refused(event));
        CHECK(strstr(sori_client_event_reason(event).data, "cannot connect to 127.0.0.1") != NULL);
        sori_client_event_free(event);
    }
    skip(client, SORI_CLIENT_RECONNECT_FAILED);
    sori_client_free(client);
}

static void the_descriptor_is_readable_while_events_wait(void)
{
    peer *sori = peer_start_at(0);
    sori_client *client = client_at(sori->url, SORI_TRANSPORT_WEBSOCKET);
    int fd = -1, same = -1;
    CHECK(sori_client_fd(client, &fd) == SORI_OK && fd >= 0);
    CHECK(sori_client_fd(client, &same) == SORI_OK && same == fd);
    CHECK(!is_readable(fd, 0));
    sori_client_socket socket;
    CHECK(sori_client_connect(client, "/", NULL, &socket) == SORI_OK);
    CHECK(is_readable(fd, DEADLINE_MS));
    skip(client, SORI_CLIENT_CONNECT);
    CHECK(!is_readable(fd, 0));
    CHECK(sori_client_emit(client, socket, "echo", "[1]", NULL) == SORI_OK);
    CHECK(is_readable(fd, DEADLINE_MS));
    // Freed with an event waiting.
    sori_client_free(client);
    peer_stop(sori);
}

static void say(const sori_server *server, sori_socket socket, const char *packet)
{
    CHECK(sori_server_raw_send(server, socket, SORI_WEBSOCKET_TEXT, (const uint8_t *)packet,
                               strlen(packet), 0, 0) == SORI_OK);
}

// Whether a client by polling has become a WebSocket, at the latest after so many messages to and fro.
static bool is_upgraded(uint32_t upgrade, int rounds)
{
    sori_server_options server_options;
    CHECK(sori_server_options_default(&server_options, sizeof server_options) == SORI_OK);
    server_options.threads = 1;
    server_options.protocol = SORI_PROTOCOL_ENGINE_IO;
    sori_server *server = NULL;
    uint16_t port;
    CHECK(sori_server_new(&server_options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, &port) == SORI_OK);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", (int)port);
    sori_client_options options;
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.upgrade == 1);
    options.upgrade = upgrade;
    sori_client *client = NULL;
    CHECK(sori_client_new(url, &options, &client) == SORI_OK);
    sori_client_socket socket;
    CHECK(sori_client_connect(client, "/", NULL, &socket) == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_RAW_OPEN));
    bool has_upgraded = false;
    for (int round = 0; round < rounds && !has_upgraded;) {
        sori_event *event = NULL;
        size_t count = 0;
        CHECK(sori_server_poll(server, &event, 1, DEADLINE_MS, &count) == SORI_OK && count == 1);
        if (sori_event_kind_of(event) == SORI_EVENT_RAW_UPGRADE) {
            has_upgraded = true;
        } else {
            CHECK(sori_event_kind_of(event) == SORI_EVENT_RAW_MESSAGE);
            say(server, sori_event_socket(event),
                round == 0 ? "0{\"sid\":\"aaaaaaaaaaaaaaaaaaaa\"}" : "2[\"x\"]");
            skip(client, round == 0 ? SORI_CLIENT_CONNECT : SORI_CLIENT_MESSAGE);
            CHECK(sori_client_emit(client, socket, "x", NULL, NULL) == SORI_OK);
            round++;
        }
        sori_event_free(event);
    }
    sori_client_free(client);
    sori_server_free(server);
    return has_upgraded;
}

static void polling_stays_polling_if_it_is_to(void)
{
    CHECK(is_upgraded(1, 100000));
    CHECK(!is_upgraded(0, 100));
}

static void too_much_without_a_connection_is_refused(void)
{
    sori_client_options options;
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    options.max_queued_bytes = 100;
    sori_client *client = NULL;
    CHECK(sori_client_new("http://127.0.0.1:9", &options, &client) == SORI_OK);
    sori_client_socket socket;
    CHECK(sori_client_connect(client, "/", NULL, &socket) == SORI_OK);
    int sent = 0;
    while (sori_client_emit(client, socket, "echo", "[\"0123456789\"]", NULL) == SORI_OK)
        CHECK(++sent < 10);
    CHECK(sent == 4);
    CHECK(sori_client_emit(client, socket, "echo", "[\"0123456789\"]", NULL) == SORI_FULL);
    CHECK(strcmp(sori_last_error(), "too much waits to be sent") == 0);
    sori_client_free(client);
}

// ---- wrong calls

static void the_defaults_are_as_documented(void)
{
    sori_client_options options;
    memset(&options, 0xff, sizeof options);
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.size == sizeof options && strcmp(options.path, "/socket.io/") == 0);
    CHECK(options.headers == NULL && options.header_count == 0);
    CHECK(options.root_certificates == NULL);
    CHECK(options.transports == (SORI_TRANSPORT_POLLING | SORI_TRANSPORT_WEBSOCKET));
    CHECK(options.reconnection == 1 && options.reconnection_attempts == 0);
    CHECK(options.reconnection_delay_ms == 1000 && options.reconnection_delay_max_ms == 5000);
    CHECK(options.randomization_factor == 0.5 && options.timeout_ms == 20000);
    CHECK(options.close_timeout_ms == 5000 && options.max_attachments == 10);
    CHECK(options.max_payload == 16 * 1024 * 1024);
    CHECK(options.max_queued_bytes == 16 * 1024 * 1024 && options.max_pending_events == 65536);
}

static void wrong_arguments_are_refused(void)
{
    sori_client *client = NULL;
    CHECK(sori_client_new(NULL, NULL, &client) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_new("http://a", NULL, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_new("a", NULL, &client) == SORI_INVALID_ARGUMENT);
    CHECK(sori_client_new("http://a/b", NULL, &client) == SORI_INVALID_ARGUMENT);
    sori_client_options options;
    CHECK(sori_client_options_default(NULL, sizeof options) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_options_default(&options, 3) == SORI_INVALID_ARGUMENT);
    CHECK(sori_client_options_default(&options, sizeof options) == SORI_OK);
    options.transports = 0;
    CHECK(sori_client_new("http://a", &options, &client) == SORI_INVALID_ARGUMENT);
    options.transports = 4;
    CHECK(sori_client_new("http://a", &options, &client) == SORI_INVALID_ARGUMENT);
    options.transports = SORI_TRANSPORT_WEBSOCKET;
    options.root_certificates = "no certificate";
    CHECK(sori_client_new("https://a", &options, &client) == SORI_INVALID_ARGUMENT);
    options.root_certificates = NULL;
    const char *header = "no colon";
    options.headers = &header;
    options.header_count = 1;
    CHECK(sori_client_new("http://a", &options, &client) == SORI_INVALID_ARGUMENT);
    header = "Broken: a\r\nb: c";
    CHECK(sori_client_new("http://a", &options, &client) == SORI_INVALID_ARGUMENT);
    CHECK(client == NULL);

    CHECK(sori_client_new("http://127.0.0.1:9", NULL, &client) == SORI_OK);
    sori_client_socket socket = 0;
    uint64_t ack;
    int fd;
    size_t count;
    sori_client_event *event;
    CHECK(sori_client_connect(NULL, "/", NULL, &socket) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_connect(client, NULL, NULL, &socket) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_connect(client, "chat", NULL, &socket) == SORI_INVALID_ARGUMENT);
    CHECK(sori_client_connect(client, "/", "[]", &socket) == SORI_INVALID_JSON);
    CHECK(sori_client_connect(client, "/", "{", &socket) == SORI_INVALID_JSON);
    CHECK(sori_client_emit(client, 0, "x", NULL, NULL) == SORI_GONE);
    CHECK(sori_client_disconnect(client, 0) == SORI_GONE);
    CHECK(sori_client_connect(client, "/", NULL, &socket) == SORI_OK);
    CHECK(sori_client_emit(NULL, socket, "x", NULL, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_emit(client, socket, NULL, NULL, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_emit(client, socket, "x", "1", NULL) == SORI_INVALID_JSON);
    CHECK(sori_client_emit_with_ack(client, socket, "x", NULL, NULL, 1, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_emit_with_ack(NULL, socket, "x", NULL, NULL, 1, &ack) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_answer(NULL, socket, 0, NULL, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_answer(client, socket, 0, "{}", NULL) == SORI_INVALID_JSON);
    CHECK(sori_client_poll(NULL, &event, 1, 0, &count) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_poll(client, NULL, 1, 0, &count) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_poll(client, &event, 0, 0, &count) == SORI_INVALID_ARGUMENT);
    CHECK(sori_client_poll(client, &event, 1, 0, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_fd(NULL, &fd) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_fd(client, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_close(NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_client_disconnect(NULL, socket) == SORI_NULL_ARGUMENT);
    CHECK(!sori_client_is_connected(NULL, socket) && !sori_client_is_connected(client, 99));
    sori_client_free(client);
    sori_client_free(NULL);
}

static void no_event_is_an_empty_event(void)
{
    CHECK(sori_client_event_kind_of(NULL) == SORI_CLIENT_NONE);
    CHECK(sori_client_event_socket(NULL) == 0 && sori_client_event_ack(NULL) == 0);
    CHECK(sori_client_event_attempt(NULL) == 0 && !sori_client_event_has_ack(NULL));
    CHECK(!sori_client_event_is_recovered(NULL) && !sori_client_event_is_refused(NULL));
    CHECK(sori_client_event_attachment_count(NULL) == 0);
    CHECK(sori_client_event_attachment(NULL, 0).length == 0);
    CHECK_TEXT(sori_client_event_namespace(NULL), "");
    CHECK_TEXT(sori_client_event_socket_id(NULL), "");
    CHECK_TEXT(sori_client_event_name(NULL), "");
    CHECK_TEXT(sori_client_event_args(NULL), "");
    CHECK_TEXT(sori_client_event_reason(NULL), "");
    CHECK_TEXT(sori_client_event_description(NULL), "");
    sori_client_event_free(NULL);
}

int main(int count, char **arguments)
{
    npm = count > 1 ? arguments[1] : NULL;
    RUN(the_defaults_are_as_documented);
    RUN(wrong_arguments_are_refused);
    RUN(no_event_is_an_empty_event);
    RUN(events_acks_and_binary_go_both_ways);
    RUN(namespaces_are_entered_refused_and_left);
    RUN(a_server_that_comes_back_finds_the_client_again);
    RUN(a_server_that_is_not_there_is_told_of_and_given_up);
    RUN(the_descriptor_is_readable_while_events_wait);
    RUN(polling_stays_polling_if_it_is_to);
    RUN(too_much_without_a_connection_is_refused);
    return 0;
}
