// A chat server: people enter a room, and what they say reaches everybody there.
//
//   client asks    enter(room, answer)   say(...)
//   client hears   entered(id)   said(id, ...)   left(id)
//
// It owns its event loop: poll(2) waits for Sori's events and for a signal to stop. It is the twin of
// examples/src/bin/chat.rs and examples/node/chat.js.
//
//   cc examples/c/chat.c $(pkg-config --cflags --libs sori) -o chat && ./chat 3000

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sori.h"

// Rooms of the chat have a prefix of their own: a room named like somebody's id must not be that
// socket's own room.
#define PREFIX "chat:"

enum { ROOM_SIZE = 64 };

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

static bool is_room_of_the_chat(sori_text room)
{
    return strncmp(room.data, PREFIX, strlen(PREFIX)) == 0;
}

// Tells everybody in a room but the socket of the event.
static void tell_others(const sori_server *server, const sori_event *event, const char *room,
                        const char *event_name)
{
    const char *self = sori_event_socket_id(event).data;
    sori_audience others;
    must(sori_audience_default(&others, sizeof others), "audience");
    others.rooms = &room;
    others.room_count = 1;
    others.except = &self;
    others.except_count = 1;
    char args[ROOM_SIZE];
    snprintf(args, sizeof args, "[\"%s\"]", self);
    must(sori_server_broadcast(server, sori_event_namespace(event).data, &others, event_name, args,
                               NULL),
         "broadcast");
}

// Reads the only argument as a room's name. A name with an escape in its JSON is no room here.
static bool read_room(const sori_event *event, char room[ROOM_SIZE])
{
    char name[ROOM_SIZE - sizeof PREFIX];
    int end = 0;
    if (sscanf(sori_event_args(event).data, "[\"%50[^\"\\]\"]%n", name, &end) != 1 || end == 0)
        return false;
    snprintf(room, ROOM_SIZE, PREFIX "%s", name);
    return true;
}

// Takes a socket out of the chat's rooms. SORI_GONE, if it has disconnected, is nothing to us: its
// disconnect event follows.
static void leave_rooms(const sori_server *server, const sori_event *event)
{
    sori_rooms *rooms;
    if (sori_server_rooms(server, sori_event_socket(event), &rooms) != SORI_OK)
        return;
    for (size_t i = 0; i < sori_rooms_count(rooms); i++) {
        const char *room = sori_rooms_name(rooms, i).data;
        if (!is_room_of_the_chat(sori_rooms_name(rooms, i)))
            continue;
        sori_server_leave(server, sori_event_socket(event), &room, 1);
        tell_others(server, event, room, "left");
    }
    sori_rooms_free(rooms);
}

static void handle_enter(const sori_server *server, const sori_event *event)
{
    sori_socket socket = sori_event_socket(event);
    char room[ROOM_SIZE];
    bool is_room = read_room(event, room);
    if (is_room) {
        const char *name = room;
        leave_rooms(server, event);
        if (sori_server_join(server, socket, &name, 1) != SORI_OK)
            return;
        tell_others(server, event, room, "entered");
    }
    if (sori_event_has_ack(event))
        sori_server_answer(server, socket, sori_event_ack(event), is_room ? "[true]" : "[false]", NULL);
}

static void handle_say(const sori_server *server, const sori_event *event)
{
    sori_rooms *rooms;
    if (sori_server_rooms(server, sori_event_socket(event), &rooms) != SORI_OK)
        return;
    // What was said goes on as it came: the arguments without their opening bracket.
    sori_text said = sori_event_args(event);
    const char *rest = strcmp(said.data, "[]") == 0 ? "]" : said.data + 1;
    const char *comma = *rest == ']' ? "" : ",";
    size_t size = said.length + ROOM_SIZE;
    char *args = malloc(size);
    if (args == NULL)
        abort();
    snprintf(args, size, "[\"%s\"%s%s", sori_event_socket_id(event).data, comma, rest);
    for (size_t i = 0; i < sori_rooms_count(rooms); i++) {
        sori_text room = sori_rooms_name(rooms, i);
        if (!is_room_of_the_chat(room))
            continue;
        sori_audience everybody;
        must(sori_audience_default(&everybody, sizeof everybody), "audience");
        everybody.rooms = &room.data;
        everybody.room_count = 1;
        must(sori_server_broadcast(server, "/", &everybody, "said", args, NULL), "broadcast");
    }
    free(args);
    sori_rooms_free(rooms);
}

static void handle(const sori_server *server, const sori_event *event)
{
    switch (sori_event_kind_of(event)) {
    case SORI_EVENT_CONNECT:
        // SORI_GONE, if the client has left meanwhile, is nothing to us.
        sori_server_accept(server, sori_event_socket(event));
        break;
    case SORI_EVENT_MESSAGE:
        if (strcmp(sori_event_name(event).data, "enter") == 0)
            handle_enter(server, event);
        else if (strcmp(sori_event_name(event).data, "say") == 0)
            handle_say(server, event);
        break;
    case SORI_EVENT_DISCONNECT:
        for (size_t i = 0; i < sori_event_room_count(event); i++) {
            if (is_room_of_the_chat(sori_event_room(event, i)))
                tell_others(server, event, sori_event_room(event, i).data, "left");
        }
        break;
    default:
        break;
    }
}

static void handle_waiting(const sori_server *server)
{
    sori_event *events[64];
    size_t count;
    must(sori_server_poll(server, events, 64, 0, &count), "poll");
    for (size_t i = 0; i < count; i++) {
        handle(server, events[i]);
        sori_event_free(events[i]);
    }
}

static int stop_pipe[2];

static void stop(int signal)
{
    (void)signal;
    // Nothing can be done in a signal handler if this fails.
    ssize_t written = write(stop_pipe[1], "", 1);
    (void)written;
}

int main(int argc, char **argv)
{
    sori_server *server;
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 3000);
    int fd;
    must(sori_server_new(NULL, &server), "new");
    must(sori_server_listen(server, "127.0.0.1", port, &port), "listen");
    must(sori_server_fd(server, &fd), "fd");
    if (pipe(stop_pipe) != 0)
        abort();
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    printf("chat on http://127.0.0.1:%u\n", port);
    fflush(stdout);

    struct pollfd watched[2] = {{fd, POLLIN, 0}, {stop_pipe[0], POLLIN, 0}};
    while (watched[1].revents == 0) {
        // An interrupted wait leaves revents as they were: look again.
        if (poll(watched, 2, -1) > 0 && watched[0].revents != 0)
            handle_waiting(server);
    }
    sori_server_free(server);
    return 0;
}
