// Handlers: which events they are called with, who lets clients in, what becomes of their user data,
// and how the loop ends.

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "client.h"

// What handlers wrote down: a letter for each call.
static char calls[64];

static void note(const sori_server *server, const sori_event *event, void *user_data)
{
    CHECK(server != NULL && event != NULL);
    size_t length = strlen(calls);
    CHECK(length + 1 < sizeof calls);
    calls[length] = *(const char *)user_data;
    calls[length + 1] = 0;
}

static void close_server(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)event, (void)user_data;
    CHECK(sori_server_close(server) == SORI_OK);
}

static void add(void *user_data)
{
    ++*(int *)user_data;
}

static void on(const sori_server *server, sori_event_kind kind, const char *namespace_name,
               const char *event_name, sori_handler handler, const void *user_data)
{
    CHECK(sori_server_on(server, kind, namespace_name, event_name, handler, (void *)user_data, NULL) ==
          SORI_OK);
}

// Hands over exactly one event.
static void dispatch_one(const sori_server *server)
{
    size_t count = 0;
    CHECK(sori_server_dispatch(server, 1, DEADLINE_MS, &count) == SORI_OK && count == 1);
}

// A client in a namespace that the server lets it into by itself.
static client *enter(const sori_server *server, uint16_t port)
{
    client *peer = client_open(port);
    client_send(peer, "40");
    dispatch_one(server);
    CHECK(strncmp(client_next(peer, NULL), "40{\"sid\"", 8) == 0);
    return peer;
}

static void handlers_are_called_with_what_they_asked_for_in_order(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    calls[0] = 0;
    CHECK(sori_server_open_namespace(server, "/other") == SORI_OK);
    on(server, SORI_EVENT_MESSAGE, NULL, NULL, note, "a");
    on(server, SORI_EVENT_MESSAGE, "/", "x", note, "b");
    on(server, SORI_EVENT_MESSAGE, "/", NULL, note, "c");
    on(server, SORI_EVENT_MESSAGE, "/other", "x", note, "d");
    on(server, SORI_EVENT_DISCONNECT, NULL, NULL, note, "e");
    on(server, SORI_EVENT_MESSAGE, NULL, "x", note, "f");
    client *peer = enter(server, port);
    client_send(peer, "42[\"x\"]");
    client_send(peer, "42[\"y\"]");
    client_send(peer, "40/other,");
    for (int i = 0; i < 3; i++)
        dispatch_one(server);
    CHECK(strncmp(client_next(peer, NULL), "40/other,", 9) == 0);
    client_send(peer, "42/other,[\"x\"]");
    client_close(peer);
    while (strchr(calls, 'e') == NULL || strchr(strchr(calls, 'e') + 1, 'e') == NULL)
        dispatch_one(server);
    CHECK(strcmp(calls, "abcfacadfee") == 0);
    sori_server_free(server);
}

static void a_handler_for_connects_decides_in_its_namespace_alone(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    calls[0] = 0;
    CHECK(sori_server_open_namespace(server, "/guarded") == SORI_OK);
    on(server, SORI_EVENT_CONNECT, "/guarded", NULL, note, "c");
    client *peer = enter(server, port);
    client_send(peer, "40/guarded,");
    dispatch_one(server);
    CHECK(strcmp(calls, "c") == 0);
    // It has not been let in there: the one end is that of its socket in "/".
    client_close(peer);
    dispatch_one(server);
    check_no_event(server);
    sori_server_free(server);
}

static void user_data_is_given_back_once_when_the_server_is_freed(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    int given_back = 0;
    CHECK(sori_server_on(server, SORI_EVENT_CLOSED, NULL, NULL, note, &given_back, add) == SORI_OK);
    CHECK(sori_server_on(server, SORI_EVENT_CONNECT, NULL, NULL, note, &given_back, add) == SORI_OK);
    CHECK(sori_server_on(server, SORI_EVENT_CONNECT, NULL, "x", note, &given_back, add) ==
          SORI_INVALID_ARGUMENT);
    CHECK(sori_server_on(server, SORI_EVENT_CLOSED, "/", NULL, note, &given_back, add) ==
          SORI_INVALID_ARGUMENT);
    const int32_t kinds[] = {SORI_EVENT_NONE, -1, 1000};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        CHECK(sori_server_on(server, kinds[i], NULL, NULL, note, &given_back, add) ==
              SORI_INVALID_ARGUMENT);
    CHECK(given_back == 0);
    sori_server_free(server);
    CHECK(given_back == 2);
}

static void the_loop_ends_when_a_handler_closes_the_server(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    calls[0] = 0;
    on(server, SORI_EVENT_MESSAGE, NULL, "end", close_server, NULL);
    on(server, SORI_EVENT_DISCONNECT, NULL, NULL, note, "d");
    on(server, SORI_EVENT_CLOSED, NULL, NULL, note, "c");
    client *peer = enter(server, port);
    client_send(peer, "42[\"end\"]");
    client_close(peer);
    CHECK(sori_server_run(server) == SORI_OK);
    CHECK(strcmp(calls, "dc") == 0);
    CHECK(sori_server_run(server) == SORI_OK);
    size_t count = 7;
    CHECK(sori_server_dispatch(server, 1, 0, &count) == SORI_CLOSED && count == 0);
    CHECK(strcmp(calls, "dc") == 0);
    sori_server_free(server);
}

static void register_another(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)event;
    on(server, SORI_EVENT_MESSAGE, NULL, NULL, note, user_data);
}

static void a_handler_may_register_another_which_sees_the_next_event(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    calls[0] = 0;
    on(server, SORI_EVENT_MESSAGE, NULL, "more", register_another, "n");
    client *peer = enter(server, port);
    client_send(peer, "42[\"more\"]");
    client_send(peer, "42[\"more\"]");
    dispatch_one(server);
    CHECK(strcmp(calls, "") == 0);
    dispatch_one(server);
    CHECK(strcmp(calls, "n") == 0);
    client_close(peer);
    sori_server_free(server);
}

static void an_event_loop_hands_over_when_the_descriptor_is_readable(void)
{
    enum { MESSAGES = 10 };
    uint16_t port;
    sori_server *server = start(&port);
    calls[0] = 0;
    on(server, SORI_EVENT_MESSAGE, NULL, NULL, note, "m");
    client *peer = enter(server, port);
    struct pollfd watched = {-1, POLLIN, 0};
    CHECK(sori_server_fd(server, &watched.fd) == SORI_OK);
    for (int i = 0; i < MESSAGES; i++)
        client_send(peer, "42[\"x\"]");
    for (size_t handled = 0; handled < MESSAGES;) {
        CHECK(poll(&watched, 1, DEADLINE_MS) == 1);
        size_t count = 0;
        CHECK(sori_server_dispatch(server, 3, 0, &count) == SORI_OK);
        CHECK(count <= 3);
        handled += count;
        CHECK(strlen(calls) == handled);
    }
    CHECK(poll(&watched, 1, 0) == 0);
    size_t count = 7;
    CHECK(sori_server_dispatch(server, 3, 0, &count) == SORI_OK && count == 0);
    CHECK(sori_server_dispatch(server, 0, 0, &count) == SORI_INVALID_ARGUMENT);
    client_close(peer);
    sori_server_free(server);
}

static void count_call(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)server, (void)event;
    atomic_fetch_add((atomic_int *)user_data, 1);
}

static void *run(void *server)
{
    CHECK(sori_server_run(server) == SORI_OK);
    return NULL;
}

static void several_threads_may_run_and_each_event_is_handled_once(void)
{
    enum { THREADS = 4, MESSAGES = 500 };
    uint16_t port;
    sori_server *server = start(&port);
    atomic_int messages = 0, ends = 0;
    on(server, SORI_EVENT_MESSAGE, NULL, "x", count_call, &messages);
    on(server, SORI_EVENT_CLOSED, NULL, NULL, count_call, &ends);
    on(server, SORI_EVENT_DISCONNECT, NULL, NULL, close_server, NULL);
    client *peer = enter(server, port);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run, server) == 0);
    for (int i = 0; i < MESSAGES; i++)
        client_send(peer, "42[\"x\"]");
    client_close(peer);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(messages == MESSAGES && ends == 1);
    sori_server_free(server);
}

struct speech {
    const sori_server *server;
    sori_socket socket;
    const char *word;
    int is_corked;
};

static void *speak(void *context)
{
    const struct speech *self = context;
    if (self->is_corked)
        CHECK(sori_server_cork(self->server) == SORI_OK);
    CHECK(sori_server_emit(self->server, self->socket, self->word, NULL, NULL) == SORI_OK);
    // A cork that is left in ends with its thread.
    return NULL;
}

static void on_another_thread(struct speech speech)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, speak, &speech) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void what_is_asked_for_under_a_cork_leaves_in_order_at_its_end(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    client *peer = client_open(port);
    sori_socket socket = client_join(peer, server);
    const char *room = "x";
    sori_audience members;
    CHECK(sori_audience_default(&members, sizeof members) == SORI_OK);
    members.rooms = &room;
    members.room_count = 1;

    CHECK(sori_server_uncork(server) == SORI_OK);
    CHECK(sori_server_cork(server) == SORI_OK);
    CHECK(sori_server_cork(server) == SORI_OK);
    CHECK(sori_server_emit(server, socket, "second", NULL, NULL) == SORI_OK);
    CHECK(sori_server_join(server, socket, &room, 1) == SORI_OK);
    CHECK(sori_server_broadcast(server, "/", &members, "third", NULL, NULL) == SORI_OK);
    CHECK(sori_server_uncork(server) == SORI_OK);
    // Other threads are not held back, and so are heard first.
    on_another_thread((struct speech){server, socket, "first", 0});
    client_expect(peer, "42[\"first\"]");
    CHECK(sori_server_emit(server, socket, "fourth", NULL, NULL) == SORI_OK);
    CHECK(sori_server_uncork(server) == SORI_OK);
    client_expect(peer, "42[\"second\"]");
    client_expect(peer, "42[\"third\"]");
    client_expect(peer, "42[\"fourth\"]");

    on_another_thread((struct speech){server, socket, "fifth", 1});
    client_expect(peer, "42[\"fifth\"]");

    CHECK(sori_server_cork(server) == SORI_OK);
    CHECK(sori_server_emit(server, socket, "sixth", NULL, NULL) == SORI_OK);
    check_no_event(server);
    client_expect(peer, "42[\"sixth\"]");
    CHECK(sori_server_disconnect(server, socket) == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
    client_expect(peer, "41");
    CHECK(sori_server_uncork(server) == SORI_OK);
    client_close(peer);
    sori_server_free(server);
}

static void reply(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    sori_server_websocket_send(server, sori_event_socket(event), SORI_WEBSOCKET_TEXT,
                               (const uint8_t *)"answer", strlen("answer"));
}

static void what_handlers_reply_leaves_before_a_close_is_answered(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    CHECK(sori_server_open_websockets(server, "/feed", NULL) == SORI_OK);
    on(server, SORI_EVENT_WEBSOCKET_MESSAGE, NULL, NULL, reply, NULL);
    on(server, SORI_EVENT_WEBSOCKET_CLOSE, NULL, NULL, close_server, NULL);
    client *peer = client_open_websocket(port, "/feed", NULL, NULL);
    CHECK(peer != NULL);
    client_send(peer, "question");
    client_send(peer, "question");
    client_send_close(peer, 4001, "bye");
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, run, server) == 0);
    client_expect(peer, "answer");
    client_expect(peer, "answer");
    client_expect_close(peer, 4001, "bye");
    client_close(peer);
    CHECK(pthread_join(thread, NULL) == 0);
    sori_server_free(server);
}

int main(void)
{
    RUN(handlers_are_called_with_what_they_asked_for_in_order);
    RUN(a_handler_for_connects_decides_in_its_namespace_alone);
    RUN(user_data_is_given_back_once_when_the_server_is_freed);
    RUN(the_loop_ends_when_a_handler_closes_the_server);
    RUN(a_handler_may_register_another_which_sees_the_next_event);
    RUN(an_event_loop_hands_over_when_the_descriptor_is_readable);
    RUN(several_threads_may_run_and_each_event_is_handled_once);
    RUN(what_is_asked_for_under_a_cork_leaves_in_order_at_its_end);
    RUN(what_handlers_reply_leaves_before_a_close_is_answered);
    return 0;
}
