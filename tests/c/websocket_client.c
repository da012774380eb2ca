// The WebSocket client of the C face: against a Sori server in this process, and against npm ws, whose
// URL is the first argument. With a second, the file of a certificate to trust, that URL's TLS is all
// that is tested.

#include <poll.h>
#include <pthread.h>

#include "check.h"

static const char *npm, *certificates;

// ---- a Sori server on a thread of its own, which does what tests/client/ws-server.js does

typedef struct {
    sori_server *server;
    pthread_t thread;
    char url[64];
} peer;

static bool is(sori_bytes data, const char *order)
{
    return data.length == strlen(order) && memcmp(data.data, order, data.length) == 0;
}

static void serve_message(const sori_server *server, const sori_event *event)
{
    sori_socket socket = sori_event_socket(event);
    sori_bytes data = sori_event_data(event);
    if (is(data, "close"))
        sori_server_websocket_close(server, socket, 4001, "enough");
    else if (is(data, "drop"))
        sori_server_websocket_terminate(server, socket);
    else if (is(data, "ping"))
        sori_server_websocket_ping(server, socket, (const uint8_t *)"are you there", 13);
    else
        sori_server_websocket_send(server, socket,
                                   sori_event_is_binary(event) ? SORI_WEBSOCKET_BINARY : SORI_WEBSOCKET_TEXT,
                                   data.data, data.length);
}

static void *serve(void *context)
{
    const sori_server *server = context;
    for (;;) {
        sori_event *event;
        size_t count;
        CHECK(sori_server_poll(server, &event, 1, -1, &count) == SORI_OK);
        sori_event_kind kind = sori_event_kind_of(event);
        if (kind == SORI_EVENT_WEBSOCKET_MESSAGE)
            serve_message(server, event);
        if (kind == SORI_EVENT_WEBSOCKET_PONG && is(sori_event_data(event), "are you there"))
            sori_server_websocket_send(server, sori_event_socket(event), SORI_WEBSOCKET_TEXT,
                                       (const uint8_t *)"pong are you there", 18);
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
    const char *protocols[] = {"chat"};
    sori_websocket_options feed;
    CHECK(sori_websocket_options_default(&feed, sizeof feed) == SORI_OK);
    feed.protocols = protocols;
    feed.protocol_count = 1;
    CHECK(sori_server_new(&options, &self->server) == SORI_OK);
    CHECK(sori_server_open_websockets(self->server, "/feed", &feed) == SORI_OK);
    CHECK(sori_server_listen(self->server, "127.0.0.1", port, &port) == SORI_OK);
    snprintf(self->url, sizeof self->url, "ws://127.0.0.1:%d/feed", (int)port);
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

static sori_websocket_client *client_at(const char *url)
{
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new(url, NULL, &client) == SORI_OK);
    return client;
}

static sori_status say(const sori_websocket_client *client, const char *text)
{
    return sori_websocket_client_send(client, SORI_WEBSOCKET_TEXT, (const uint8_t *)text, strlen(text));
}

// The next event, which must be of that kind. Free it.
static sori_websocket_client_event *next(const sori_websocket_client *client,
                                         sori_websocket_client_event_kind kind)
{
    sori_websocket_client_event *event = NULL;
    size_t count = 0;
    CHECK(sori_websocket_client_poll(client, &event, 1, DEADLINE_MS, &count) == SORI_OK);
    CHECK(count == 1);
    if (sori_websocket_client_event_kind_of(event) != kind) {
        fprintf(stderr, "event %d came instead of %d (%s)\n",
                (int)sori_websocket_client_event_kind_of(event), (int)kind,
                sori_websocket_client_event_reason(event).data);
        exit(1);
    }
    return event;
}

static void skip(const sori_websocket_client *client, sori_websocket_client_event_kind kind)
{
    sori_websocket_client_event_free(next(client, kind));
}

// The next event must be of that kind, with this content.
static void hear(const sori_websocket_client *client, sori_websocket_client_event_kind kind,
                 const void *expected, size_t length)
{
    sori_websocket_client_event *event = next(client, kind);
    sori_bytes data = sori_websocket_client_event_data(event);
    CHECK(data.length == length && memcmp(data.data, expected, length) == 0 && data.data[length] == 0);
    sori_websocket_client_event_free(event);
}

static void hear_text(const sori_websocket_client *client, const char *expected)
{
    hear(client, SORI_WEBSOCKET_CLIENT_TEXT, expected, strlen(expected));
}

static void hear_close(const sori_websocket_client *client, uint16_t code, const char *reason)
{
    sori_websocket_client_event *event = next(client, SORI_WEBSOCKET_CLIENT_CLOSED);
    CHECK(sori_websocket_client_event_code(event) == code);
    if (reason != NULL)
        CHECK_TEXT(sori_websocket_client_event_reason(event), reason);
    CHECK(sori_websocket_client_event_data(event).data == NULL);
    sori_websocket_client_event_free(event);
}

// Nothing comes any more.
static void hear_end(const sori_websocket_client *client)
{
    sori_websocket_client_event *event = NULL;
    size_t count = 1;
    skip(client, SORI_WEBSOCKET_CLIENT_ENDED);
    CHECK(sori_websocket_client_poll(client, &event, 1, -1, &count) == SORI_CLOSED);
    CHECK(event == NULL && count == 0);
    CHECK(say(client, "too late") == SORI_CLOSED);
    CHECK(sori_websocket_client_ping(client, NULL, 0) == SORI_CLOSED);
    CHECK(sori_websocket_client_close(client, 1000, NULL) == SORI_OK);
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    int ready = poll(&watched, 1, timeout_ms);
    CHECK(ready >= 0);
    return ready == 1;
}

// ---- against both servers

static void talk_to(const char *url)
{
    sori_websocket_client *client = client_at(url);
    // Before it is open.
    CHECK(say(client, "소리") == SORI_OK);
    CHECK(sori_websocket_client_send(client, SORI_WEBSOCKET_BINARY, (const uint8_t *)"\0\1", 2) == SORI_OK);
    CHECK(say(client, "") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_text(client, "소리");
    hear(client, SORI_WEBSOCKET_CLIENT_BINARY, "\0\1", 2);
    hear_text(client, "");

    CHECK(sori_websocket_client_ping(client, (const uint8_t *)"beat", 4) == SORI_OK);
    hear(client, SORI_WEBSOCKET_CLIENT_PONG, "beat", 4);
    CHECK(say(client, "ping") == SORI_OK);
    hear_text(client, "pong are you there");

    // Behind what was sent.
    CHECK(say(client, "last") == SORI_OK);
    CHECK(sori_websocket_client_close(client, 4000, "bye") == SORI_OK);
    CHECK(say(client, "too late") == SORI_CLOSED);
    hear_text(client, "last");
    hear_close(client, 4000, "bye");
    hear_end(client);
    sori_websocket_client_free(client);
}

static void be_closed_by(const char *url)
{
    sori_websocket_client *client = client_at(url);
    CHECK(say(client, "close") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_close(client, 4001, "enough");
    hear_end(client);
    sori_websocket_client_free(client);
    client = client_at(url);
    CHECK(say(client, "drop") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_close(client, 1006, NULL);
    hear_end(client);
    sori_websocket_client_free(client);
}

static void offer_protocols_to(const char *url)
{
    const char *protocols[] = {"other", "chat"};
    sori_websocket_client_options options;
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.protocols = protocols;
    options.protocol_count = 2;
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new(url, &options, &client) == SORI_OK);
    sori_websocket_client_event *event = next(client, SORI_WEBSOCKET_CLIENT_OPEN);
    CHECK_TEXT(sori_websocket_client_event_protocol(event), "chat");
    CHECK_TEXT(sori_websocket_client_event_reason(event), "");
    sori_websocket_client_event_free(event);
    sori_websocket_client_free(client);
}

static void refuse_too_much_from(const char *url)
{
    sori_websocket_client_options options;
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.max_payload = 8;
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new(url, &options, &client) == SORI_OK);
    CHECK(say(client, "too much by far") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_close(client, 1006, NULL);
    skip(client, SORI_WEBSOCKET_CLIENT_ENDED);
    sori_websocket_client_free(client);
}

static void with_both(void (*act)(const char *url))
{
    peer *sori = peer_start_at(0);
    act(sori->url);
    peer_stop(sori);
    act(npm);
}

static void messages_pings_and_closes_go_both_ways(void)
{
    with_both(talk_to);
}

static void a_server_may_close_or_go(void)
{
    with_both(be_closed_by);
}

static void a_subprotocol_is_agreed_on(void)
{
    with_both(offer_protocols_to);
}

static void a_message_that_is_too_large_ends_it(void)
{
    with_both(refuse_too_much_from);
}

// ---- against one of them

static void url_headers_and_certificates_reach_the_server(void)
{
    char url[128], pem[8192] = {0};
    FILE *file = fopen(certificates, "rb");
    CHECK(file != NULL && fread(pem, 1, sizeof pem - 1, file) > 0);
    fclose(file);
    snprintf(url, sizeof url, "%s/a?b=c", npm);
    const char *headers[] = {"X-Test:  told "};
    sori_websocket_client_options options;
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.headers = headers;
    options.header_count = 1;
    options.root_certificates = pem;
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new(url, &options, &client) == SORI_OK);
    CHECK(say(client, "who") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_text(client, "/a?b=c told");
    sori_websocket_client_free(client);

    client = client_at(url);
    sori_websocket_client_event *event = next(client, SORI_WEBSOCKET_CLIENT_UNREACHABLE);
    CHECK(strstr(sori_websocket_client_event_reason(event).data, "certificate") != NULL);
    sori_websocket_client_event_free(event);
    hear_end(client);
    sori_websocket_client_free(client);
}

static void it_comes_back_only_if_it_is_told_to(void)
{
    peer *sori = peer_start_at(0);
    sori_websocket_client_options options;
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.reconnection = 1;
    options.reconnection_delay_ms = 10;
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new(sori->url, &options, &client) == SORI_OK);
    for (int i = 0; i < 2; i++) {
        CHECK(say(client, "drop") == SORI_OK);
        skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
        hear_close(client, 1006, NULL);
    }
    CHECK(say(client, "back") == SORI_OK);
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    hear_text(client, "back");
    CHECK(sori_websocket_client_close(client, 0, NULL) == SORI_OK);
    hear_close(client, 1000, "");
    hear_end(client);
    sori_websocket_client_free(client);
    peer_stop(sori);
}

static void a_server_that_does_not_agree_is_told_of(void)
{
    peer *sori = peer_start_at(0);
    *strrchr(sori->url, '/') = 0;
    sori_websocket_client *client = client_at(sori->url);
    sori_websocket_client_event *event = next(client, SORI_WEBSOCKET_CLIENT_UNREACHABLE);
    CHECK(strstr(sori_websocket_client_event_reason(event).data, "404") != NULL);
    CHECK(sori_websocket_client_event_code(event) == 0);
    sori_websocket_client_event_free(event);
    hear_end(client);
    sori_websocket_client_free(client);
    peer_stop(sori);
}

static void events_come_in_batches_and_the_descriptor_tells_of_them(void)
{
    peer *sori = peer_start_at(0);
    sori_websocket_client *client = client_at(sori->url);
    int fd = -1, same = -1;
    CHECK(sori_websocket_client_fd(client, &fd) == SORI_OK && fd >= 0);
    CHECK(sori_websocket_client_fd(client, &same) == SORI_OK && same == fd);
    CHECK(is_readable(fd, DEADLINE_MS));
    skip(client, SORI_WEBSOCKET_CLIENT_OPEN);
    CHECK(!is_readable(fd, 0));
    for (char text[] = "0"; *text <= '9'; ++*text)
        CHECK(say(client, text) == SORI_OK);
    char expected = '0';
    while (expected <= '9') {
        CHECK(is_readable(fd, DEADLINE_MS));
        sori_websocket_client_event *events[4];
        size_t count = 0;
        CHECK(sori_websocket_client_poll(client, events, 4, 0, &count) == SORI_OK);
        CHECK(count >= 1 && count <= 4);
        for (size_t i = 0; i < count; i++) {
            CHECK(sori_websocket_client_event_data(events[i]).data[0] == (uint8_t)expected++);
            sori_websocket_client_event_free(events[i]);
        }
    }
    CHECK(!is_readable(fd, 0));
    CHECK(say(client, "once more") == SORI_OK);
    CHECK(is_readable(fd, DEADLINE_MS));
    // Freed with an event waiting.
    sori_websocket_client_free(client);
    peer_stop(sori);
}

static void too_much_without_a_connection_is_refused(void)
{
    sori_websocket_client_options options;
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.max_queued_bytes = 300;
    options.reconnection = 1;
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new("ws://127.0.0.1:9", &options, &client) == SORI_OK);
    int sent = 0;
    while (say(client, "0123456789") == SORI_OK)
        CHECK(++sent < 10);
    CHECK(sent == 4);
    CHECK(say(client, "0123456789") == SORI_FULL);
    CHECK(sori_websocket_client_ping(client, (const uint8_t *)"0123456789", 10) == SORI_FULL);
    sori_websocket_client_free(client);
}

// ---- wrong calls

static void the_defaults_are_as_documented(void)
{
    sori_websocket_client_options options;
    memset(&options, 0xff, sizeof options);
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.size == sizeof options && options.headers == NULL && options.header_count == 0);
    CHECK(options.protocols == NULL && options.protocol_count == 0 && options.root_certificates == NULL);
    CHECK(options.timeout_ms == 20000 && options.close_timeout_ms == 5000);
    CHECK(options.reconnection == 0 && options.reconnection_attempts == 0);
    CHECK(options.reconnection_delay_ms == 1000 && options.reconnection_delay_max_ms == 5000);
    CHECK(options.randomization_factor == 0.5 && options.max_pending_events == 65536);
    CHECK(options.max_payload == 16 * 1024 * 1024 && options.max_queued_bytes == 16 * 1024 * 1024);
    CHECK(sori_websocket_client_options_default(&options, 8) == SORI_INVALID_ARGUMENT);
}

static void wrong_arguments_are_refused(void)
{
    char long_reason[200];
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[sizeof long_reason - 1] = 0;
    const uint8_t bytes[200] = {0};
    sori_websocket_client_options options;
    sori_websocket_client_event *event;
    size_t count;
    const char *no_headers[] = {"none"}, *no_protocols[] = {"a,b"};
    sori_websocket_client *client = NULL;
    CHECK(sori_websocket_client_new("ftp://127.0.0.1", NULL, &client) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.headers = no_headers;
    options.header_count = 1;
    CHECK(sori_websocket_client_new("ws://127.0.0.1", &options, &client) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.protocols = no_protocols;
    options.protocol_count = 1;
    CHECK(sori_websocket_client_new("ws://127.0.0.1", &options, &client) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_options_default(&options, sizeof options) == SORI_OK);
    options.root_certificates = "none";
    CHECK(sori_websocket_client_new("wss://127.0.0.1", &options, &client) == SORI_INVALID_ARGUMENT);
    CHECK(client == NULL);

    client = client_at("ws://127.0.0.1:9");
    CHECK(say(client, "\xff") == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_send(client, 3, bytes, 1) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_send(client, SORI_WEBSOCKET_BINARY, bytes, SIZE_MAX) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_ping(client, bytes, 126) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_close(client, 1005, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_close(client, 1000, long_reason) == SORI_INVALID_ARGUMENT);
    CHECK(sori_websocket_client_poll(client, &event, 0, 0, &count) == SORI_INVALID_ARGUMENT);
    sori_websocket_client_free(client);
    sori_websocket_client_free(NULL);
}

static void no_event_is_an_empty_event(void)
{
    CHECK(sori_websocket_client_event_kind_of(NULL) == SORI_WEBSOCKET_CLIENT_NONE);
    CHECK(sori_websocket_client_event_data(NULL).length == 0);
    CHECK(sori_websocket_client_event_code(NULL) == 0);
    CHECK_TEXT(sori_websocket_client_event_protocol(NULL), "");
    CHECK_TEXT(sori_websocket_client_event_reason(NULL), "");
    sori_websocket_client_event_free(NULL);
}

int main(int count, char **arguments)
{
    CHECK(count == 2 || count == 3);
    npm = arguments[1];
    if (count == 3) {
        certificates = arguments[2];
        RUN(url_headers_and_certificates_reach_the_server);
        return 0;
    }
    RUN(the_defaults_are_as_documented);
    RUN(wrong_arguments_are_refused);
    RUN(no_event_is_an_empty_event);
    RUN(messages_pings_and_closes_go_both_ways);
    RUN(a_server_may_close_or_go);
    RUN(a_subprotocol_is_agreed_on);
    RUN(a_message_that_is_too_large_ends_it);
    RUN(it_comes_back_only_if_it_is_told_to);
    RUN(a_server_that_does_not_agree_is_told_of);
    RUN(events_come_in_batches_and_the_descriptor_tells_of_them);
    RUN(too_much_without_a_connection_is_refused);
    return 0;
}
