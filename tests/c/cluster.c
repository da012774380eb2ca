// Two servers of a cluster over Redis: what one says reaches the clients of both, and servers speak to
// one another. The Redis is the first argument, the number of the wire format the second.

#include "check.h"
#include "client.h"

static const char *redis_url;
static uint32_t redis_format;

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
    RUN(what_cannot_be_a_redis_is_refused);
    return 0;
}
