// A chat client for the terminal: enters a room of the chat example, whichever language serves it,
// says what it reads, and writes what it hears. It comes back when the server does.
//
// It owns its event loop: poll(2) waits for Sori's events and for lines. It is the twin of
// examples/src/bin/client.rs and examples/node/client.js.
//
//   cc -Iinclude examples/c/client.c -Ltarget/release/c -lsori -o client && ./client http://127.0.0.1:3000 tea

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

// The JSON array of one text. It is at most six times as long as the text, and five characters.
static void to_args(const char *text, size_t length, char *args)
{
    *args++ = '[';
    *args++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            *args++ = '\\';
        if (byte < ' ')
            args += sprintf(args, "\\u%04x", byte);
        else
            *args++ = (char)byte;
    }
    strcpy(args, "\"]");
}

static void enter(const sori_client *client, sori_client_socket chat, const char *room)
{
    char args[6 * LINE_SIZE + 5];
    uint64_t ack;
    to_args(room, strnlen(room, LINE_SIZE), args);
    must(sori_client_emit_with_ack(client, chat, "enter", args, NULL, 5000, &ack), "enter");
}

// False once the client is closed.
static bool handle(const sori_client *client, const sori_client_event *event, const char *room)
{
    switch (sori_client_event_kind_of(event)) {
    case SORI_CLIENT_CONNECT:
        // Each time: a server that was away knows nothing of rooms.
        enter(client, sori_client_event_socket(event), room);
        break;
    case SORI_CLIENT_ACK:
        printf("%s %s\n", strcmp(sori_client_event_args(event).data, "[true]") == 0 ? "in" : "not let into", room);
        break;
    case SORI_CLIENT_MESSAGE:
        // A program with a JSON library would take the array apart here.
        printf("%s %s\n", sori_client_event_name(event).data, sori_client_event_args(event).data);
        break;
    case SORI_CLIENT_DISCONNECT:
        printf("gone: %s\n", sori_client_event_reason(event).data);
        break;
    case SORI_CLIENT_CLOSED:
        return false;
    default:
        break;
    }
    fflush(stdout);
    return true;
}

static bool handle_all(const sori_client *client, int timeout_ms, const char *room)
{
    sori_client_event *events[16];
    size_t count;
    bool is_open = true;
    must(sori_client_poll(client, events, 16, timeout_ms, &count), "poll");
    for (size_t i = 0; i < count; i++) {
        is_open = handle(client, events[i], room) && is_open;
        sori_client_event_free(events[i]);
    }
    return is_open;
}

// Says the whole lines that have come, and moves the rest to the front. False at the end of input.
static bool say_lines(const sori_client *client, sori_client_socket chat, char *line, size_t *length)
{
    ssize_t got = read(STDIN_FILENO, line + *length, LINE_SIZE - *length);
    if (got <= 0)
        return false;
    *length += (size_t)got;
    char *end;
    while ((end = memchr(line, '\n', *length)) != NULL || *length == LINE_SIZE) {
        size_t said = end != NULL ? (size_t)(end - line) : *length;
        size_t taken = end != NULL ? said + 1 : said;
        char args[6 * LINE_SIZE + 5];
        to_args(line, said, args);
        must(sori_client_emit(client, chat, "say", args, NULL), "say");
        *length -= taken;
        memmove(line, line + taken, *length);
    }
    return true;
}

int main(int count, char **arguments)
{
    const char *url = count > 1 ? arguments[1] : "http://127.0.0.1:3000";
    const char *room = count > 2 ? arguments[2] : "tea";
    sori_client *client;
    sori_client_socket chat;
    int fd;
    must(sori_client_new(url, NULL, &client), "client");
    must(sori_client_fd(client, &fd), "descriptor");
    must(sori_client_connect(client, "/", NULL, &chat), "connect");

    char line[LINE_SIZE];
    size_t length = 0;
    struct pollfd watched[] = {{fd, POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    for (bool is_more = true; is_more;) {
        if (poll(watched, 2, -1) < 0)
            break;
        if (watched[0].revents != 0)
            handle_all(client, 0, room);
        if (watched[1].revents != 0)
            is_more = say_lines(client, chat, line, &length);
    }
    must(sori_client_close(client), "close");
    while (handle_all(client, -1, room))
        continue;
    sori_client_free(client);
    return 0;
}
