// A terminal for plain WebSocket servers: sends each line it reads, writes each message it hears. It comes
// back when the server does.
//
// It owns its event loop: poll(2) waits for Sori's events and for lines. It is the twin of
// examples/src/bin/talk.rs and examples/node/talk.js.
//
//   cc -Iinclude examples/c/talk.c -Ltarget/release/c -lsori -o talk && ./talk ws://127.0.0.1:3000/feed

#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sori.h"

enum { LINE_SIZE = 1024 };

static void must(sori_status status, const char *what)
{
    if (status != SORI_OK) {
        fprintf(stderr, "%s: %s: %s\n", what, sori_status_text(status), sori_last_error());
        exit(1);
    }
}

// False once the client is closed for good.
static bool handle(const sori_websocket_client_event *event)
{
    sori_bytes data = sori_websocket_client_event_data(event);
    switch (sori_websocket_client_event_kind_of(event)) {
    case SORI_WEBSOCKET_CLIENT_OPEN:
        puts("open");
        break;
    case SORI_WEBSOCKET_CLIENT_TEXT:
        puts((const char *)data.data);
        break;
    case SORI_WEBSOCKET_CLIENT_BINARY:
        printf("%zu bytes\n", data.length);
        break;
    case SORI_WEBSOCKET_CLIENT_CLOSED:
        printf("gone: %u\n", (unsigned)sori_websocket_client_event_code(event));
        break;
    case SORI_WEBSOCKET_CLIENT_ENDED:
        return false;
    default:
        break;
    }
    fflush(stdout);
    return true;
}

static bool handle_all(const sori_websocket_client *client, int timeout_ms)
{
    sori_websocket_client_event *events[16];
    size_t count;
    bool is_open = true;
    must(sori_websocket_client_poll(client, events, 16, timeout_ms, &count), "poll");
    for (size_t i = 0; i < count; i++) {
        is_open = handle(events[i]) && is_open;
        sori_websocket_client_event_free(events[i]);
    }
    return is_open;
}

// Sends the whole lines that have come, and moves the rest to the front. False at the end of input. A
// line that is too long goes as several messages of bytes, as it may be cut within a character.
static bool send_lines(const sori_websocket_client *client, char *line, size_t *length)
{
    ssize_t got = read(STDIN_FILENO, line + *length, LINE_SIZE - *length);
    if (got <= 0)
        return false;
    *length += (size_t)got;
    char *end;
    while ((end = memchr(line, '\n', *length)) != NULL || *length == LINE_SIZE) {
        size_t said = end != NULL ? (size_t)(end - line) : *length;
        size_t taken = end != NULL ? said + 1 : said;
        uint32_t kind = end != NULL ? SORI_WEBSOCKET_TEXT : SORI_WEBSOCKET_BINARY;
        must(sori_websocket_client_send(client, kind, (const uint8_t *)line, said), "send");
        *length -= taken;
        memmove(line, line + taken, *length);
    }
    return true;
}

int main(int count, char **arguments)
{
    const char *url = count > 1 ? arguments[1] : "ws://127.0.0.1:3000/feed";
    sori_websocket_client_options options;
    sori_websocket_client *client;
    int fd;
    must(sori_websocket_client_options_default(&options, sizeof options), "options");
    options.reconnection = 1;
    must(sori_websocket_client_new(url, &options, &client), "client");
    must(sori_websocket_client_fd(client, &fd), "descriptor");

    char line[LINE_SIZE];
    size_t length = 0;
    struct pollfd watched[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (bool is_more = true; is_more;) {
        if (poll(watched, 2, -1) < 0)
            break;
        if (watched[0].revents != 0)
            handle_all(client, 0);
        if (watched[1].revents != 0)
            is_more = send_lines(client, line, &length);
    }
    must(sori_websocket_client_close(client, 1000, NULL), "close");
    while (handle_all(client, -1))
        continue;
    sori_websocket_client_free(client);
    return 0;
}
