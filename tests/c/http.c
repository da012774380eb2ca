// What a server's settings make of its answers: cookie, CORS, counters, the packet that comes first, how
// long answers are waited for.

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "client.h"

static sori_server_options defaults(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    return options;
}

static sori_server *start_with(const sori_server_options *options, uint16_t *port)
{
    sori_server *server = NULL;
    CHECK(sori_server_new(options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, port) == SORI_OK);
    return server;
}

// Head and body of the answer to one request, given up to its last header.
static const char *ask(uint16_t port, const char *request)
{
    static char answer[1 << 16];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fd >= 0);
    struct timeval deadline = {DEADLINE_MS / 1000, 0};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) == 0);
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    char text[1024];
    int length = snprintf(text, sizeof text, "%s\r\nHost: localhost\r\nConnection: close\r\n\r\n", request);
    CHECK(length > 0 && (size_t)length < sizeof text);
    CHECK(write(fd, text, (size_t)length) == length);
    size_t read_so_far = 0;
    for (;;) {
        ssize_t count = read(fd, answer + read_so_far, sizeof answer - 1 - read_so_far);
        if (count < 0 && errno == EINTR)
            continue;
        CHECK(count >= 0);
        if (count == 0)
            break;
        read_so_far += (size_t)count;
    }
    answer[read_so_far] = 0;
    close(fd);
    return answer;
}

#define CHECK_LINE(answer, line) CHECK(strstr(answer, "\r\n" line "\r\n") != NULL)

static const char handshake[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                "Origin: https://app.example";
static const char preflight[] = "OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                "Access-Control-Request-Headers: x-asked\r\n"
                                "Origin: https://app.example";

static void cors_says_what_the_settings_say(void)
{
    sori_server_options options = defaults();
    options.cors_origins = "https://app.example https://other.example";
    options.cors_methods = "GET POST";
    options.cors_allowed_headers = "x-one  x-two";
    options.cors_exposed_headers = "x-node";
    options.cors_max_age_s = 600;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    const char *answer = ask(port, preflight);
    CHECK_LINE(answer, "Access-Control-Allow-Origin: https://app.example");
    CHECK_LINE(answer, "Access-Control-Allow-Methods: GET,POST");
    CHECK_LINE(answer, "Access-Control-Allow-Headers: x-one,x-two");
    CHECK_LINE(answer, "Access-Control-Max-Age: 600");
    answer = ask(port, handshake);
    CHECK_LINE(answer, "Access-Control-Expose-Headers: x-node");
    sori_server_free(server);

    options = defaults();
    options.cors_origins = "*";
    server = start_with(&options, &port);
    answer = ask(port, preflight);
    CHECK_LINE(answer, "Access-Control-Allow-Methods: GET,HEAD,PUT,PATCH,POST,DELETE");
    CHECK_LINE(answer, "Access-Control-Allow-Headers: x-asked");
    CHECK(strstr(answer, "Access-Control-Max-Age") == NULL);
    CHECK(strstr(ask(port, handshake), "Access-Control-Expose-Headers") == NULL);
    sori_server_free(server);
}

static void cors_names_the_origin_of_any_page_if_it_is_to(void)
{
    sori_server_options options = defaults();
    CHECK(options.cors_reflect == 0);
    options.cors_origins = "*";
    options.cors_credentials = 1;
    options.cors_reflect = 1;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    const char *answer = ask(port, handshake);
    CHECK_LINE(answer, "Access-Control-Allow-Origin: https://app.example");
    CHECK_LINE(answer, "Access-Control-Allow-Credentials: true");
    sori_server_free(server);

    options.cors_origins = "https://app.example";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
}

static void a_cookie_has_the_attributes_that_are_set(void)
{
    sori_server_options options = defaults();
    options.cookie = "node";
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    const char *answer = ask(port, handshake);
    CHECK(strstr(answer, "; Path=/; HttpOnly; SameSite=Lax\r\n") != NULL);
    CHECK(strstr(answer, "Max-Age") == NULL && strstr(answer, "Domain") == NULL);
    sori_server_free(server);

    options.cookie_max_age_s = 60;
    options.cookie_domain = "example.org";
    options.cookie_path = "/live";
    options.cookie_http_only = 0;
    options.cookie_secure = 1;
    options.cookie_same_site = SORI_SAME_SITE_NONE;
    server = start_with(&options, &port);
    answer = ask(port, handshake);
    CHECK(strstr(answer, "; Max-Age=60; Domain=example.org; Path=/live; Secure; SameSite=None\r\n") != NULL);
    sori_server_free(server);

    options.cookie_path = "";
    options.cookie_same_site = SORI_SAME_SITE_STRICT;
    server = start_with(&options, &port);
    answer = ask(port, handshake);
    CHECK(strstr(answer, "; Domain=example.org; Secure; SameSite=Strict\r\n") != NULL);
    sori_server_free(server);

    options.cookie_same_site = 3;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
}

static void counters_are_served_where_the_settings_say(void)
{
    sori_server_options options = defaults();
    options.metrics_path = "/counters";
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    CHECK(strncmp(ask(port, "GET /counters HTTP/1.1"), "HTTP/1.1 200 ", 13) == 0);
    CHECK(strstr(ask(port, "GET /counters HTTP/1.1"), "\nsori_connections 0\n") != NULL);
    CHECK(strncmp(ask(port, "GET /metrics HTTP/1.1"), "HTTP/1.1 404 ", 13) == 0);
    sori_server_free(server);
}

static void counters_are_written_for_a_page_of_ones_own_with_labels(void)
{
    sori_server_options options = defaults();
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    static char text[1 << 16];
    size_t length = 0;
    CHECK(sori_server_prometheus(server, NULL, 0, text, sizeof text, &length) == SORI_OK);
    CHECK(length == strlen(text) && text[length - 1] == '\n');
    CHECK(strstr(text, "\nsori_connections 0\n") != NULL);

    const char *labels[] = {"server=chat", "_x1=a\"b\\c\n=", "empty="};
    CHECK(sori_server_prometheus(server, labels, 3, text, sizeof text, &length) == SORI_OK);
    CHECK(length == strlen(text));
    CHECK(strstr(text, "\nsori_connections{server=\"chat\",_x1=\"a\\\"b\\\\c\\n=\",empty=\"\"} 0\n") != NULL);

    // What has no room is cut, and the length tells.
    char shorter[32];
    memset(shorter, 'x', sizeof shorter);
    size_t again = 0;
    CHECK(sori_server_prometheus(server, labels, 3, shorter, 31, &again) == SORI_OK);
    CHECK(again == length && strlen(shorter) == 30 && memcmp(shorter, text, 30) == 0);
    CHECK(shorter[31] == 'x');
    CHECK(sori_server_prometheus(server, labels, 3, NULL, 0, &again) == SORI_OK && again == length);
    CHECK(sori_server_prometheus(server, labels, 3, shorter, 1, &again) == SORI_OK && shorter[0] == 0);

    static const char *const wrong[] = {"", "=x", "server", "1x=x", "a-b=x", "\xc3\xbc=x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(sori_server_prometheus(server, wrong + i, 1, text, sizeof text, &length) == SORI_INVALID_ARGUMENT);
    sori_server_free(server);
}

static void every_client_gets_the_initial_packet_first(void)
{
    sori_server_options options = defaults();
    options.initial_packet = (const uint8_t *)"hello";
    options.initial_packet_length = 5;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    client_expect(peer, "4hello");
    client_close(peer);
    sori_server_free(server);

    options.initial_packet_kind = SORI_WEBSOCKET_BINARY;
    options.initial_packet = (const uint8_t *)"\0\xff";
    options.initial_packet_length = 2;
    server = start_with(&options, &port);
    peer = client_open(port);
    size_t length;
    CHECK(memcmp(client_next(peer, &length), "\0\xff", 2) == 0 && length == 2);
    client_close(peer);
    sori_server_free(server);

    options.initial_packet_kind = SORI_WEBSOCKET_TEXT;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.initial_packet_kind = 3;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
}

static void a_broadcast_waits_as_long_as_the_settings_say(void)
{
    sori_server_options options = defaults();
    CHECK(options.broadcast_ack_timeout_ms == 10000);
    options.broadcast_ack_timeout_ms = 30;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *silent = client_open(port);
    client_join(silent, server);
    uint64_t ack;
    CHECK(sori_server_broadcast_with_ack(server, "/", NULL, "who", NULL, NULL, -1, &ack) == SORI_OK);
    struct timeval before, after;
    CHECK(gettimeofday(&before, NULL) == 0);
    sori_event *event = next_event(server, SORI_EVENT_BROADCAST_ACK);
    CHECK(gettimeofday(&after, NULL) == 0);
    CHECK(sori_event_is_timed_out(event));
    CHECK(after.tv_sec - before.tv_sec < 10);
    sori_event_free(event);
    client_close(silent);
    sori_server_free(server);
}

static void a_level_of_compression_that_is_none_is_refused(void)
{
    sori_server *server = NULL;
    sori_server_options options = defaults();
    CHECK(options.deflate_level == 6);
    options.deflate_threshold = 1;
    for (options.deflate_level = 10; options.deflate_level < 1000; options.deflate_level += 246)
        CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.deflate_level = 9;
    CHECK(sori_server_new(&options, &server) == SORI_OK);
    sori_server_free(server);
}

// What is agreed on with a client that offers this compression; NULL: it is turned away for its offer.
static void check_agreed(uint16_t port, const char *path, const char *offer, const char *agreed)
{
    char headers[256], line[256];
    int status = 0;
    snprintf(headers, sizeof headers, "Sec-WebSocket-Extensions: %s\r\n", offer);
    client *peer = client_open_websocket(port, path, headers, &status);
    if (agreed == NULL) {
        CHECK(peer == NULL && status == 400);
        return;
    }
    CHECK(peer != NULL);
    snprintf(line, sizeof line, "\r\nSec-WebSocket-Extensions: %s\r\n", agreed);
    CHECK(strstr(client_head(peer), line) != NULL);
    client_close(peer);
}

static void compression_is_agreed_on_as_the_settings_say(void)
{
    static const char *const socket_io = "/socket.io/?EIO=4&transport=websocket";
    static const char *const plain = "permessage-deflate";
    static const char *const both = "permessage-deflate; client_max_window_bits";
    sori_deflate_options deflate;
    CHECK(sori_deflate_options_default(&deflate, sizeof deflate) == SORI_OK);
    CHECK(deflate.size == sizeof deflate && deflate.threshold == 1024 && deflate.history == 4096);
    CHECK(deflate.level == 6 && deflate.server_max_window_bits == SORI_WINDOW_AS_ASKED);
    CHECK(deflate.client_max_window_bits == SORI_WINDOW_AS_ASKED);
    CHECK(deflate.server_no_context_takeover == SORI_CONTEXT_AS_ASKED);
    CHECK(deflate.client_no_context_takeover == 0);
    sori_server_options options = defaults();
    CHECK(options.deflate == NULL);
    options.deflate = &deflate;
    sori_websocket_options feed;
    CHECK(sori_websocket_options_default(&feed, sizeof feed) == SORI_OK);
    CHECK(feed.deflate == NULL && feed.skip_utf8_validation == 0);
    feed.deflate = &deflate;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    check_agreed(port, socket_io, plain, plain);
    sori_server_free(server);

    deflate.server_max_window_bits = 10;
    deflate.client_max_window_bits = 9;
    deflate.server_no_context_takeover = SORI_CONTEXT_FORGOTTEN;
    deflate.client_no_context_takeover = 1;
    server = start_with(&options, &port);
    CHECK(sori_server_open_websockets(server, "/feed", &feed) == SORI_OK);
    const char *agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                         "server_max_window_bits=10; client_max_window_bits=9";
    check_agreed(port, socket_io, both, agreed);
    check_agreed(port, "/feed", both, agreed);
    // It cannot limit its own window.
    check_agreed(port, "/feed", plain, NULL);
    sori_server_free(server);

    deflate.server_max_window_bits = SORI_WINDOW_UNLIMITED;
    deflate.client_max_window_bits = SORI_WINDOW_UNLIMITED;
    deflate.server_no_context_takeover = SORI_CONTEXT_KEPT;
    server = start_with(&options, &port);
    check_agreed(port, socket_io, "permessage-deflate; server_max_window_bits=10", NULL);
    check_agreed(port, socket_io, "permessage-deflate; server_no_context_takeover", NULL);
    sori_server_free(server);

    const uint32_t wrong[] = {7, 16, 256 + 10};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        deflate.server_max_window_bits = wrong[i];
        CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    }
    deflate.server_max_window_bits = 15;
    deflate.server_no_context_takeover = 3;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
}

static void text_of_peers_comes_unchecked_if_it_is_to(void)
{
    sori_server_options options = defaults();
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    sori_websocket_options feed;
    CHECK(sori_websocket_options_default(&feed, sizeof feed) == SORI_OK);
    feed.skip_utf8_validation = 1;
    CHECK(sori_server_open_websockets(server, "/feed", &feed) == SORI_OK);
    client *peer = client_open_websocket(port, "/feed", NULL, NULL);
    CHECK(peer != NULL);
    sori_event_free(next_event(server, SORI_EVENT_WEBSOCKET_OPEN));
    client_send(peer, "\xff");
    sori_event *message = next_event(server, SORI_EVENT_WEBSOCKET_MESSAGE);
    CHECK(!sori_event_is_binary(message) && sori_event_data(message).length == 1);
    CHECK(sori_event_data(message).data[0] == 0xff);
    sori_event_free(message);
    client_close(peer);
    sori_server_free(server);
}

int main(void)
{
    RUN(cors_says_what_the_settings_say);
    RUN(cors_names_the_origin_of_any_page_if_it_is_to);
    RUN(a_cookie_has_the_attributes_that_are_set);
    RUN(counters_are_served_where_the_settings_say);
    RUN(counters_are_written_for_a_page_of_ones_own_with_labels);
    RUN(every_client_gets_the_initial_packet_first);
    RUN(a_broadcast_waits_as_long_as_the_settings_say);
    RUN(a_level_of_compression_that_is_none_is_refused);
    RUN(compression_is_agreed_on_as_the_settings_say);
    RUN(text_of_peers_comes_unchecked_if_it_is_to);
    return 0;
}
