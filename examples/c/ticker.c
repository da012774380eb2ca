// A stock ticker: prices move, and whoever watches a share is told.
//
//   client asks    watch(share, answer(price))   unwatch(share)
//   client hears   price(share, price)
//
// It lives in libuv's event loop, beside a timer: the loop watches Sori's descriptor and has the
// waiting events handed to their handlers. It is the twin of examples/src/bin/ticker.rs and
// examples/node/ticker.js.
//
//   cc examples/c/ticker.c $(pkg-config --cflags --libs sori libuv) -o ticker && ./ticker 3000
//
// The second argument is the time between two prices, in milliseconds.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "sori.h"

typedef struct share {
    const char *name;
    // In cents.
    int price;
} share;

static share shares[] = {{"BARLEY", 1250}, {"GINGER", 4875}, {"PERSIMMON", 310}};
enum { SHARES = sizeof shares / sizeof *shares };

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

static void must_uv(int status, const char *what)
{
    if (status != 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
        exit(1);
    }
}

// The share that the only argument names; NULL if there is none.
static const share *find_share(const sori_event *event)
{
    char args[64];
    for (size_t i = 0; i < SHARES; i++) {
        snprintf(args, sizeof args, "[\"%s\"]", shares[i].name);
        if (strcmp(sori_event_args(event).data, args) == 0)
            return &shares[i];
    }
    return NULL;
}

static void watch(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    const share *found = find_share(event);
    char answer[32] = "[null]";
    if (found != NULL) {
        sori_server_join(server, sori_event_socket(event), &found->name, 1);
        snprintf(answer, sizeof answer, "[%d.%02d]", found->price / 100, found->price % 100);
    }
    if (sori_event_has_ack(event))
        sori_server_answer(server, sori_event_socket(event), sori_event_ack(event), answer, NULL);
}

static void unwatch(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)user_data;
    const share *found = find_share(event);
    if (found != NULL)
        sori_server_leave(server, sori_event_socket(event), &found->name, 1);
}

// A price that a slow client misses is worth nothing a moment later: prices are volatile.
static void move_prices(uv_timer_t *timer)
{
    const sori_server *server = timer->data;
    sori_audience watchers;
    sori_emit_options options;
    must(sori_audience_default(&watchers, sizeof watchers), "audience");
    must(sori_emit_options_default(&options, sizeof options), "options");
    options.flags = SORI_EMIT_VOLATILE;
    watchers.room_count = 1;
    for (size_t i = 0; i < SHARES; i++) {
        int step = rand() % 21 - 10;
        shares[i].price += shares[i].price + step > 0 ? step : 0;
        char args[64];
        snprintf(args, sizeof args, "[\"%s\",%d.%02d]", shares[i].name, shares[i].price / 100,
                 shares[i].price % 100);
        watchers.rooms = &shares[i].name;
        must(sori_server_broadcast(server, "/", &watchers, "price", args, &options), "broadcast");
    }
}

// Some events at a time, so that the loop's other handles have their turns too: the descriptor stays
// readable while more wait.
static void hand_over(uv_poll_t *poll, int status, int events)
{
    (void)events;
    must_uv(status, "poll");
    must(sori_server_dispatch(poll->data, 64, 0, NULL), "dispatch");
}

static void stop(uv_signal_t *signal, int number)
{
    (void)number;
    uv_stop(signal->loop);
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    uv_close(handle, NULL);
}

int main(int argc, char **argv)
{
    sori_server *server;
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 3000);
    uint64_t interval = (uint64_t)(argc > 2 ? atoi(argv[2]) : 1000);
    int fd;
    must(sori_server_new(NULL, &server), "new");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "watch", watch, NULL, NULL), "on");
    must(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "unwatch", unwatch, NULL, NULL), "on");
    must(sori_server_listen(server, "127.0.0.1", port, &port), "listen");
    must(sori_server_fd(server, &fd), "fd");

    uv_loop_t *loop = uv_default_loop();
    uv_poll_t events;
    uv_timer_t prices;
    uv_signal_t interrupt, terminate;
    must_uv(uv_poll_init(loop, &events, fd), "poll");
    must_uv(uv_timer_init(loop, &prices), "timer");
    must_uv(uv_signal_init(loop, &interrupt), "signal");
    must_uv(uv_signal_init(loop, &terminate), "signal");
    events.data = prices.data = server;
    must_uv(uv_poll_start(&events, UV_READABLE, hand_over), "poll");
    must_uv(uv_timer_start(&prices, move_prices, interval, interval), "timer");
    must_uv(uv_signal_start(&interrupt, stop, SIGINT), "signal");
    must_uv(uv_signal_start(&terminate, stop, SIGTERM), "signal");
    printf("ticker on http://127.0.0.1:%u\n", port);
    fflush(stdout);

    uv_run(loop, UV_RUN_DEFAULT);
    // The loop lets go of the descriptor before the server closes it.
    uv_walk(loop, close_handle, NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    must_uv(uv_loop_close(loop), "loop");
    sori_server_free(server);
    return 0;
}
