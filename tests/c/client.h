// A raw Socket.IO client over a WebSocket, for tests: it shows the packets as they are on the wire.

#ifndef SORI_TESTS_CLIENT_H
#define SORI_TESTS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct client client;

// Connects and says nothing. Only good for being closed.
client *client_connect(uint16_t port);

// Connects and takes the Engine.IO handshake. Joins no namespace.
client *client_open(uint16_t port);

// Opens a plain WebSocket at `path`, with more header lines, each with its line break, if not NULL.
// Gives NULL if the answer is not 101, and stores its status in `*status` if that is not NULL.
client *client_open_websocket(uint16_t port, const char *path, const char *headers, int *status);

// Whether the server agrees to compression when a client offers it.
bool client_may_compress(uint16_t port);

// The lines of the answer's head.
const char *client_head(const client *self);

// Sends a close frame.
void client_send_close(client *self, uint16_t code, const char *reason);

// The next frame must be a close frame with this code and reason.
void client_expect_close(client *self, uint16_t code, const char *reason);

// Sends one text or binary message.
void client_send(client *self, const char *text);
void client_send_binary(client *self, const void *bytes, size_t length);

// Sends one text that many times, in one write.
void client_flood(client *self, const char *text, int times);

// The next message, with a NUL behind it; it lives until the next one is read.
const char *client_next(client *self, size_t *length);

// The next message must be this.
void client_expect(client *self, const char *text);

// Joins "/", which the server accepts at once. Gives the socket.
struct sori_server;
uint64_t client_join(client *self, const struct sori_server *server);

// The server closes the WebSocket, or the stream.
void client_expect_end(client *self);

// Drops the stream. NULL is fine.
void client_close(client *self);

#endif
