// What the C tests share: a check that ends the program, and fetching the next event.

#ifndef SORI_TESTS_CHECK_H
#define SORI_TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sori.h"

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: %s: %s does not hold (last error: %s)\n", __FILE__,       \
                    __LINE__, __func__, #condition, sori_last_error());                       \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

#define CHECK_TEXT(text, expected)                                                            \
    do {                                                                                      \
        sori_text checked = (text);                                                           \
        if (strcmp(checked.data, (expected)) != 0 || checked.length != strlen(expected)) {    \
            fprintf(stderr, "%s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__,      \
                    __func__, #text, checked.data, (expected));                               \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

// Runs one test and says so.
#define RUN(test)                                                                             \
    do {                                                                                      \
        test();                                                                               \
        printf("ok %s\n", #test);                                                             \
        fflush(stdout);                                                                       \
    } while (0)

// No wait of a test is longer. Nothing waits that long unless the test fails.
#define DEADLINE_MS 20000

// A server with one IO thread on a port of its own.
static inline sori_server *start(uint16_t *port)
{
    sori_server_options options;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    options.threads = 1;
    sori_server *server = NULL;
    CHECK(sori_server_new(&options, &server) == SORI_OK);
    CHECK(sori_server_listen(server, "127.0.0.1", 0, port) == SORI_OK);
    CHECK(*port != 0);
    return server;
}

// The next event, which must be of that kind. Free it.
static inline sori_event *next_event(const sori_server *server, sori_event_kind kind)
{
    sori_event *event = NULL;
    size_t count = 0;
    CHECK(sori_server_poll(server, &event, 1, DEADLINE_MS, &count) == SORI_OK);
    CHECK(count == 1);
    if (sori_event_kind_of(event) != kind) {
        fprintf(stderr, "event %d came instead of %d (%s %s %s)\n", (int)sori_event_kind_of(event),
                (int)kind, sori_event_name(event).data, sori_event_args(event).data,
                sori_event_reason(event).data);
        exit(1);
    }
    return event;
}

// No event waits.
static inline void check_no_event(const sori_server *server)
{
    sori_event *event = NULL;
    size_t count = 1;
    CHECK(sori_server_poll(server, &event, 1, 0, &count) == SORI_OK);
    CHECK(count == 0);
}

#endif
