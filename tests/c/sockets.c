// What clients and the application see of each other: connecting, messages, acks, binary, endings.

#include "check.h"
#include "client.h"

static void a_client_is_let_in_and_its_event_is_answered(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_send(peer, "40{\"token\":\"x\"}");

    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(asking);
    CHECK(socket != 0);
    CHECK(sori_event_socket_id(asking).length == 20);
    CHECK_TEXT(sori_event_namespace(asking), "/");
    CHECK_TEXT(sori_event_auth(asking), "{\"token\":\"x\"}");
    CHECK_TEXT(sori_event_name(asking), "");
    CHECK(!sori_event_has_ack(asking));
    CHECK_TEXT(sori_event_url(asking), "/socket.io/?EIO=4&transport=websocket");
    CHECK_TEXT(sori_event_query(asking, "transport"), "websocket");
    CHECK_TEXT(sori_event_query(asking, "token"), "");
    CHECK_TEXT(sori_event_query(asking, NULL), "");
    CHECK_TEXT(sori_event_header(asking, "UPGRADE"), "websocket");
    CHECK_TEXT(sori_event_header(asking, "x-none"), "");
    CHECK(sori_event_header_count(asking) >= 5);
    for (size_t i = 0; i < sori_event_header_count(asking); i++) {
        sori_text value = sori_event_header(asking, sori_event_header_name(asking, i).data);
        CHECK_TEXT(sori_event_header_value(asking, i), value.data);
    }
    CHECK_TEXT(sori_event_header_value(asking, sori_event_header_count(asking)), "");
    CHECK_TEXT(sori_event_remote_address(asking), "127.0.0.1");
    CHECK(sori_event_remote_port(asking) != 0 && !sori_event_is_secure(asking));
    CHECK(sori_event_issued_ms(asking) > 1700000000000);
    CHECK(sori_server_emit(server, socket, "early", NULL, NULL) == SORI_GONE);
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    CHECK(sori_server_accept(server, socket) == SORI_GONE);
    CHECK(sori_server_refuse(server, socket, "late", NULL) == SORI_GONE);
    char welcome[64];
    snprintf(welcome, sizeof welcome, "40{\"sid\":\"%s\"}", sori_event_socket_id(asking).data);
    client_expect(peer, welcome);

    client_send(peer, "4212[\"add\",1,{\"b\":2}]");
    sori_event *message = next_event(server, SORI_EVENT_MESSAGE);
    CHECK(sori_event_socket(message) == socket);
    CHECK_TEXT(sori_event_socket_id(message), sori_event_socket_id(asking).data);
    CHECK_TEXT(sori_event_name(message), "add");
    CHECK_TEXT(sori_event_url(message), "");
    CHECK(sori_event_header_count(message) == 0);
    CHECK_TEXT(sori_event_args(message), "[1,{\"b\":2}]");
    CHECK(sori_event_has_ack(message) && sori_event_ack(message) == 12);
    CHECK(sori_server_answer(server, socket, sori_event_ack(message), "[3]", NULL) == SORI_OK);
    client_expect(peer, "4312[3]");
    CHECK(sori_server_emit(server, socket, "said \"so\"", "[\"a\", 1]", NULL) == SORI_OK);
    client_expect(peer, "42[\"said \\\"so\\\"\",\"a\", 1]");
    check_no_event(server);

    sori_event_free(asking);
    sori_event_free(message);
    client_close(peer);
    sori_server_free(server);
}

static void a_client_is_refused_with_data(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_send(peer, "40");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(asking);
    CHECK_TEXT(sori_event_auth(asking), "");
    CHECK(sori_server_refuse(server, socket, "no", "{") == SORI_INVALID_JSON);
    CHECK(sori_server_refuse(server, socket, "no", "{\"code\":1}") == SORI_OK);
    client_expect(peer, "44{\"message\":\"no\",\"data\":{\"code\":1}}");
    CHECK(sori_server_accept(server, socket) == SORI_GONE);
    sori_event_free(asking);
    client_close(peer);
    sori_server_free(server);
}

static void a_namespace_is_refused_until_it_is_opened(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_send(peer, "40/admin,");
    client_expect(peer, "44/admin,{\"message\":\"Invalid namespace\"}");
    check_no_event(server);
    CHECK(sori_server_open_namespace(server, "admin") == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_open_namespace(server, "/admin") == SORI_OK);
    client_send(peer, "40/admin,");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    CHECK_TEXT(sori_event_namespace(asking), "/admin");
    sori_event_free(asking);
    client_close(peer);
    sori_server_free(server);
}

static void binary_goes_both_ways(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    sori_socket socket = client_join(peer, server);
    client_send(peer, "452-[\"files\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    client_send_binary(peer, "\0\1\2", 3);
    client_send_binary(peer, "", 0);
    sori_event *message = next_event(server, SORI_EVENT_MESSAGE);
    CHECK(sori_event_attachment_count(message) == 2);
    CHECK(sori_event_attachment(message, 0).length == 3);
    CHECK(memcmp(sori_event_attachment(message, 0).data, "\0\1\2", 3) == 0);
    CHECK(sori_event_attachment(message, 1).length == 0);
    CHECK(sori_event_attachment(message, 2).data == NULL);

    sori_bytes attachments[2] = {sori_event_attachment(message, 0), {NULL, 0}};
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.attachments = attachments;
    options.attachment_count = 2;
    CHECK(sori_server_emit(server, socket, "files", sori_event_args(message).data, &options) == SORI_OK);
    client_expect(peer, "452-[\"files\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    size_t length;
    CHECK(memcmp(client_next(peer, &length), "\0\1\2", 3) == 0 && length == 3);
    client_next(peer, &length);
    CHECK(length == 0);
    sori_event_free(message);
    client_close(peer);
    sori_server_free(server);
}

static void an_emit_is_acknowledged_once_or_times_out(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    sori_socket socket = client_join(peer, server);
    uint64_t first, second, third;
    CHECK(sori_server_emit_with_ack(server, socket, "a", NULL, NULL, -1, &first) == SORI_OK);
    CHECK(sori_server_emit_with_ack(server, socket, "b", NULL, NULL, 1, &second) == SORI_OK);
    CHECK(first != second);
    char packet[64];
    snprintf(packet, sizeof packet, "42%llu[\"a\"]", (unsigned long long)first);
    client_expect(peer, packet);
    snprintf(packet, sizeof packet, "42%llu[\"b\"]", (unsigned long long)second);
    client_expect(peer, packet);

    sori_event *timeout = next_event(server, SORI_EVENT_ACK_TIMEOUT);
    CHECK(sori_event_socket(timeout) == socket && sori_event_ack(timeout) == second);
    sori_event_free(timeout);

    // Answered twice, too late, and without having been asked: one of four counts.
    snprintf(packet, sizeof packet, "43%llu[\"late\"]", (unsigned long long)second);
    client_send(peer, packet);
    snprintf(packet, sizeof packet, "43%llu[\"yes\",1]", (unsigned long long)first);
    client_send(peer, packet);
    client_send(peer, packet);
    client_send(peer, "43999[]");
    client_send(peer, "42[\"after\"]");
    sori_event *answer = next_event(server, SORI_EVENT_ACK);
    CHECK(sori_event_socket(answer) == socket);
    CHECK(sori_event_has_ack(answer) && sori_event_ack(answer) == first);
    CHECK_TEXT(sori_event_args(answer), "[\"yes\",1]");
    sori_event_free(answer);
    sori_event_free(next_event(server, SORI_EVENT_MESSAGE));

    // The end of the socket is the end of the wait.
    CHECK(sori_server_emit_with_ack(server, socket, "c", NULL, NULL, 60000, &third) == SORI_OK);
    client_close(peer);
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    check_no_event(server);
    sori_server_free(server);
}

static void each_end_has_one_disconnect_event_with_its_reason(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    const char *room = "lobby";

    client *leaving = client_open(port);
    sori_socket socket = client_join(leaving, server);
    CHECK(sori_server_join(server, socket, &room, 1) == SORI_OK);
    client_send(leaving, "41");
    sori_event *event = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK(sori_event_socket(event) == socket);
    CHECK_TEXT(sori_event_reason(event), "client namespace disconnect");
    CHECK(sori_event_room_count(event) == 2);
    CHECK_TEXT(sori_event_room(event, 0), sori_event_socket_id(event).data);
    CHECK_TEXT(sori_event_room(event, 1), "lobby");
    CHECK_TEXT(sori_event_room(event, 2), "");
    sori_event_free(event);
    CHECK(sori_server_emit(server, socket, "x", NULL, NULL) == SORI_GONE);
    CHECK(sori_server_join(server, socket, &room, 1) == SORI_GONE);
    CHECK(sori_server_disconnect(server, socket) == SORI_GONE);

    // The same connection again: another socket.
    sori_socket again = client_join(leaving, server);
    CHECK(again != socket);
    client_close(leaving);
    event = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK(sori_event_socket(event) == again);
    CHECK_TEXT(sori_event_reason(event), "transport close");
    sori_event_free(event);

    client *dropped = client_open(port);
    socket = client_join(dropped, server);
    CHECK(sori_server_disconnect(server, socket) == SORI_OK);
    CHECK(sori_server_disconnect(server, socket) == SORI_GONE);
    event = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK_TEXT(sori_event_reason(event), "server namespace disconnect");
    sori_event_free(event);
    client_expect(dropped, "41");

    socket = client_join(dropped, server);
    CHECK(sori_server_close_connection(server, socket) == SORI_OK);
    event = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK(sori_event_socket(event) == socket);
    CHECK_TEXT(sori_event_reason(event), "server namespace disconnect");
    sori_event_free(event);
    client_expect(dropped, "41");
    client_expect_end(dropped);
    client_close(dropped);
    check_no_event(server);
    sori_server_free(server);
}

static void who_left_before_being_accepted_is_gone_without_an_event(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_send(peer, "40");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    client_close(peer);
    sori_metrics metrics;
    sori_event *none;
    size_t count;
    do {
        CHECK(sori_server_poll(server, &none, 1, 1, &count) == SORI_OK && count == 0);
        CHECK(sori_server_metrics(server, &metrics, sizeof metrics) == SORI_OK);
    } while (metrics.connections > 0);
    // The counter falls a moment before the event, and the event waits for the roster: a second
    // client's connect comes behind both.
    client *second = client_open(port);
    client_join(second, server);
    CHECK(sori_server_accept(server, sori_event_socket(asking)) == SORI_GONE);
    check_no_event(server);
    sori_event_free(asking);
    client_close(second);
    sori_server_free(server);
}

static void what_a_program_keeps_with_a_socket_comes_with_its_events(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    int own = 0;
    void *kept = &port;
    client *peer = client_open(port);
    client_send(peer, "40");
    sori_event *asking = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(asking);
    CHECK(sori_event_user_data(asking) == NULL);
    CHECK(sori_server_user_data(server, socket, &kept) == SORI_OK && kept == NULL);
    CHECK(sori_server_set_user_data(server, socket, &own) == SORI_OK);
    CHECK(sori_event_user_data(asking) == &own);
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    client_next(peer, NULL);
    CHECK(sori_server_user_data(server, socket, &kept) == SORI_OK && kept == &own);
    client_send(peer, "42[\"x\"]");
    sori_event *message = next_event(server, SORI_EVENT_MESSAGE);
    CHECK(sori_event_user_data(message) == &own);
    client_close(peer);
    sori_event *end = next_event(server, SORI_EVENT_DISCONNECT);
    CHECK(sori_event_user_data(end) == &own);
    CHECK(sori_server_user_data(server, socket, &kept) == SORI_GONE);
    CHECK(sori_server_set_user_data(server, socket, NULL) == SORI_GONE);
    CHECK(sori_server_set_user_data(server, 0, &own) == SORI_GONE);
    sori_event_free(asking);
    sori_event_free(message);
    sori_event_free(end);
    sori_server_free(server);
}

static void a_name_with_a_nul_keeps_its_length(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    client_join(peer, server);
    client_send(peer, "42[\"a\\u0000b\"]");
    sori_event *message = next_event(server, SORI_EVENT_MESSAGE);
    CHECK(sori_event_name(message).length == 3);
    CHECK(memcmp(sori_event_name(message).data, "a\0b", 4) == 0);
    CHECK_TEXT(sori_event_args(message), "[]");
    sori_event_free(message);
    client_close(peer);
    sori_server_free(server);
}

int main(void)
{
    RUN(a_client_is_let_in_and_its_event_is_answered);
    RUN(a_client_is_refused_with_data);
    RUN(a_namespace_is_refused_until_it_is_opened);
    RUN(binary_goes_both_ways);
    RUN(an_emit_is_acknowledged_once_or_times_out);
    RUN(each_end_has_one_disconnect_event_with_its_reason);
    RUN(who_left_before_being_accepted_is_gone_without_an_event);
    RUN(what_a_program_keeps_with_a_socket_comes_with_its_events);
    RUN(a_name_with_a_nul_keeps_its_length);
    return 0;
}
