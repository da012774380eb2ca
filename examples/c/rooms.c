// Rooms and those in them: who comes is checked, and a question to a room gathers all its answers.
//
//   client joins   auth: { name }
//   client asks    join(room)   leave(room)   poll(room, question, answer([text...]))
//   client hears   poll(question, answer(text))   gone(name)
//
// What the program knows of a client stays with its socket as user data. It is the twin of
// examples/src/bin/rooms.rs and examples/node/rooms.js.
//
//   cc examples/c/rooms.c $(pkg-config --cflags --libs sori) -lpthread -o rooms && ./rooms 3000

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sori.h"

enum { NAME_SIZE = 51, QUESTION_SIZE = 201, PATIENCE_MS = 5000 };

// A poll whose answers are not complete: who asked, and how to answer.
typedef struct open_poll {
    struct open_poll *next;
    uint64_t broadcast;
    sori_socket asker;
    uint64_t ack;
} open_poll;

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

static void *allocate(size_t size)
{
    void *block = malloc(size);
    if (block == NULL)
        abort();
    return block;
}

// The programs in this folder read JSON with sscanf(), so that they need nothing else: names with an
// escape in them are no names here. A real program uses a JSON library.
static bool read_name(const sori_event *event, char name[NAME_SIZE])
{
    int end = 0;
    return sscanf(sori_event_auth(event).data, "{\"name\":\"%50[^\"\\]\"%n", name, &end) == 1 && end > 0;
}

static bool read_room(const sori_event *event, char room[NAME_SIZE])
{
    int end = 0;
    return sscanf(sori_event_args(event).data, "[\"%50[^\"\\]\"%n", room, &end) == 1 && end > 0;
}

static void check(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    char name[NAME_SIZE];
    sori_socket socket = sori_event_socket(event);
    if (!read_name(event, name)) {
        sori_server_refuse(server, socket, "who are you?", NULL);
        return;
    }
    char *kept = strcpy(allocate(strlen(name) + 1), name);
    sori_server_set_user_data(server, socket, kept);
    // Who has left meanwhile has no disconnect event.
    if (sori_server_accept(server, socket) != SORI_OK)
        free(kept);
}

static void join(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    char room[NAME_SIZE];
    const char *name = room;
    if (read_room(event, room))
        sori_server_join(server, sori_event_socket(event), &name, 1);
}

static void leave(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    char room[NAME_SIZE];
    const char *name = room;
    if (read_room(event, room))
        sori_server_leave(server, sori_event_socket(event), &name, 1);
}

static void ask_everybody(const sori_server *server, const sori_event *event, void *user_data)
{
    open_poll **polls = user_data;
    char room[NAME_SIZE], question[QUESTION_SIZE] = "", args[QUESTION_SIZE + 4];
    if (!sori_event_has_ack(event) ||
        sscanf(sori_event_args(event).data, "[\"%50[^\"\\]\",\"%200[^\"\\]\"]", room, question) < 1)
        return;
    const char *name = room, *self = sori_event_socket_id(event).data;
    sori_audience others;
    must(sori_audience_default(&others, sizeof others), "audience");
    others.rooms = &name;
    others.room_count = 1;
    others.except = &self;
    others.except_count = 1;
    snprintf(args, sizeof args, "[\"%s\"]", question);

    open_poll *poll = allocate(sizeof *poll);
    poll->asker = sori_event_socket(event);
    poll->ack = sori_event_ack(event);
    must(sori_server_broadcast_with_ack(server, "/", &others, "poll", args, NULL, PATIENCE_MS,
                                        &poll->broadcast),
         "broadcast");
    poll->next = *polls;
    *polls = poll;
}

// The answers as one array, which is the only argument. Each is an array of arguments itself, of which
// what stands between the brackets is taken.
static void tell_asker(const sori_server *server, const sori_event *event, void *user_data)
{
    open_poll **link = user_data;
    while (*link != NULL && (*link)->broadcast != sori_event_ack(event))
        link = &(*link)->next;
    open_poll *poll = *link;
    if (poll == NULL)
        return;
    size_t count = sori_event_answer_count(event), size = sizeof "[[]]";
    for (size_t i = 0; i < count; i++)
        size += sori_event_answer_args(event, i).length + 1;
    char *args = strcpy(allocate(size), "[["), *end = args + 2;
    for (size_t i = 0; i < count; i++) {
        sori_text answer = sori_event_answer_args(event, i);
        if (i > 0)
            *end++ = ',';
        memcpy(end, answer.data + 1, answer.length - 2);
        end += answer.length - 2;
    }
    strcpy(end, "]]");
    sori_server_answer(server, poll->asker, poll->ack, args, NULL);
    free(args);
    *link = poll->next;
    free(poll);
}

static void say_goodbye(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    char *name = sori_event_user_data(event), args[NAME_SIZE + 4];
    size_t count = sori_event_room_count(event);
    const char **rooms = allocate((count + 1) * sizeof *rooms);
    for (size_t i = 0; i < count; i++)
        rooms[i] = sori_event_room(event, i).data;
    sori_audience companions;
    must(sori_audience_default(&companions, sizeof companions), "audience");
    companions.rooms = rooms;
    companions.room_count = count;
    snprintf(args, sizeof args, "[\"%s\"]", name);
    // No rooms at all would mean everybody. The server may be closing.
    if (count > 0)
        sori_server_broadcast(server, "/", &companions, "gone", args, NULL);
    free(rooms);
    free(name);
}

// What comes out of the poll that is still open when the server ends is of no interest to anybody.
static void forget_polls(void *user_data)
{
    for (open_poll *poll = *(open_poll **)user_data, *next; poll != NULL; poll = next) {
        next = poll->next;
        free(poll);
    }
}

// Ends sori_server_run() when the program is told to stop.
static void *close_at_signal(void *context)
{
    const sori_server *server = context;
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigwait(&signals, &signal);
    sori_server_close(server);
    return NULL;
}

// Before there are other threads: they must not be the ones that get the signals.
static void hold_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

int main(int argc, char **argv)
{
    sori_server *server;
    pthread_t closing;
    open_poll *polls = NULL;
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 3000);
    hold_signals();
    must(sori_server_new(NULL, &server), "new");
    must(sori_server_on(server, SORI_EVENT_CONNECT, "/", NULL, check, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "join", join, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "leave", leave, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "poll", ask_everybody, &polls, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_BROADCAST_ACK, "/", NULL, tell_asker, &polls, forget_polls),
         "on");
    must(sori_server_on(server, SORI_EVENT_DISCONNECT, "/", NULL, say_goodbye, NULL, NULL), "on");
    must(sori_server_listen(server, "127.0.0.1", port, &port), "listen");
    printf("rooms on http://127.0.0.1:%u\n", port);
    fflush(stdout);

    if (pthread_create(&closing, NULL, close_at_signal, server) != 0)
        abort();
    must(sori_server_run(server), "run");
    pthread_join(closing, NULL);
    sori_server_free(server);
    return 0;
}
