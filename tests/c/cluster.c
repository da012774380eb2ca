// Two servers of a cluster over Redis: what one says reaches the clients of both, and servers speak to
// one another. The Redis is the first argument, the number of the wire format the second.

#include "check.h"
#include "client.h"

static const char *redis_url;
static uint32_t redis_format;
static uint32_t recovery_ms;

static sori_server *join(uint16_t *port, uint32_t timeout_ms)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(options.redis_timeout_ms == 5000);
    options.threads = 1;
    options.redis_url = redis_url;
    options.redis_key = "test";
    CHECK(options.redis_format == SORI_REDIS_CLASSIC);
    options.redis_format = redis_format;
    options.redis_timeout_ms = timeout_ms;
    options.recovery_ms = recovery_ms;
    options.redis_session_prefix = "test:";
    sori_server *server = NULL;
    CHECK(sori_server_new(&options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, port) == SORI_OK);
    return server;
}

// How many servers one of them knows of.
static uint64_t count(const sori_server *server)
{
    uint64_t request;
    CHECK(sori_server_count_servers(server, "/", -1, &request) == SORI_OK);
    sori_event *event = next_event(server, SORI_EVENT_SERVER_COUNT);
    CHECK(sori_event_ack(event) == request);
    CHECK_TEXT(sori_event_namespace(event), "/");
    uint64_t servers = sori_event_token(event);
    sori_event_free(event);
    return servers;
}

// Two servers that know of one another.
static void pair(sori_server *servers[2], uint16_t ports[2])
{
    for (int i = 0; i < 2; i++)
        servers[i] = join(&ports[i], DEADLINE_MS);
    for (int i = 0; i < 2; i++)
        while (count(servers[i]) != 2)
            continue;
}

static void part(sori_server *servers[2])
{
    for (int i = 0; i < 2; i++)
        sori_server_free(servers[i]);
}

static void a_broadcast_reaches_the_clients_of_both_servers(void)
{
    sori_server *servers[2];
    uint16_t ports[2];
    pair(servers, ports);
    client *here = client_open(ports[0]), *there = client_open(ports[1]);
    client_join(here, servers[0]);
    client_join(there, servers[1]);

    sori_audience local;
    CHECK(sori_audience_default(&local, sizeof local) == SORI_OK);
    local.local = 1;
    CHECK(sori_server_broadcast(servers[0], "/", &local, "here", NULL, NULL) == SORI_OK);
    sori_bytes bytes = {(const uint8_t *)"xy", 2};
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.attachments = &bytes;
    options.attachment_count = 1;
    CHECK(sori_server_broadcast(servers[0], "/", NULL, "all", "[1,{\"_placeholder\":true,\"num\":0}]", &options) == SORI_OK);
    client_expect(here, "42[\"here\"]");
    client_expect(here, "451-[\"all\",1,{\"_placeholder\":true,\"num\":0}]");
    client_expect(there, "451-[\"all\",1,{\"_placeholder\":true,\"num\":0}]");
    size_t length;
    CHECK(memcmp(client_next(there, &length), "xy", 2) == 0 && length == 2);

    sori_metrics metrics;
    metrics.size = sizeof metrics;
    CHECK(sori_server_metrics(servers[0], &metrics, sizeof metrics) == SORI_OK);
    CHECK(metrics.cluster_published > 0 && metrics.cluster_refused == 0 && metrics.cluster_dropped == 0);
    client_close(here);
    client_close(there);
    part(servers);
}

static void answers_one_by_one_come_from_both_servers(void)
{
    sori_server *servers[2];
    uint16_t ports[2];
    pair(servers, ports);
    client *clients[2] = {client_open(ports[0]), client_open(ports[1])};
    sori_socket here = client_join(clients[0], servers[0]);
    client_join(clients[1], servers[1]);
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.flags = SORI_EMIT_ANSWERS_ONE_BY_ONE;
    uint64_t ack;
    CHECK(sori_server_broadcast_with_ack(servers[0], "/", NULL, "who", NULL, &options, -1, &ack) == SORI_OK);
    for (int i = 1; i >= 0; i--) {
        size_t length;
        unsigned long long id;
        CHECK(sscanf(client_next(clients[i], &length), "42%llu[\"who\"]", &id) == 1);
        char packet[64];
        snprintf(packet, sizeof packet, "43%llu[%d]", id, i);
        client_send(clients[i], packet);
        sori_event *event = next_event(servers[0], SORI_EVENT_BROADCAST_ANSWER);
        CHECK(sori_event_socket(event) == (i == 0 ? here : 0));
        CHECK_TEXT(sori_event_namespace(event), "/");
        CHECK(sori_event_ack(event) == ack);
        CHECK_TEXT(sori_event_args(event), i == 1 ? "[1]" : "[0]");
        sori_event_free(event);
    }
    sori_event *event = next_event(servers[0], SORI_EVENT_BROADCAST_ACK);
    CHECK(sori_event_ack(event) == ack);
    CHECK(!sori_event_is_timed_out(event) && sori_event_answer_count(event) == 0);
    sori_event_free(event);
    for (int i = 0; i < 2; i++) client_close(clients[i]);
    part(servers);
}

static void sockets_of_the_other_server_are_seen_joined_and_disconnected(void)
{
    sori_server *servers[2];
    uint16_t ports[2];
    pair(servers, ports);
    client *there = client_open(ports[1]);
    client_send(there, "40{\"token\":7}");
    sori_event *event = next_event(servers[1], SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(event);
    sori_event_free(event);
    CHECK(sori_server_accept(servers[1], socket) == SORI_OK);
    size_t length;
    CHECK(strncmp(client_next(there, &length), "40{", 3) == 0);
    CHECK(sori_server_set_recovery_data(servers[1], socket, "{\"name\":\"b\"}") == SORI_OK);

    const char *room = "room";
    CHECK(sori_server_join_many(servers[0], "/", NULL, &room, 1) == SORI_OK);
    sori_audience audience;
    CHECK(sori_audience_default(&audience, sizeof audience) == SORI_OK);
    audience.rooms = &room;
    audience.room_count = 1;
    const char *sockets;
    for (;;) {
        uint64_t request;
        CHECK(sori_server_fetch_sockets(servers[0], "/", &audience, -1, &request) == SORI_OK);
        event = next_event(servers[0], SORI_EVENT_SOCKETS);
        CHECK(sori_event_ack(event) == request);
        CHECK(!sori_event_is_timed_out(event));
        sockets = sori_event_args(event).data;
        // Questions do not go through the stream, and may overtake what does.
        if (redis_format != SORI_REDIS_STREAMS || strcmp(sockets, "[]") != 0) break;
        sori_event_free(event);
    }
    CHECK(strncmp(sockets, "[{\"id\":\"", 8) == 0);
    CHECK(strstr(sockets, "\"data\":{\"name\":\"b\"}") != NULL);
    CHECK(strstr(sockets, ",\"room\"]") != NULL);
    CHECK(strstr(sockets, "\"auth\":{\"token\":7}") != NULL);
    sori_event_free(event);

    CHECK(sori_server_disconnect_many(servers[0], "/", &audience, false) == SORI_OK);
    event = next_event(servers[1], SORI_EVENT_DISCONNECT);
    CHECK(sori_event_socket(event) == socket);
    CHECK_TEXT(sori_event_reason(event), "server namespace disconnect");
    sori_event_free(event);
    client_expect(there, "41");
    client_close(there);
    part(servers);
}

static void servers_speak_to_one_another(void)
{
    sori_server *servers[2];
    uint16_t ports[2];
    pair(servers, ports);
    CHECK(sori_server_tell_servers(servers[0], "/", "news", "[{\"n\":1}]", NULL) == SORI_OK);
    sori_event *event = next_event(servers[1], SORI_EVENT_SERVER_MESSAGE);
    CHECK_TEXT(sori_event_name(event), "news");
    CHECK_TEXT(sori_event_args(event), "[{\"n\":1}]");
    CHECK_TEXT(sori_event_namespace(event), "/");
    CHECK(sori_event_socket(event) == 0);
    CHECK(!sori_event_has_ack(event));
    CHECK(sori_server_answer_server(servers[1], event, NULL, NULL) == SORI_INVALID_ARGUMENT);
    sori_event_free(event);

    uint64_t ack;
    CHECK(sori_server_ask_servers(servers[0], "/", "question", NULL, NULL, -1, &ack) == SORI_OK);
    event = next_event(servers[1], SORI_EVENT_SERVER_MESSAGE);
    CHECK_TEXT(sori_event_name(event), "question");
    CHECK(sori_event_has_ack(event));
    CHECK(sori_server_answer_server(servers[1], event, "[\"well\"]", NULL) == SORI_OK);
    sori_event_free(event);
    event = next_event(servers[0], SORI_EVENT_SERVER_ANSWERS);
    CHECK(sori_event_ack(event) == ack);
    CHECK(!sori_event_is_timed_out(event));
    CHECK(sori_event_answer_count(event) == 1);
    CHECK_TEXT(sori_event_answer_args(event, 0), "[\"well\"]");
    sori_event_free(event);

    CHECK(sori_server_ask_servers(servers[0], "/", "silence", NULL, NULL, 50, &ack) == SORI_OK);
    event = next_event(servers[0], SORI_EVENT_SERVER_ANSWERS);
    CHECK(sori_event_is_timed_out(event));
    CHECK(sori_event_answer_count(event) == 0);
    sori_event_free(event);
    part(servers);
}

// The text behind the last `mark` in a packet, up to the next quote.
static void quoted(const char *packet, const char *mark, char *found, size_t size)
{
    const char *last = NULL;
    for (const char *at = strstr(packet, mark); at != NULL; at = strstr(at + 1, mark))
        last = at + strlen(mark);
    CHECK(last != NULL);
    snprintf(found, size, "%.*s", (int)strcspn(last, "\""), last);
}

// Asks one server as often as it takes until it knows the socket: it is recorded a little after it is lost.
static client *come_back(const sori_server *server, uint16_t port, const char *ticket)
{
    for (;;) {
        client *peer = client_open(port);
        client_send(peer, ticket);
        sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
        sori_socket socket = sori_event_socket(asking);
        bool is_back = sori_event_is_recovered(asking);
        if (is_back) CHECK_TEXT(sori_event_recovery_data(asking), "{\"visits\":7}");
        sori_event_free(asking);
        if (is_back) {
            CHECK(sori_server_accept(server, socket) == SORI_OK);
            return peer;
        }
        CHECK(sori_server_refuse(server, socket, "not yet", NULL) == SORI_OK);
        client_expect(peer, "44{\"message\":\"not yet\"}");
        client_close(peer);
    }
}

static void a_socket_comes_back_to_the_other_server(void)
{
    recovery_ms = 60000;
    sori_server *servers[2];
    uint16_t ports[2];
    pair(servers, ports);
    recovery_ms = 0;
    client *peer = client_open(ports[0]);
    client_send(peer, "40");
    sori_event *event = next_event(servers[0], SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(event);
    sori_event_free(event);
    CHECK(sori_server_accept(servers[0], socket) == SORI_OK);
    char joined[128], sid[32], pid[32], offset[64], ticket[256], expected[128];
    snprintf(joined, sizeof joined, "%s", client_next(peer, NULL));
    quoted(joined, "\"sid\":\"", sid, sizeof sid);
    quoted(joined, "\"pid\":\"", pid, sizeof pid);
    const char *room = "room";
    CHECK(sori_server_join(servers[0], socket, &room, 1) == SORI_OK);
    CHECK(sori_server_set_recovery_data(servers[0], socket, "{\"visits\":7}") == SORI_OK);
    CHECK(sori_server_emit(servers[0], socket, "seen", NULL, NULL) == SORI_OK);
    const char *seen = client_next(peer, NULL);
    CHECK(strncmp(seen, "42[\"seen\",\"", 11) == 0);
    quoted(seen, ",\"", offset, sizeof offset);
    client_close(peer);
    sori_event_free(next_event(servers[0], SORI_EVENT_DISCONNECT));

    sori_audience audience;
    CHECK(sori_audience_default(&audience, sizeof audience) == SORI_OK);
    audience.rooms = &room;
    audience.room_count = 1;
    CHECK(sori_server_broadcast(servers[0], "/", &audience, "missed", "[1]", NULL) == SORI_OK);
    snprintf(ticket, sizeof ticket, "40{\"pid\":\"%s\",\"offset\":\"%s\"}", pid, offset);
    peer = come_back(servers[1], ports[1], ticket);
    const char *missed = client_next(peer, NULL);
    CHECK(strncmp(missed, "42[\"missed\",1,\"", 15) == 0);
    snprintf(expected, sizeof expected, "40{\"sid\":\"%s\",\"pid\":\"%s\"}", sid, pid);
    client_expect(peer, expected);
    client_close(peer);
    part(servers);
}

static void what_cannot_be_a_redis_is_refused(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.redis_url = "http://127.0.0.1";
    sori_server *server = NULL;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    CHECK(server == NULL);
    options.redis_url = redis_url;
    options.redis_format = SORI_REDIS_STREAMS + 1;
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    options.redis_format = SORI_REDIS_STREAMS;
    options.redis_session_prefix = "";
    CHECK(sori_server_new(&options, &server) == SORI_INVALID_ARGUMENT);
    CHECK(server == NULL);
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    redis_url = argv[1];
    redis_format = (uint32_t)atoi(argv[2]);
    RUN(a_broadcast_reaches_the_clients_of_both_servers);
    RUN(answers_one_by_one_come_from_both_servers);
    RUN(sockets_of_the_other_server_are_seen_joined_and_disconnected);
    RUN(servers_speak_to_one_another);
    if (redis_format == SORI_REDIS_STREAMS) RUN(a_socket_comes_back_to_the_other_server);
    RUN(what_cannot_be_a_redis_is_refused);
    return 0;
}
