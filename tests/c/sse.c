// Server-sent events: who is let in, events to one, a room and all, who comes back, and every way to an
// end.

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

// An EventSource that shows what is on the wire.
typedef struct {
    int fd;
    size_t length;
    char read[1 << 16];
} source;

static sori_server *start_with(uint16_t *port, const sori_sse_options *options)
{
    sori_server *server = start(port);
    CHECK(sori_server_open_sse(server, "/news", options) == SORI_OK);
    return server;
}

static sori_sse_options defaults(void)
{
    sori_sse_options options;
    CHECK(sori_sse_options_default(&options, sizeof options) == SORI_OK);
    return options;
}

static sori_sse_message message(const char *id, const char *data)
{
    sori_sse_message message;
    CHECK(sori_sse_message_default(&message, sizeof message) == SORI_OK);
    message.id = id;
    message.data = data;
    return message;
}

// Sends a request for a stream, with more header lines, each with its line break.
static source *ask(uint16_t port, const char *path, const char *headers)
{
    source *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(self->fd >= 0);
    struct timeval deadline = {DEADLINE_MS / 1000, 0};
    CHECK(setsockopt(self->fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) == 0);
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(self->fd, (struct sockaddr *)&address, sizeof address) == 0);
    char text[1024];
    int length = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers);
    CHECK(length > 0 && (size_t)length < sizeof text);
    CHECK(write(self->fd, text, (size_t)length) == length);
    return self;
}

// Reads more. False at the end of the connection.
static bool read_more(source *self)
{
    ssize_t count;
    do
        count = read(self->fd, self->read + self->length, sizeof self->read - 1 - self->length);
    while (count < 0 && errno == EINTR);
    CHECK(count >= 0);
    self->length += (size_t)count;
    self->read[self->length] = 0;
    return count > 0;
}

// Reads until all that was read has this in it.
static void expect(source *self, const char *text)
{
    while (strstr(self->read, text) == NULL)
        CHECK(read_more(self));
}

static void leave(source *self)
{
    close(self->fd);
    free(self);
}

// Takes the event that tells of a client.
static sori_socket opened(const sori_server *server)
{
    sori_event *event = next_event(server, SORI_EVENT_SSE_OPEN);
    sori_socket socket = sori_event_socket(event);
    CHECK(socket != 0);
    CHECK_TEXT(sori_event_namespace(event), "sse:/news");
    CHECK_TEXT(sori_event_socket_id(event), "");
    CHECK(strncmp(sori_event_url(event).data, "/news", 5) == 0);
    CHECK_TEXT(sori_event_remote_address(event), "127.0.0.1");
    sori_event_free(event);
    return socket;
}

static void closed(const sori_server *server, sori_socket socket)
{
    sori_event *event = next_event(server, SORI_EVENT_SSE_CLOSE);
    CHECK(sori_event_socket(event) == socket);
    sori_event_free(event);
    sori_sse_message late = message(NULL, "late");
    CHECK(sori_server_sse_send(server, socket, &late) == SORI_GONE);
}

static void events_reach_one_a_room_and_all(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    source *one = ask(port, "/news?topic=sport", "");
    sori_socket first = opened(server);
    source *two = ask(port, "/news", "");
    sori_socket second = opened(server);
    expect(one, "\r\nContent-Type: text/event-stream\r\n");
    expect(one, "\r\nCache-Control: no-store\r\n");

    const char *sport[] = {"sport"};
    CHECK(sori_server_join(server, first, sport, 1) == SORI_OK);
    sori_audience in_sport, others;
    CHECK(sori_audience_default(&in_sport, sizeof in_sport) == SORI_OK);
    CHECK(sori_audience_default(&others, sizeof others) == SORI_OK);
    in_sport.rooms = others.except = sport;
    in_sport.room_count = others.except_count = 1;

    sori_sse_message goal = message("17", "3:1\nat last");
    goal.event_name = "goal";
    goal.retry_ms = 1500;
    CHECK(sori_server_sse_broadcast(server, "sse:/news", &in_sport, &goal) == SORI_OK);
    sori_sse_message weather = message(NULL, "rain");
    CHECK(sori_server_sse_broadcast(server, "sse:/news", &others, &weather) == SORI_OK);
    sori_sse_message mine = message(NULL, "for you");
    CHECK(sori_server_sse_send(server, first, &mine) == SORI_OK);
    sori_sse_message last = message(NULL, NULL);
    last.event_name = "end";
    CHECK(sori_server_sse_broadcast(server, "sse:/news", NULL, &last) == SORI_OK);
    expect(one, "event: end\ndata: \n\n");
    expect(two, "event: end\ndata: \n\n");
    CHECK(strstr(one->read, "id: 17\nevent: goal\nretry: 1500\ndata: 3:1\ndata: at last\n\n") != NULL);
    CHECK(strstr(one->read, "data: for you\n\n") != NULL && strstr(one->read, "rain") == NULL);
    CHECK(strstr(two->read, "data: rain\n\n") != NULL && strstr(two->read, "3:1") == NULL);
    CHECK(strstr(two->read, "for you") == NULL);

    size_t count = 0;
    CHECK(sori_server_sse_clients(server, "sse:/news", &count) == SORI_OK && count == 2);
    leave(one);
    closed(server, first);
    leave(two);
    closed(server, second);
    CHECK(sori_server_sse_clients(server, "sse:/news", &count) == SORI_OK && count == 0);
    sori_server_free(server);
}

static void rooms_and_user_data_are_as_of_other_sockets(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    source *peer = ask(port, "/news", "");
    sori_socket socket = opened(server);
    int mine;
    void *kept = NULL;
    CHECK(sori_server_set_user_data(server, socket, &mine) == SORI_OK);
    CHECK(sori_server_user_data(server, socket, &kept) == SORI_OK && kept == &mine);
    const char *names[] = {"a", "b"};
    sori_rooms *rooms = NULL;
    CHECK(sori_server_join(server, socket, names, 2) == SORI_OK);
    CHECK(sori_server_leave(server, socket, names, 1) == SORI_OK);
    CHECK(sori_server_rooms(server, socket, &rooms) == SORI_OK);
    CHECK(sori_rooms_count(rooms) == 1);
    CHECK_TEXT(sori_rooms_name(rooms, 0), "b");
    sori_rooms_free(rooms);
    CHECK(sori_server_leave_all(server, socket) == SORI_OK);
    CHECK(sori_server_rooms(server, socket, &rooms) == SORI_OK);
    CHECK(sori_rooms_count(rooms) == 0);
    sori_rooms_free(rooms);
    CHECK(sori_server_join(server, socket, names, 1) == SORI_OK);
    leave(peer);
    sori_event *event = next_event(server, SORI_EVENT_SSE_CLOSE);
    CHECK(sori_event_user_data(event) == &mine && sori_event_room_count(event) == 1);
    CHECK_TEXT(sori_event_room(event, 0), "a");
    sori_event_free(event);
    CHECK(sori_server_join(server, socket, names, 1) == SORI_GONE);
    CHECK(sori_server_user_data(server, socket, &kept) == SORI_GONE);
    sori_server_free(server);
}

static uint64_t asked(const sori_server *server)
{
    sori_event *event = next_event(server, SORI_EVENT_SSE_HANDSHAKE);
    uint64_t ticket = sori_event_token(event);
    CHECK(sori_event_socket(event) == 0);
    CHECK_TEXT(sori_event_namespace(event), "sse:/news");
    sori_event_free(event);
    return ticket;
}

static void who_comes_back_is_sent_what_it_missed(void)
{
    uint16_t port;
    sori_sse_options options = defaults();
    options.history = 3;
    options.ask_handshakes = 1;
    sori_server *server = start_with(&port, &options);
    const char *sport[] = {"sport"}, *arts[] = {"arts"};
    sori_audience in_sport, in_arts;
    CHECK(sori_audience_default(&in_sport, sizeof in_sport) == SORI_OK);
    CHECK(sori_audience_default(&in_arts, sizeof in_arts) == SORI_OK);
    in_sport.rooms = sport;
    in_arts.rooms = arts;
    in_sport.room_count = in_arts.room_count = 1;
    sori_sse_message kept[] = {message("1", "one"), message("2", "two"), message("3", "three"),
                               message("4", "four")};
    CHECK(sori_server_sse_broadcast(server, "sse:/news", NULL, &kept[0]) == SORI_OK);
    CHECK(sori_server_sse_broadcast(server, "sse:/news", NULL, &kept[1]) == SORI_OK);
    CHECK(sori_server_sse_broadcast(server, "sse:/news", &in_sport, &kept[2]) == SORI_OK);
    CHECK(sori_server_sse_broadcast(server, "sse:/news", &in_arts, &kept[3]) == SORI_OK);

    source *peer = ask(port, "/news", "Last-Event-ID: 2\r\n");
    sori_event *event = next_event(server, SORI_EVENT_SSE_HANDSHAKE);
    CHECK_TEXT(sori_event_header(event, "last-event-id"), "2");
    CHECK(sori_server_sse_allow(server, sori_event_token(event), sport, 1) == SORI_OK);
    sori_event_free(event);
    sori_socket socket = opened(server);
    sori_sse_message now = message(NULL, "now");
    CHECK(sori_server_sse_send(server, socket, &now) == SORI_OK);
    expect(peer, "data: now\n\n");
    CHECK(strstr(peer->read, "id: 3\ndata: three\n\n") != NULL);
    CHECK(strstr(peer->read, "two") == NULL && strstr(peer->read, "four") == NULL);
    leave(peer);
    closed(server, socket);

    // The first is forgotten: nobody knows what came after it.
    peer = ask(port, "/news", "Last-Event-ID: 1\r\n");
    CHECK(sori_server_sse_allow(server, asked(server), NULL, 0) == SORI_OK);
    socket = opened(server);
    CHECK(sori_server_sse_send(server, socket, &now) == SORI_OK);
    expect(peer, "data: now\n\n");
    CHECK(strstr(peer->read, "two") == NULL);
    leave(peer);
    closed(server, socket);
    sori_server_free(server);
}

static void a_client_is_turned_away(void)
{
    uint16_t port;
    sori_sse_options options = defaults();
    options.ask_handshakes = 1;
    sori_server *server = start_with(&port, &options);
    source *peer = ask(port, "/news", "");
    uint64_t ticket = asked(server);
    CHECK(sori_server_sse_deny(server, ticket, 302, NULL) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_websocket_allow(server, ticket, NULL) == SORI_GONE);
    CHECK(sori_server_sse_deny(server, ticket, 401, "who are you?") == SORI_OK);
    CHECK(sori_server_sse_deny(server, ticket, 401, NULL) == SORI_GONE);
    CHECK(sori_server_sse_allow(server, ticket, NULL, 0) == SORI_GONE);
    expect(peer, "who are you?");
    CHECK(strncmp(peer->read, "HTTP/1.1 401 ", 13) == 0);
    leave(peer);

    peer = ask(port, "/news", "");
    CHECK(sori_server_sse_deny(server, asked(server), 204, NULL) == SORI_OK);
    expect(peer, "\r\n\r\n");
    CHECK(strncmp(peer->read, "HTTP/1.1 204 ", 13) == 0);
    leave(peer);
    check_no_event(server);
    sori_server_free(server);
}

static void there_are_no_more_clients_than_are_let_in(void)
{
    uint16_t port;
    sori_sse_options options = defaults();
    options.max_clients = 1;
    sori_server *server = start_with(&port, &options);
    source *one = ask(port, "/news", "");
    sori_socket socket = opened(server);
    source *two = ask(port, "/news", "");
    expect(two, "too many clients");
    CHECK(strncmp(two->read, "HTTP/1.1 503 ", 13) == 0);
    leave(two);
    leave(one);
    closed(server, socket);
    one = ask(port, "/news", "");
    socket = opened(server);
    leave(one);
    closed(server, socket);
    sori_server_free(server);
}

static void nobody_is_let_in_while_too_many_events_wait(void)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    options.max_pending_events = 1;
    sori_server *server = NULL;
    uint16_t port;
    CHECK(sori_server_new(&options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, &port) == SORI_OK);
    CHECK(sori_server_open_sse(server, "/news", NULL) == SORI_OK);
    source *one = ask(port, "/news", "");
    // It has been told of by then, and nobody has come for it.
    expect(one, "\r\n\r\n");
    source *two = ask(port, "/news", "");
    expect(two, "too many events wait");
    CHECK(strncmp(two->read, "HTTP/1.1 503 ", 13) == 0);
    leave(two);
    sori_socket socket = opened(server);
    two = ask(port, "/news", "");
    opened(server);
    leave(two);
    sori_event_free(next_event(server, SORI_EVENT_SSE_CLOSE));
    leave(one);
    closed(server, socket);
    sori_server_free(server);
}

static void who_reads_too_slowly_is_closed(void)
{
    uint16_t port;
    sori_sse_options options = defaults();
    options.max_queued_bytes = 1024;
    sori_server *server = start_with(&port, &options);
    source *peer = ask(port, "/news", "Connection: close\r\n");
    sori_socket socket = opened(server);
    const size_t size = 1 << 20;
    const int most = 64;
    char *long_data = malloc(size);
    CHECK(long_data != NULL);
    memset(long_data, 'x', size - 1);
    long_data[size - 1] = 0;
    sori_sse_message large = message(NULL, long_data);
    // More than the system holds for a peer that does not read.
    for (int i = 0; i < most; i++)
        (void)sori_server_sse_send(server, socket, &large);
    free(long_data);
    size_t received = 0;
    while (read_more(peer)) {
        received += peer->length;
        peer->length = 0;
    }
    CHECK(received < most * size);
    leave(peer);
    closed(server, socket);
    sori_server_free(server);
}

static void an_end_of_ours_follows_what_waits(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    source *peer = ask(port, "/news", "Connection: close\r\n");
    sori_socket socket = opened(server);
    sori_sse_message last = message(NULL, "goodbye");
    CHECK(sori_server_sse_send(server, socket, &last) == SORI_OK);
    CHECK(sori_server_sse_close(server, socket) == SORI_OK);
    while (read_more(peer))
        continue;
    CHECK(strstr(peer->read, "data: goodbye\n\n") != NULL);
    closed(server, socket);
    CHECK(sori_server_sse_close(server, socket) == SORI_GONE);
    leave(peer);

    // Also when the server closes: its last event is the last.
    peer = ask(port, "/news", "");
    opened(server);
    CHECK(sori_server_close(server) == SORI_OK);
    sori_event_free(next_event(server, SORI_EVENT_SSE_CLOSE));
    sori_event_free(next_event(server, SORI_EVENT_CLOSED));
    leave(peer);
    sori_server_free(server);
}

static void what_cannot_be_sent_is_told(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    source *peer = ask(port, "/news", "");
    sori_socket socket = opened(server);
    sori_sse_message wrong_id = message("a\nb", "x"), wrong_name = message(NULL, "x");
    sori_sse_message not_utf8 = message(NULL, "\xff"), unfilled = {0}, good = message(NULL, "good");
    wrong_name.event_name = "a\rb";
    CHECK(sori_server_sse_send(server, socket, &wrong_id) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_sse_send(server, socket, &wrong_name) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_sse_send(server, socket, &not_utf8) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_sse_send(server, socket, &unfilled) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_sse_broadcast(server, "sse:/x", NULL, &good) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_sse_broadcast(server, "/", NULL, &good) == SORI_INVALID_ARGUMENT);
    // Each kind of socket has calls of its own.
    CHECK(sori_server_emit(server, socket, "x", NULL, NULL) == SORI_GONE);
    CHECK(sori_server_disconnect(server, socket) == SORI_GONE);
    CHECK(sori_server_accept(server, socket) == SORI_GONE);
    CHECK(sori_server_websocket_close(server, socket, 0, NULL) == SORI_GONE);
    CHECK(sori_server_sse_send(server, socket ^ 256, &good) == SORI_GONE);
    CHECK(sori_server_sse_send(server, 1, &good) == SORI_GONE);
    const char *wrong[] = {"/news", "news", "/x?y", "/socket.io/news", ""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK(sori_server_open_sse(server, wrong[i], NULL) == SORI_INVALID_ARGUMENT);
    // None of it has harmed it.
    CHECK(sori_server_sse_send(server, socket, &good) == SORI_OK);
    expect(peer, "data: good\n\n");
    CHECK(strstr(peer->read, "data: x") == NULL);
    leave(peer);
    closed(server, socket);
    sori_server_free(server);
}

static void greet(const sori_server *server, const sori_event *event, void *user_data)
{
    sori_sse_message hello = message(NULL, "hello");
    CHECK(sori_server_sse_send(server, sori_event_socket(event), &hello) == SORI_OK);
    *(int *)user_data += 1;
}

static void end(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)event, (void)user_data;
    CHECK(sori_server_close(server) == SORI_OK);
}

static void handlers_are_told_by_namespace(void)
{
    uint16_t port;
    sori_server *server = start_with(&port, NULL);
    CHECK(sori_server_open_sse(server, "/other", NULL) == SORI_OK);
    int greeted = 0;
    CHECK(sori_server_on(server, SORI_EVENT_SSE_OPEN, "sse:/news", NULL, greet, &greeted, NULL) == SORI_OK);
    CHECK(sori_server_on(server, SORI_EVENT_SSE_CLOSE, NULL, NULL, end, NULL, NULL) == SORI_OK);
    source *other = ask(port, "/other", ""), *peer = ask(port, "/news", "");
    while (greeted == 0)
        CHECK(sori_server_dispatch(server, 1, DEADLINE_MS, NULL) == SORI_OK);
    expect(peer, "data: hello\n\n");
    leave(peer);
    CHECK(sori_server_run(server) == SORI_OK);
    CHECK(greeted == 1);
    leave(other);
    sori_server_free(server);
}

int main(void)
{
    RUN(events_reach_one_a_room_and_all);
    RUN(rooms_and_user_data_are_as_of_other_sockets);
    RUN(who_comes_back_is_sent_what_it_missed);
    RUN(a_client_is_turned_away);
    RUN(there_are_no_more_clients_than_are_let_in);
    RUN(nobody_is_let_in_while_too_many_events_wait);
    RUN(who_reads_too_slowly_is_closed);
    RUN(an_end_of_ours_follows_what_waits);
    RUN(what_cannot_be_sent_is_told);
    RUN(handlers_are_told_by_namespace);
    return 0;
}
