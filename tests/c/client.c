// A raw Socket.IO client over a WebSocket (RFC 6455), see client.h. Blocking, with a deadline.

#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9 };

struct client {
    int fd;
    char message[1 << 17];
};

static bool read_exactly(client *self, void *target, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = recv(self->fd, (char *)target + done, length - done, 0);
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

// The head of the answer, in the message buffer.
static void read_head(client *self)
{
    char *head = self->message;
    size_t length = 0;
    do {
        CHECK(length + 1 < sizeof self->message && read_exactly(self, head + length, 1));
        head[++length] = 0;
    } while (strstr(head, "\r\n\r\n") == NULL);
    CHECK(strncmp(head, "HTTP/1.1 101 ", 13) == 0);
}

// A WebSocket whose handshake is answered; the server may compress if it wants to.
static client *handshake(uint16_t port, const char *extensions)
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
    static const char request[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                                  "Host: localhost\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Upgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    write_all(self, request, sizeof request - 1);
    write_all(self, extensions, strlen(extensions));
    write_all(self, "\r\n", 2);
    read_head(self);
    return self;
}

bool client_may_compress(uint16_t port)
{
    client *self = handshake(port, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    bool agreed = strstr(self->message, "Sec-WebSocket-Extensions: permessage-deflate\r\n") != NULL;
    client_close(self);
    return agreed;
}

client *client_open(uint16_t port)
{
    client *self = handshake(port, "");
    CHECK(strncmp(client_next(self, NULL), "0{\"sid\":", 8) == 0);
    return self;
}

static void write_frame(client *self, int opcode, const void *payload, size_t length)
{
    unsigned char frame[1 << 16];
    CHECK(length < sizeof frame - 8);
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
    write_all(self, frame, at);
}

void client_send(client *self, const char *text)
{
    write_frame(self, TEXT, text, strlen(text));
}

void client_send_binary(client *self, const void *bytes, size_t length)
{
    write_frame(self, BINARY, bytes, length);
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
    // Engine.IO's ping is a text message of its own.
    while (opcode == TEXT && strcmp(self->message, "2") == 0) {
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
