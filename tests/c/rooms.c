// Rooms and broadcasts: who is reached, in which order, and from which thread.

#include <pthread.h>

#include "check.h"
#include "client.h"

static sori_audience audience(const char *const *rooms, size_t room_count)
{
    sori_audience to;
    CHECK(sori_audience_default(&to, sizeof to) == SORI_OK);
    to.rooms = rooms;
    to.room_count = room_count;
    return to;
}

static void a_broadcast_reaches_each_member_once(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *a = client_open(port), *b = client_open(port), *c = client_open(port);
    sori_socket in_both = client_join(a, server), in_tea = client_join(b, server);
    client_join(c, server);
    const char *rooms[] = {"music", "tea"};
    CHECK(sori_server_join(server, in_both, rooms, 2) == SORI_OK);
    CHECK(sori_server_join(server, in_tea, &rooms[1], 1) == SORI_OK);

    sori_audience to = audience(rooms, 2);
    CHECK(sori_server_broadcast(server, "/", &to, "one", "[1]", NULL) == SORI_OK);
    to.except = &rooms[0];
    to.except_count = 1;
    CHECK(sori_server_broadcast(server, "/", &to, "two", "[]", NULL) == SORI_OK);
    CHECK(sori_server_leave(server, in_tea, &rooms[1], 1) == SORI_OK);
    CHECK(sori_server_broadcast(server, "/", &to, "three", NULL, NULL) == SORI_OK);
    CHECK(sori_server_broadcast(server, "/", NULL, "all", NULL, NULL) == SORI_OK);
    client_expect(a, "42[\"one\",1]");
    client_expect(a, "42[\"all\"]");
    client_expect(b, "42[\"one\",1]");
    client_expect(b, "42[\"two\"]");
    client_expect(b, "42[\"all\"]");
    client_expect(c, "42[\"all\"]");

    client_close(a);
    client_close(b);
    client_close(c);
    sori_server_free(server);
}

static void rooms_and_members_can_be_asked_for(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *a = client_open(port), *b = client_open(port);
    sori_socket first = client_join(a, server), second = client_join(b, server);
    const char *rooms[] = {"x", "y"};
    CHECK(sori_server_join_many(server, "/", NULL, rooms, 2) == SORI_OK);
    sori_audience in_x = audience(rooms, 1);
    CHECK(sori_server_leave(server, first, &rooms[1], 1) == SORI_OK);

    sori_rooms *list = NULL;
    CHECK(sori_server_rooms(server, first, &list) == SORI_OK);
    CHECK(sori_rooms_count(list) == 2);
    CHECK(sori_rooms_name(list, 0).length == 20);
    CHECK_TEXT(sori_rooms_name(list, 1), "x");
    CHECK_TEXT(sori_rooms_name(list, 2), "");
    sori_rooms_free(list);

    sori_socket members[2] = {0};
    size_t count = 0;
    CHECK(sori_server_sockets(server, "/", &in_x, members, 2, &count) == SORI_OK);
    CHECK(count == 2 && members[0] == first && members[1] == second);
    CHECK(sori_server_sockets(server, "/", &in_x, NULL, 0, &count) == SORI_OK && count == 2);
    CHECK(sori_server_leave_many(server, "/", &in_x, rooms, 1) == SORI_OK);
    CHECK(sori_server_sockets(server, "/", &in_x, members, 2, &count) == SORI_OK && count == 0);
    CHECK(sori_server_leave_all(server, second) == SORI_OK);
    CHECK(sori_server_rooms(server, second, &list) == SORI_OK);
    CHECK(sori_rooms_count(list) == 0);
    sori_rooms_free(list);

    CHECK(sori_server_broadcast(server, "/none", NULL, "x", NULL, NULL) == SORI_INVALID_ARGUMENT);
    client_close(a);
    client_close(b);
    sori_server_free(server);
}

static void a_namespace_tells_its_rooms_and_finds_sockets_by_id(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *a = client_open(port);
    sori_socket socket = client_join(a, server), found = 0;
    const char *rooms[] = {"x", "y"};
    CHECK(sori_server_join(server, socket, rooms, 2) == SORI_OK);
    CHECK(sori_server_leave(server, socket, rooms, 1) == SORI_OK);
    sori_rooms *list = NULL;
    CHECK(sori_server_all_rooms(server, "/", &list) == SORI_OK);
    CHECK(sori_rooms_count(list) == 1);
    CHECK_TEXT(sori_rooms_name(list, 0), "y");
    sori_rooms_free(list);

    char id[SORI_SOCKET_ID_SIZE];
    CHECK(sori_server_socket_id(server, socket, id, sizeof id - 1) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_socket_id(server, socket, id, sizeof id) == SORI_OK);
    CHECK(strlen(id) == sizeof id - 1);
    CHECK(sori_server_find(server, "/", id, &found) == SORI_OK && found == socket);
    CHECK(sori_server_find(server, "/", "nobody", &found) == SORI_GONE);
    CHECK(sori_server_find(server, "/none", id, &found) == SORI_INVALID_ARGUMENT);
    client_close(a);
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    CHECK(sori_server_find(server, "/", id, &found) == SORI_GONE);
    CHECK(sori_server_socket_id(server, socket, id, sizeof id) == SORI_GONE);
    sori_server_free(server);
}

static void many_are_disconnected_at_once_and_others_stay(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *a = client_open(port), *b = client_open(port), *c = client_open(port);
    sori_socket out = client_join(a, server), closed = client_join(b, server);
    client_join(c, server);
    const char *rooms[] = {"out", "closed"};
    CHECK(sori_server_join(server, out, &rooms[0], 1) == SORI_OK);
    CHECK(sori_server_join(server, closed, &rooms[1], 1) == SORI_OK);
    sori_audience to = audience(&rooms[0], 1);
    CHECK(sori_server_disconnect_many(server, "/", &to, false) == SORI_OK);
    to = audience(&rooms[1], 1);
    CHECK(sori_server_disconnect_many(server, "/", &to, true) == SORI_OK);
    client_expect(a, "41");
    client_expect(b, "41");
    client_expect_end(b);
    for (int i = 0; i < 2; i++) {
        sori_event *event = next_event(server, SORI_EVENT_DISCONNECT);
        CHECK_TEXT(sori_event_reason(event), "server namespace disconnect");
        CHECK(sori_event_socket(event) == (i == 0 ? out : closed));
        sori_event_free(event);
    }
    // Its connection was left open, and it may join again.
    client_join(a, server);
    CHECK(sori_server_broadcast(server, "/", NULL, "all", NULL, NULL) == SORI_OK);
    client_expect(a, "42[\"all\"]");
    client_expect(c, "42[\"all\"]");
    client_close(a);
    client_close(b);
    client_close(c);
    sori_server_free(server);
}

// Asks both clients, of whom one answers and one is silent. Gives what came of it within that time.
static sori_event *ask_both(const sori_server *server, client *answers, client *silent, int64_t timeout_ms)
{
    uint64_t ack;
    CHECK(sori_server_broadcast_with_ack(server, "/", NULL, "who", NULL, NULL, timeout_ms, &ack) == SORI_OK);
    char packet[64];
    snprintf(packet, sizeof packet, "42%llu[\"who\"]", (unsigned long long)ack);
    client_expect(answers, packet);
    client_expect(silent, packet);
    snprintf(packet, sizeof packet, "461-%llu[{\"_placeholder\":true,\"num\":0}]", (unsigned long long)ack);
    client_send(answers, packet);
    client_send_binary(answers, "me", 2);
    sori_event *event = next_event(server, SORI_EVENT_BROADCAST_ACK);
    CHECK(sori_event_ack(event) == ack);
    CHECK(sori_event_is_timed_out(event));
    return event;
}

static void a_broadcast_gathers_the_answers_it_gets(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *answers = client_open(port), *silent = client_open(port);
    client_join(answers, server);
    client_join(silent, server);

    // On a machine that stands still for a while, an answer is late: then there is more time.
    int64_t timeout_ms = 300;
    sori_event *event = ask_both(server, answers, silent, timeout_ms);
    while (sori_event_answer_count(event) == 0) {
        sori_event_free(event);
        timeout_ms *= 2;
        CHECK(timeout_ms < DEADLINE_MS);
        event = ask_both(server, answers, silent, timeout_ms);
    }
    CHECK_TEXT(sori_event_namespace(event), "/");
    CHECK(sori_event_answer_count(event) == 1);
    CHECK_TEXT(sori_event_answer_args(event, 0), "[{\"_placeholder\":true,\"num\":0}]");
    CHECK(sori_event_answer_attachment_count(event, 0) == 1);
    CHECK(memcmp(sori_event_answer_attachment(event, 0, 0).data, "me", 2) == 0);
    CHECK(sori_event_answer_attachment(event, 0, 1).length == 0);
    CHECK(sori_event_answer_attachment(event, 1, 0).length == 0);
    CHECK_TEXT(sori_event_answer_args(event, 1), "");
    sori_event_free(event);
    client_close(answers);
    client_close(silent);
    sori_server_free(server);
}

static void answers_to_a_broadcast_may_be_told_one_by_one(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *clients[2] = {client_open(port), client_open(port)};
    sori_socket sockets[2];
    for (int i = 0; i < 2; i++) sockets[i] = client_join(clients[i], server);
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.flags = SORI_EMIT_ANSWERS_ONE_BY_ONE;
    CHECK(sori_server_broadcast(server, "/", NULL, "who", NULL, &options) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_emit(server, sockets[0], "who", NULL, &options) == SORI_INVALID_ARGUMENT);
    uint64_t ack;
    CHECK(sori_server_broadcast_with_ack(server, "/", NULL, "who", NULL, &options, -1, &ack) == SORI_OK);
    for (int i = 1; i >= 0; i--) {
        char packet[64];
        snprintf(packet, sizeof packet, "42%llu[\"who\"]", (unsigned long long)ack);
        client_expect(clients[i], packet);
        snprintf(packet, sizeof packet, "43%llu[%d]", (unsigned long long)ack, i);
        client_send(clients[i], packet);
        sori_event *event = next_event(server, SORI_EVENT_BROADCAST_ANSWER);
        CHECK(sori_event_socket(event) == sockets[i]);
        CHECK(sori_event_has_ack(event) && sori_event_ack(event) == ack);
        CHECK_TEXT(sori_event_args(event), i == 1 ? "[1]" : "[0]");
        sori_event_free(event);
    }
    sori_event *event = next_event(server, SORI_EVENT_BROADCAST_ACK);
    CHECK(sori_event_ack(event) == ack);
    CHECK(!sori_event_is_timed_out(event) && sori_event_answer_count(event) == 0);
    sori_event_free(event);
    for (int i = 0; i < 2; i++) client_close(clients[i]);
    sori_server_free(server);
}

enum { SPEAKERS = 4, WORDS = 250 };

struct speaker {
    pthread_t thread;
    const sori_server *server;
    int number;
};

static void *speak(void *context)
{
    struct speaker *self = context;
    for (int word = 0; word < WORDS; word++) {
        char args[32];
        snprintf(args, sizeof args, "[%d,%d]", self->number, word);
        CHECK(sori_server_broadcast(self->server, "/", NULL, "w", args, NULL) == SORI_OK);
    }
    return NULL;
}

static void threads_speak_at_once_and_each_is_heard_in_order(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_join(peer, server);
    struct speaker speakers[SPEAKERS];
    for (int i = 0; i < SPEAKERS; i++) {
        speakers[i].server = server;
        speakers[i].number = i;
        CHECK(pthread_create(&speakers[i].thread, NULL, speak, &speakers[i]) == 0);
    }
    int next[SPEAKERS] = {0};
    for (int i = 0; i < SPEAKERS * WORDS; i++) {
        int speaker = -1, word = -1;
        CHECK(sscanf(client_next(peer, NULL), "42[\"w\",%d,%d]", &speaker, &word) == 2);
        CHECK(speaker >= 0 && speaker < SPEAKERS && word == next[speaker]++);
    }
    for (int i = 0; i < SPEAKERS; i++)
        CHECK(pthread_join(speakers[i].thread, NULL) == 0);
    client_close(peer);
    sori_server_free(server);
}

int main(void)
{
    RUN(a_broadcast_reaches_each_member_once);
    RUN(rooms_and_members_can_be_asked_for);
    RUN(a_namespace_tells_its_rooms_and_finds_sockets_by_id);
    RUN(many_are_disconnected_at_once_and_others_stay);
    RUN(a_broadcast_gathers_the_answers_it_gets);
    RUN(answers_to_a_broadcast_may_be_told_one_by_one);
    RUN(threads_speak_at_once_and_each_is_heard_in_order);
    return 0;
}
