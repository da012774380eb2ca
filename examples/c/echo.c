// Sends everything back: an event's argument as an event, or as the answer if one is asked for.
//
//   client asks    message(anything)    ask(anything, answer)    file(binary, answer)
//   client hears   message(anything)
//
// Handlers are registered by the name of the event, and sori_server_run() calls them. It is the twin
// of examples/src/bin/echo.rs and examples/node/echo.js.
//
//   cc examples/c/echo.c $(pkg-config --cflags --libs sori) -lpthread -o echo && ./echo 3000

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "sori.h"

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

// The arguments are handed on as they came, a JSON array; so are the attachments they speak of.
static void send_back(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    // SORI_GONE, if the client has left meanwhile, is nothing to us.
    sori_server_emit(server, sori_event_socket(event), "message", sori_event_args(event).data, NULL);
}

static void answer(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    sori_bytes file = sori_event_attachment(event, 0);
    sori_emit_options options;
    must(sori_emit_options_default(&options, sizeof options), "options");
    options.attachments = &file;
    options.attachment_count = sori_event_attachment_count(event) > 0;
    if (sori_event_has_ack(event))
        sori_server_answer(server, sori_event_socket(event), sori_event_ack(event),
                           sori_event_args(event).data, &options);
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
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 3000);
    hold_signals();
    must(sori_server_new(NULL, &server), "new");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "message", send_back, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "ask", answer, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "file", answer, NULL, NULL), "on");
    must(sori_server_listen(server, "127.0.0.1", port, &port), "listen");
    printf("echo on http://127.0.0.1:%u\n", port);
    fflush(stdout);

    if (pthread_create(&closing, NULL, close_at_signal, server) != 0)
        abort();
    must(sori_server_run(server), "run");
    pthread_join(closing, NULL);
    sori_server_free(server);
    return 0;
}
