// What a client may cost: the number of its messages, and what waits for it while it does not read.

#include "check.h"
#include "client.h"

static sori_server *start_with(const sori_server_options *options, uint16_t *port)
{
    sori_server *server = NULL;
    CHECK(sori_server_new(options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, port) == SORI_OK);
    return server;
}

// A second lets one more message through, and how many seconds pass is the machine's affair.
enum { FLOOD = 100 };

static void expect_too_many(const sori_server *server, sori_socket socket, int burst)
{
    int messages = 0;
    sori_event *event;
    for (;;) {
        size_t count = 0;
        CHECK(sori_server_poll(server, &event, 1, DEADLINE_MS, &count) == SORI_OK && count == 1);
        CHECK(sori_event_socket(event) == socket);
        if (sori_event_kind_of(event) != SORI_EVENT_MESSAGE)
            break;
        messages++;
        sori_event_free(event);
    }
    CHECK(sori_event_kind_of(event) == SORI_EVENT_DISCONNECT);
    CHECK_TEXT(sori_event_reason(event), "transport error");
    CHECK(messages >= burst && messages < FLOOD);
    sori_event_free(event);
}

static void a_client_over_the_rate_is_disconnected(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.rate_per_second == 0 && options.rate_burst == 0);
    options.rate_per_second = 1;
    options.rate_burst = 4;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    // Joining is a message too.
    sori_socket socket = client_join(peer, server);
    client_flood(peer, "42[\"n\"]", FLOOD);
    expect_too_many(server, socket, 3);
    client_expect_end(peer);
    client_close(peer);
    sori_server_free(server);
}

static void one_connection_of_http_too_many_is_refused(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.max_http_connections == 65536);
    options.max_http_connections = 1;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    int status = 0;
    client *waiting = client_connect(port);
    sori_metrics metrics;
    do {
        CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    } while (metrics.http_connections == 0);
    CHECK(client_open_websocket(port, "/socket.io/?EIO=4&transport=websocket", NULL, &status) == NULL);
    CHECK(status == 503);
    CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    CHECK(metrics.http_connections == 1 && metrics.refused_http == 1);
    client_close(waiting);
    sori_server_free(server);
}

static void clients_of_an_address_have_one_rate(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.address_rate_per_second == 0 && options.address_rate_burst == 0);
    CHECK(options.max_connections_per_address == 0 && options.address_header == NULL);
    options.address_rate_per_second = 1;
    options.address_rate_burst = 5;
    options.max_connections_per_address = 2;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peers[2] = { client_open(port), client_open(port) };
    // Joining is a message too.
    client_join(peers[0], server);
    sori_socket loud = client_join(peers[1], server);
    client_flood(peers[1], "42[\"n\"]", FLOOD);
    expect_too_many(server, loud, 3);
    client_expect_end(peers[1]);
    check_no_event(server);
    client_close(peers[1]);
    client_close(peers[0]);
    sori_server_free(server);
}

static void a_client_that_does_not_read_loses_events_where_that_is_wanted(void)
{
    enum { LENGTH = 30000 };
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.overflow == SORI_OVERFLOW_CLOSE);
    options.overflow = SORI_OVERFLOW_DROP;
    options.max_queued_bytes = 100000;
    uint16_t port;
    sori_server *server = start_with(&options, &port);
    client *peer = client_open(port);
    sori_socket socket = client_join(peer, server);
    static char args[LENGTH + 5];
    memset(args, 'x', LENGTH + 4);
    args[0] = '[', args[1] = '"', args[LENGTH + 2] = '"', args[LENGTH + 3] = ']', args[LENGTH + 4] = 0;
    sori_metrics metrics;
    do {
        CHECK(sori_server_emit(server, socket, "n", args, NULL) == SORI_OK);
        CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    } while (metrics.dropped_full == 0);
    CHECK(metrics.closed_slow == 0 && metrics.connections == 1);
    size_t length;
    for (client_next(peer, &length); length > 100; client_next(peer, &length))
        CHECK(sori_server_emit(server, socket, "end", NULL, NULL) == SORI_OK);
    check_no_event(server);
    client_close(peer);
    sori_server_free(server);
}

static void a_policy_that_does_not_exist_is_refused(void)
{
    sori_server *server = NULL;
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.overflow = 3;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    CHECK(strcmp(sori_last_error(), "options.overflow is unknown") == 0);
    CHECK(server == NULL);
}

int main(void)
{
    RUN(a_client_over_the_rate_is_disconnected);
    RUN(one_connection_of_http_too_many_is_refused);
    RUN(clients_of_an_address_have_one_rate);
    RUN(a_client_that_does_not_read_loses_events_where_that_is_wanted);
    RUN(a_policy_that_does_not_exist_is_refused);
    return 0;
}
