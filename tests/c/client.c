// A raw Socket.IO client over a WebSocket (RFC 6455), see client.h. Blocking, with a deadline.

#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

struct client {
    int fd;
    char head[4096];
    char message[1 << 17];
};

static bool read_exactly(client *self, void *target, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(self->fd, (char *)target + done, length - done, 0);
        // A process that was stopped finds its waits interrupted when it goes on.
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

static void write_all(client *self, const void *source, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = send(self->fd, (const char *)source + done, length - done, MSG_NOSIGNAL);
        CHECK(n > 0);
        done += (size_t)n;
    }
}

// Reads the head of the answer. Gives its status.
static int read_head(client *self)
{
    size_t length = 0;
    int status = 0;
    do {
        CHECK(length + 1 < sizeof self->head && read_exactly(self, self->head + length, 1));
        self->head[++length] = 0;
    } while (strstr(self->head, "\r\n\r\n") == NULL);
    CHECK(sscanf(self->head, "HTTP/1.1 %d ", &status) == 1);
    return status;
}

const char *client_head(const client *self)
{
    return self->head;
}

client *client_connect(uint16_t port)
{
    client *self = calloc(1, sizeof *self);
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
    return self;
}

client *client_open_websocket(uint16_t port, const char *path, const char *headers, int *status)
{
    client *self = client_connect(port);
    char request[1024];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\n"
                          "Host: localhost\r\n"
                          "Connection: Upgrade\r\n"
                          "Upgrade: websocket\r\n"
                          "Sec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
                          path, headers == NULL ? "" : headers);
    CHECK(length > 0 && (size_t)length < sizeof request);
    write_all(self, request, (size_t)length);
    int answered = read_head(self);
    if (status != NULL)
        *status = answered;
    if (answered != 101) {
        client_close(self);
        return NULL;
    }
    return self;
}

client *client_open(uint16_t port)
{
    client *self = client_open_websocket(port, "/socket.io/?EIO=4&transport=websocket", NULL, NULL);
    CHECK(self != NULL);
    CHECK(strncmp(client_next(self, NULL), "0{\"sid\":", 8) == 0);
    return self;
}

bool client_may_compress(uint16_t port)
{
    client *self = client_open_websocket(port, "/socket.io/?EIO=4&transport=websocket",
                                         "Sec-WebSocket-Extensions: permessage-deflate\r\n", NULL);
    CHECK(self != NULL);
    bool agreed = strstr(client_head(self), "Sec-WebSocket-Extensions: permessage-deflate\r\n") != NULL;
    client_close(self);
    return agreed;
}

// Puts a frame there. Gives its length.
static size_t put_frame(unsigned char *frame, int opcode, const void *payload, size_t length)
{
    size_t at = 0;
    frame[at++] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        frame[at++] = (unsigned char)(0x80 | length);
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (unsigned char)(length >> 8);
        frame[at++] = (unsigned char)length;
    }
    // Any mask will do (RFC 6455 wants it unguessable, which concerns browsers).
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        frame[at++] = ((const unsigned char *)payload)[i] ^ mask[i % 4];
    return at;
}

static void write_frame(client *self, int opcode, const void *payload, size_t length)
{
    unsigned char frame[1 << 16];
    CHECK(length < sizeof frame - 8);
    write_all(self, frame, put_frame(frame, opcode, payload, length));
}

void client_send(client *self, const char *text)
{
    write_frame(self, TEXT, text, strlen(text));
}

void client_flood(client *self, const char *text, int times)
{
    unsigned char frames[1 << 12];
    size_t at = 0;
    for (int i = 0; i < times; i++) {
        CHECK(at + strlen(text) + 8 < sizeof frames);
        at += put_frame(frames + at, TEXT, text, strlen(text));
    }
    write_all(self, frames, at);
}

void client_send_binary(client *self, const void *bytes, size_t length)
{
    write_frame(self, BINARY, bytes, length);
}

void client_send_close(client *self, uint16_t code, const char *reason)
{
    unsigned char payload[125] = {(unsigned char)(code >> 8), (unsigned char)code};
    size_t length = strlen(reason);
    CHECK(length <= sizeof payload - 2);
    memcpy(payload + 2, reason, length);
    write_frame(self, CLOSE, payload, length + 2);
}

// Reads one frame into the message buffer. Gives its opcode, or -1 at the end of the stream.
static int read_frame(client *self, size_t *length)
{
    unsigned char head[8];
    if (!read_exactly(self, head, 2))
        return -1;
    CHECK((head[0] & 0xf0) == 0x80 && (head[1] & 0x80) == 0);
    int opcode = head[0] & 0x0f;
    *length = head[1];
    if (*length == 126) {
        CHECK(read_exactly(self, head, 2));
        *length = (size_t)head[0] << 8 | head[1];
    } else if (*length == 127) {
        CHECK(read_exactly(self, head, 8));
        *length = (size_t)head[4] << 24 | (size_t)head[5] << 16 | (size_t)head[6] << 8 | head[7];
    }
    CHECK(*length < sizeof self->message);
    CHECK(read_exactly(self, self->message, *length));
    self->message[*length] = 0;
    return opcode;
}

const char *client_next(client *self, size_t *length)
{
    size_t n = 0;
    int opcode = read_frame(self, &n);
    // Engine.IO's ping is a text message of its own; a WebSocket's is answered by a pong.
    while (opcode == PING || (opcode == TEXT && strcmp(self->message, "2") == 0)) {
        if (opcode == PING)
            write_frame(self, PONG, self->message, n);
        else
            client_send(self, "3");
        opcode = read_frame(self, &n);
    }
    CHECK(opcode == TEXT || opcode == BINARY);
    if (length != NULL)
        *length = n;
    return self->message;
}

void client_expect(client *self, const char *text)
{
    const char *message = client_next(self, NULL);
    if (strcmp(message, text) != 0) {
        fprintf(stderr, "the client got %s instead of %s\n", message, text);
        exit(1);
    }
}

sori_socket client_join(client *self, const sori_server *server)
{
    client_send(self, "40");
    sori_event *event = next_event(server, SORI_EVENT_CONNECT);
    sori_socket socket = sori_event_socket(event);
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    char expected[64];
    snprintf(expected, sizeof expected, "40{\"sid\":\"%s\"}", sori_event_socket_id(event).data);
    client_expect(self, expected);
    sori_event_free(event);
    return socket;
}

void client_expect_close(client *self, uint16_t code, const char *reason)
{
    size_t length = 0;
    CHECK(read_frame(self, &length) == CLOSE && length >= 2);
    const unsigned char *frame = (const unsigned char *)self->message;
    CHECK((frame[0] << 8 | frame[1]) == code);
    CHECK(strcmp(self->message + 2, reason) == 0);
}

void client_expect_end(client *self)
{
    size_t length;
    int opcode = read_frame(self, &length);
    if (opcode == TEXT && strcmp(self->message, "1") == 0)
        opcode = read_frame(self, &length);
    CHECK(opcode == CLOSE || opcode == -1);
}

void client_close(client *self)
{
    if (self != NULL) {
        close(self->fd);
        free(self);
    }
}
