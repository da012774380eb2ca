// A server's protocols and its say in HTTP: connections without Socket.IO, MessagePack, namespaces that
// come and go, what a socket finds again, handshakes that wait for a word.

#include <poll.h>
#include <pthread.h>

#include "check.h"
#include "client.h"

static sori_server *start_with(const sori_server_options *options, uint16_t *port)
{
    sori_server *server = NULL;
    CHECK(sori_server_new(options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, port) == SORI_OK);
    return server;
}

static sori_server_options defaults(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    return options;
}

static sori_status send_text(sori_server *server, sori_socket socket, const char *text, uint64_t token)
{
    const uint8_t *data = (const uint8_t *)text;
    return sori_server_raw_send(server, socket, SORI_WEBSOCKET_TEXT, data, strlen(text), 0, token);
}

static void messages_without_socket_io_cross_as_they_are(void)
{
    sori_server_options options = defaults();
    options.protocol = SORI_PROTOCOL_ENGINE_IO;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    sori_event *opened = next_event(server, SORI_EVENT_RAW_OPEN);
    sori_socket socket = sori_event_socket(opened);
    CHECK(sori_event_socket_id(opened).length == 20);
    CHECK_TEXT(sori_event_query(opened, "transport"), "websocket");
    sori_event_free(opened);

    client_send(peer, "440{}");
    sori_event *message = next_event(server, SORI_EVENT_RAW_MESSAGE);
    CHECK(sori_event_socket(message) == socket && !sori_event_is_binary(message));
    CHECK(strcmp((const char *)sori_event_data(message).data, "40{}") == 0);
    sori_event_free(message);
    client_send_binary(peer, "\x04\0\xff", 3);
    message = next_event(server, SORI_EVENT_RAW_MESSAGE);
    sori_bytes bytes = sori_event_data(message);
    CHECK(sori_event_is_binary(message) && bytes.length == 3);
    CHECK(memcmp(bytes.data, "\x04\0\xff", 3) == 0);
    CHECK(sori_server_raw_send(server, socket, SORI_WEBSOCKET_BINARY, bytes.data, 3, 0, 0) == SORI_OK);
    sori_event_free(message);
    size_t length;
    CHECK(memcmp(client_next(peer, &length), "\x04\0\xff", 3) == 0 && length == 3);

    CHECK(send_text(server, socket, "hello", 7) == SORI_OK);
    client_expect(peer, "4hello");
    sori_event *sent = next_event(server, SORI_EVENT_RAW_SENT);
    CHECK(sori_event_socket(sent) == socket && sori_event_token(sent) == 7);
    sori_event_free(sent);
    const uint8_t broken[] = {0xff};
    CHECK(sori_server_raw_send(server, socket, SORI_WEBSOCKET_TEXT, broken, 1, 0, 0) ==
          SORI_INVALID_ARGUMENT);
    CHECK(sori_server_raw_send(server, socket, 9, broken, 1, 0, 0) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_raw_send(server, socket, SORI_WEBSOCKET_BINARY, broken, 1, 8, 0) ==
          SORI_INVALID_ARGUMENT);

    CHECK(sori_server_raw_close(server, socket, false) == SORI_OK);
    sori_event *closed = next_event(server, SORI_EVENT_RAW_CLOSE);
    CHECK(sori_event_socket(closed) == socket);
    CHECK_TEXT(sori_event_reason(closed), "forced close");
    sori_event_free(closed);
    CHECK(send_text(server, socket, "late", 0) == SORI_GONE);
    client_close(peer);
    sori_server_free(server);

    server = start(&port);
    CHECK(send_text(server, 1, "no such protocol", 0) == SORI_GONE);
    sori_server_free(server);
}

static void packets_may_be_message_pack(void)
{
    sori_server_options options = defaults();
    options.parser = SORI_PARSER_MESSAGE_PACK;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    // {"type":0,"nsp":"/"}
    client_send_binary(peer, "\x82\xa4type\0\xa3nsp\xa1/", 13);
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(asking);
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    sori_event_free(asking);
    size_t length;
    CHECK(memcmp(client_next(peer, &length), "\x83\xa4type\0\xa4"
                                             "data\x81\xa3sid",
                 17) == 0);
    // {"type":2,"data":["a",<01>],"nsp":"/"}
    client_send_binary(peer, "\x83\xa4type\x02\xa4"
                             "data\x92\xa1"
                             "a\xc4\x01\x01\xa3nsp\xa1/",
                       24);
    sori_event *message = next_event(server, SORI_EVENT_MESSAGE);
    CHECK_TEXT(sori_event_name(message), "a");
    CHECK_TEXT(sori_event_args(message), "[{\"_placeholder\":true,\"num\":0}]");
    CHECK(sori_event_attachment_count(message) == 1);
    CHECK(sori_event_attachment(message, 0).data[0] == 1);
    sori_event_free(message);
    CHECK(sori_server_emit(server, socket, "b", "[1]", NULL) == SORI_OK);
    CHECK(memcmp(client_next(peer, &length), "\x83\xa4type\x02\xa4"
                                             "data\x92\xa1"
                                             "b\x01\xa3nsp\xa1/",
                 22) == 0);
    client_close(peer);
    sori_server_free(server);
}

static uint64_t namespaces(const sori_server *server)
{
    sori_metrics metrics;
    CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    return metrics.namespaces;
}

static void a_namespace_comes_with_its_first_socket_and_goes_with_its_last(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    CHECK(sori_server_open_namespaces(server, "room") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_open_namespaces(server, "/room-") == SORI_OK);
    client *peer = client_open(port);
    client_send(peer, "40/other,");
    client_expect(peer, "44/other,{\"message\":\"Invalid namespace\"}");
    client_send(peer, "40/room-1,");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    CHECK_TEXT(sori_event_namespace(asking), "/room-1");
    CHECK(namespaces(server) == 1);
    CHECK(sori_server_accept(server, sori_event_socket(asking)) == SORI_OK);
    CHECK(namespaces(server) == 2);
    CHECK(sori_server_emit(server, sori_event_socket(asking), "hi", NULL, NULL) == SORI_OK);
    CHECK(strncmp(client_next(peer, NULL), "40/room-1,{", 11) == 0);
    client_expect(peer, "42/room-1,[\"hi\"]");
    sori_event_free(asking);

    client_send(peer, "40/room-2,");
    asking = next_event(server, SORI_EVENT_CONNECT);
    CHECK(sori_server_refuse(server, sori_event_socket(asking), "full", NULL) == SORI_OK);
    client_expect(peer, "44/room-2,{\"message\":\"full\"}");
    CHECK(namespaces(server) == 2);
    sori_event_free(asking);

    client_send(peer, "41/room-1,");
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    // Asked again, so that what was asked before has been done.
    client_send(peer, "40/other,");
    client_expect(peer, "44/other,{\"message\":\"Invalid namespace\"}");
    CHECK(namespaces(server) == 1);
    client_close(peer);
    sori_server_free(server);
}

static void a_socket_that_comes_back_finds_its_data(void)
{
    sori_server_options options = defaults();
    options.recovery_ms = 60000;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    client_send(peer, "40");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(asking);
    CHECK_TEXT(sori_event_recovery_data(asking), "");
    sori_event_free(asking);
    CHECK(sori_server_set_recovery_data(server, socket, "{\"early\":1}") == SORI_GONE);
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    char joined[128], seen[128], back[512];
    snprintf(joined, sizeof joined, "%s", client_next(peer, NULL));
    CHECK(sori_server_set_recovery_data(server, socket, "{\"visits\":7}") == SORI_OK);
    CHECK(sori_server_emit(server, socket, "seen", NULL, NULL) == SORI_OK);
    snprintf(seen, sizeof seen, "%s", client_next(peer, NULL));
    client_close(peer);
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    CHECK(sori_server_set_recovery_data(server, socket, "{\"late\":1}") == SORI_GONE);

    // 40{"sid":"...","pid":"..."} and 42["seen","<offset>"]
    char *pid = strstr(joined, "\"pid\":\"");
    CHECK(pid != NULL);
    pid += strlen("\"pid\":\"");
    pid[strcspn(pid, "\"")] = '\0';
    char *offset = strrchr(seen, ',') + 2;
    offset[strcspn(offset, "\"")] = '\0';
    snprintf(back, sizeof back, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", pid, offset);
    peer = client_open(port);
    client_send(peer, back);
    asking = next_event(server, SORI_EVENT_CONNECT);
    CHECK(sori_event_is_recovered(asking));
    CHECK_TEXT(sori_event_recovery_data(asking), "{\"visits\":7}");
    sori_event_free(asking);
    client_close(peer);
    sori_server_free(server);
}

// Lets the first handshake through, and turns the second away.
static void *decide(void *argument)
{
    sori_server *server = argument;
    sori_event *first = next_event(server, SORI_EVENT_HANDSHAKE);
    CHECK(sori_event_socket(first) == 0);
    CHECK_TEXT(sori_event_query(first, "EIO"), "4");
    CHECK(sori_server_allow(server, sori_event_token(first)) == SORI_OK);
    CHECK(sori_server_allow(server, sori_event_token(first)) == SORI_GONE);
    sori_event_free(first);
    sori_event *second = next_event(server, SORI_EVENT_HANDSHAKE);
    CHECK(sori_server_deny(server, sori_event_token(second), "no way") == SORI_OK);
    sori_event_free(second);
    return NULL;
}

static void a_handshake_waits_for_a_word_and_answers_have_headers(void)
{
    sori_server_options options = defaults();
    options.ask_handshakes = 1;
    options.cors_origins = "*";
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    CHECK(sori_server_add_header(server, "x-node", "7") == SORI_OK);
    CHECK(sori_server_add_header(server, "not a name", "7") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_add_header(server, "x-node", "two\nlines") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_allow(server, 99) == SORI_GONE);
    pthread_t deciding;
    CHECK(pthread_create(&deciding, NULL, decide, server) == 0);
    const char *path = "/socket.io/?EIO=4&transport=websocket";
    client *peer = client_open_websocket(port, path, NULL, NULL);
    CHECK(peer != NULL);
    CHECK(strstr(client_head(peer), "x-node: 7\r\n") != NULL);
    CHECK(strstr(client_head(peer), "Access-Control-Allow-Origin: *\r\n") != NULL);
    int status = 0;
    CHECK(client_open_websocket(port, path, NULL, &status) == NULL && status == 400);
    CHECK(pthread_join(deciding, NULL) == 0);
    client_close(peer);
    sori_server_free(server);
}

static sori_server *ask_about_feed(sori_server_options *options, uint16_t *port)
{
    const char *protocols[] = {"v1"}, *origins[] = {"https://mine.example"};
    sori_websocket_options feed;
    CHECK(sori_websocket_options_default(&feed, sizeof feed) == SORI_OK);
    CHECK(feed.ask_handshakes == 0);
    feed.ask_handshakes = 1;
    feed.protocols = protocols;
    feed.protocol_count = 1;
    feed.origins = origins;
    feed.origin_count = 1;
    sori_server *server = start_with(options, port);
    CHECK(sori_server_open_websockets(server, "/feed", &feed) == SORI_OK);
    return server;
}

static uint64_t asked(const sori_server *server)
{
    sori_event *event = next_event(server, SORI_EVENT_WEBSOCKET_HANDSHAKE);
    CHECK(sori_event_socket(event) == 0);
    CHECK_TEXT(sori_event_namespace(event), "ws:/feed");
    CHECK_TEXT(sori_event_query(event, "who"), "me");
    CHECK_TEXT(sori_event_header(event, "sec-websocket-protocol"), "v2, v1");
    uint64_t ticket = sori_event_token(event);
    sori_event_free(event);
    return ticket;
}

// Lets the first two in, the second with a protocol of its own; turns the third and the fourth away.
static void *decide_about_feed(void *argument)
{
    sori_server *server = argument;
    uint64_t ticket = asked(server);
    CHECK(sori_server_allow(server, ticket) == SORI_GONE);
    CHECK(sori_server_websocket_deny(server, ticket, 200, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_deny(server, ticket, 600, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_allow(server, ticket, NULL) == SORI_OK);
    CHECK(sori_server_websocket_allow(server, ticket, NULL) == SORI_GONE);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_OPEN));
    CHECK(sori_server_websocket_allow(server, asked(server), "v2") == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_OPEN));
    CHECK(sori_server_websocket_deny(server, asked(server), 401, "who are you?") == SORI_OK);
    CHECK(sori_server_websocket_deny(server, asked(server), 429, NULL) == SORI_OK);
    return NULL;
}

static client *open_feed(uint16_t port, int *status)
{
    return client_open_websocket(port, "/feed?who=me", "Sec-WebSocket-Protocol: v2, v1\r\n", status);
}

static void a_plain_websocket_waits_for_a_word(void)
{
    sori_server_options options = defaults();
    uint16_t port;
    sori_server *server = ask_about_feed(&options, &port);
    pthread_t deciding;
    CHECK(pthread_create(&deciding, NULL, decide_about_feed, server) == 0);
    client *first = open_feed(port, NULL), *second = open_feed(port, NULL);
    CHECK(first != NULL && strstr(client_head(first), "Sec-WebSocket-Protocol: v1\r\n") != NULL);
    CHECK(second != NULL && strstr(client_head(second), "Sec-WebSocket-Protocol: v2\r\n") != NULL);
    int status = 0;
    CHECK(open_feed(port, &status) == NULL && status == 401);
    CHECK(open_feed(port, &status) == NULL && status == 429);
    CHECK(pthread_join(deciding, NULL) == 0);
    // Nobody is asked about a page that may not.
    CHECK(client_open_websocket(port, "/feed", "Origin: https://yours.example\r\n", &status) == NULL);
    CHECK(status == 403);
    check_no_event(server);
    client_close(first);
    client_close(second);
    sori_server_free(server);
}

static void a_plain_websocket_without_a_word_is_refused_when_its_time_is_up(void)
{
    sori_server_options options = defaults();
    options.connect_timeout_ms = 50;
    uint16_t port;
    sori_server *server = ask_about_feed(&options, &port);
    int status = 0;
    CHECK(open_feed(port, &status) == NULL && status == 503);
    CHECK(sori_server_websocket_allow(server, asked(server), NULL) == SORI_GONE);
    check_no_event(server);
    sori_server_free(server);
}

typedef struct {
    uint16_t port;
    int status;
} visit;

static void *visit_feed(void *argument)
{
    visit *self = argument;
    client_close(open_feed(self->port, &self->status));
    return NULL;
}

static void nobody_waits_for_a_word_behind_a_full_queue(void)
{
    sori_server_options options = defaults();
    options.max_pending_events = 1;
    options.ask_handshakes = 1;
    uint16_t port;
    sori_server *server = ask_about_feed(&options, &port);
    visit patient = {port, 0};
    pthread_t visiting;
    CHECK(pthread_create(&visiting, NULL, visit_feed, &patient) == 0);
    struct pollfd watched = {.events = POLLIN};
    CHECK(sori_server_fd(server, &watched.fd) == SORI_OK);
    CHECK(poll(&watched, 1, DEADLINE_MS) == 1);
    int status = 0;
    CHECK(open_feed(port, &status) == NULL && status == 503);
    const char *path = "/socket.io/?EIO=4&transport=websocket";
    CHECK(client_open_websocket(port, path, NULL, &status) == NULL && status == 400);
    CHECK(sori_server_websocket_allow(server, asked(server), NULL) == SORI_OK);
    CHECK(pthread_join(visiting, NULL) == 0 && patient.status == 101);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_OPEN));
    sori_server_free(server);
}

static void settings_that_mean_nothing_are_refused(void)
{
    sori_server *server = NULL;
    sori_server_options options = defaults();
    CHECK(options.protocol == SORI_PROTOCOL_SOCKET_IO && options.parser == SORI_PARSER_JSON);
    CHECK(options.ask_handshakes == 0 && options.cors_origins == NULL && options.cookie == NULL);
    CHECK(options.http_compression_threshold == 1024);
    options.protocol = 2;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options = defaults();
    options.parser = 2;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options = defaults();
    options.cookie = "two words";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options = defaults();
    options.cors_origins = "https://a.example\nhttps://b.example \x01";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
}

int main(void)
{
    RUN(messages_without_socket_io_cross_as_they_are);
    RUN(packets_may_be_message_pack);
    RUN(a_namespace_comes_with_its_first_socket_and_goes_with_its_last);
    RUN(a_socket_that_comes_back_finds_its_data);
    RUN(a_handshake_waits_for_a_word_and_answers_have_headers);
    RUN(a_plain_websocket_waits_for_a_word);
    RUN(a_plain_websocket_without_a_word_is_refused_when_its_time_is_up);
    RUN(nobody_waits_for_a_word_behind_a_full_queue);
    RUN(settings_that_mean_nothing_are_refused);
    return 0;
}
