// Arguments that a caller gets wrong: each is a status, none a crash, and nothing happens.

#include "check.h"

// NULL for an argument is tested by what nulls.js writes; here it is within one.
static void null_within_an_argument_is_an_error(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    const char *null = NULL;
    sori_audience to;
    CHECK(sori_audience_default(&to, sizeof to) == SORI_OK);
    to.rooms = &null;
    to.room_count = 1;
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    options.attachment_count = 1;
    CHECK(sori_server_emit(server, 1, "x", NULL, &options) == SORI_NULL_ARGUMENT);
    CHECK(sori_server_join(server, 1, &null, 1) == SORI_NULL_ARGUMENT);
    CHECK(sori_server_broadcast(server, "/", &to, "x", NULL, NULL) == SORI_NULL_ARGUMENT);
    CHECK(strcmp(sori_last_error(), "audience.rooms is NULL") == 0);
    sori_server_free(server);
}

static void null_is_an_event_and_a_list_of_nothing(void)
{
    CHECK(sori_event_kind_of(NULL) == SORI_EVENT_NONE);
    CHECK(sori_event_socket(NULL) == 0);
    CHECK_TEXT(sori_event_socket_id(NULL), "");
    CHECK_TEXT(sori_event_namespace(NULL), "");
    CHECK_TEXT(sori_event_auth(NULL), "");
    CHECK_TEXT(sori_event_name(NULL), "");
    CHECK_TEXT(sori_event_args(NULL), "");
    CHECK_TEXT(sori_event_reason(NULL), "");
    CHECK_TEXT(sori_event_description(NULL), "");
    CHECK(sori_event_attachment_count(NULL) == 0);
    CHECK(sori_event_attachment(NULL, 0).length == 0);
    CHECK(!sori_event_is_recovered(NULL));
    CHECK(!sori_event_has_ack(NULL));
    CHECK(sori_event_ack(NULL) == 0);
    CHECK(sori_event_answer_count(NULL) == 0);
    CHECK_TEXT(sori_event_answer_args(NULL, 0), "");
    CHECK(sori_event_answer_attachment_count(NULL, 0) == 0);
    CHECK(sori_event_answer_attachment(NULL, 0, 0).length == 0);
    CHECK(!sori_event_is_timed_out(NULL));
    CHECK(sori_event_room_count(NULL) == 0);
    CHECK_TEXT(sori_event_room(NULL, 0), "");
    CHECK(sori_rooms_count(NULL) == 0);
    CHECK_TEXT(sori_rooms_name(NULL, 0), "");
}

static void free_of_null_is_fine_however_often(void)
{
    for (int i = 0; i < 2; i++) {
        sori_server_free(NULL);
        sori_event_free(NULL);
        sori_rooms_free(NULL);
    }
}

static void sockets_that_were_made_up_are_gone(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    const sori_socket sockets[] = {0, 1, 255, 256, UINT64_MAX};
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        CHECK(sori_server_accept(server, sockets[i]) == SORI_GONE);
        CHECK(sori_server_refuse(server, sockets[i], "x", NULL) == SORI_GONE);
        CHECK(sori_server_emit(server, sockets[i], "x", NULL, NULL) == SORI_GONE);
        CHECK(sori_server_disconnect(server, sockets[i]) == SORI_GONE);
        CHECK(sori_server_close_connection(server, sockets[i]) == SORI_GONE);
        CHECK(sori_server_leave_all(server, sockets[i]) == SORI_GONE);
    }
    sori_server_free(server);
}

static void bad_text_json_flags_and_sizes_are_told_apart(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    sori_emit_options options;
    CHECK(sori_emit_options_default(&options, sizeof options) == SORI_OK);
    CHECK(sori_server_emit(server, 1, "\xff", NULL, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_emit(server, 1, "x", "{}", NULL) == SORI_INVALID_JSON);
    CHECK(sori_server_emit(server, 1, "x", "[1", NULL) == SORI_INVALID_JSON);
    CHECK(sori_server_answer(server, 1, 1, "1", NULL) == SORI_INVALID_JSON);
    options.flags = 2;
    CHECK(sori_server_emit(server, 1, "x", NULL, &options) == SORI_INVALID_ARGUMENT);
    options.flags = SORI_EMIT_VOLATILE;
    CHECK(sori_server_emit(server, 1, "x", NULL, &options) == SORI_GONE);
    options.size = 1;
    CHECK(sori_server_emit(server, 1, "x", NULL, &options) == SORI_INVALID_ARGUMENT);
    CHECK(sori_emit_options_default(&options, 1) == SORI_INVALID_ARGUMENT);
    sori_audience to;
    CHECK(sori_audience_default(&to, sizeof to) == SORI_OK);
    to.room_count = SIZE_MAX;
    const char *room = "x";
    to.rooms = &room;
    CHECK(sori_server_broadcast(server, "/", &to, "x", NULL, NULL) == SORI_INVALID_ARGUMENT);
    sori_server_free(server);
}

static void every_status_has_a_text(void)
{
    CHECK(strcmp(sori_status_text(SORI_OK), "ok") == 0);
    CHECK(strcmp(sori_status_text(SORI_GONE), "no such socket") == 0);
    CHECK(strcmp(sori_status_text((sori_status)12345), "unknown status") == 0);
}

int main(void)
{
    RUN(null_within_an_argument_is_an_error);
    RUN(null_is_an_event_and_a_list_of_nothing);
    RUN(free_of_null_is_fine_however_often);
    RUN(sockets_that_were_made_up_are_gone);
    RUN(bad_text_json_flags_and_sizes_are_told_apart);
    RUN(every_status_has_a_text);
    return 0;
}
