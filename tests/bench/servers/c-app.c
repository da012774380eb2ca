// The Socket.IO application under test in C, by the agreement of under-test.js, on one IO thread:
//   c-app pull    fetches its events in batches
//   c-app push    has them handed to handlers

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sori.h"

static const char *const room = "room";

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

static void echo(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    sori_server_emit(server, sori_event_socket(event), "recMsg", sori_event_args(event).data, NULL);
}

static void enter(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    sori_server_join(server, sori_event_socket(event), &room, 1);
    sori_server_answer(server, sori_event_socket(event), sori_event_ack(event), NULL, NULL);
}

static void shout(const sori_server *server, const sori_event *event, void *user_data)
{
    sori_audience to;
    (void)user_data;
    must(sori_audience_default(&to, sizeof to), "audience");
    to.rooms = &room;
    to.room_count = 1;
    must(sori_server_broadcast(server, "/", &to, "news", sori_event_args(event).data, NULL), "broadcast");
}

static void pull(const sori_server *server)
{
    sori_event *events[256];
    size_t count;
    // What is asked for while a run of events is handled leaves at the next poll.
    must(sori_server_cork(server), "cork");
    for (;;) {
        must(sori_server_poll(server, events, 256, -1, &count), "poll");
        for (size_t i = 0; i < count; i++) {
            const char *name = sori_event_name(events[i]).data;
            if (sori_event_kind_of(events[i]) == SORI_EVENT_CONNECT)
                sori_server_accept(server, sori_event_socket(events[i]));
            else if (strcmp(name, "msg") == 0)
                echo(server, events[i], NULL);
            else if (strcmp(name, "enter") == 0)
                enter(server, events[i], NULL);
            else if (strcmp(name, "shout") == 0)
                shout(server, events[i], NULL);
            sori_event_free(events[i]);
        }
    }
}

static void push(const sori_server *server)
{
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "msg", echo, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "enter", enter, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "shout", shout, NULL, NULL), "on");
    must(sori_server_run(server), "run");
}

// The end of standard input ends the server.
static void *watch_input(void *unused)
{
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    (void)unused;
    _exit(0);
}

int main(int argc, char **argv)
{
    sori_server_options options;
    sori_server *server;
    pthread_t watching;
    uint16_t port;
    must(sori_server_options_default(&options, sizeof options), "options");
    options.threads = 1;
    must(sori_server_new(&options, &server), "new");
    must(sori_server_listen(server, "127.0.0.1", 0, &port), "listen");
    if (pthread_create(&watching, NULL, watch_input, NULL) != 0)
        abort();
    printf("%u\n", port);
    fflush(stdout);
    (argc > 1 && strcmp(argv[1], "push") == 0 ? push : pull)(server);
    return 0;
}
