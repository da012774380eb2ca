// Connections that a program accepted itself and hands over, whatever it has read of them.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"
#include "client.h"

// A program's own listener: takes one connection, reads some of it and hands it over.
struct front {
    const sori_server *server;
    pthread_t thread;
    int listener;
    uint16_t port;
    size_t to_read;
};

static void *accept_one(void *context)
{
    struct front *self = context;
    int fd = accept(self->listener, NULL, NULL);
    CHECK(fd >= 0);
    uint8_t read[4096];
    CHECK(self->to_read <= sizeof read);
    CHECK(recv(fd, read, self->to_read, MSG_WAITALL) == (ssize_t)self->to_read);
    CHECK(sori_server_adopt(self->server, fd, read, self->to_read) == SORI_OK);
    return NULL;
}

static void open_front(struct front *self, const sori_server *server, size_t to_read)
{
    struct sockaddr_in address = {0};
    socklen_t length = sizeof address;
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    self->server = server;
    self->to_read = to_read;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(self->listener >= 0);
    CHECK(bind(self->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(self->listener, 1) == 0);
    CHECK(getsockname(self->listener, (struct sockaddr *)&address, &length) == 0);
    self->port = ntohs(address.sin_port);
    CHECK(pthread_create(&self->thread, NULL, accept_one, self) == 0);
}

static void close_front(struct front *self)
{
    CHECK(pthread_join(self->thread, NULL) == 0);
    close(self->listener);
}

static void a_websocket_is_taken_over_whatever_was_read_of_its_request(void)
{
    const size_t lengths[] = {0, 1, 30, 120};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint16_t unused;
        sori_server *server = start(&unused);
        struct front front;
        open_front(&front, server, lengths[i]);
        client *peer = client_open(front.port);
        close_front(&front);
        sori_socket socket = client_join(peer, server);
        client_send(peer, "42[\"x\"]");
        sori_event *event = next_event(server, SORI_EVENT_MESSAGE);
        CHECK(sori_event_socket(event) == socket);
        CHECK(sori_server_emit(server, socket, "y", NULL, NULL) == SORI_OK);
        client_expect(peer, "42[\"y\"]");
        sori_event_free(event);
        client_close(peer);
        sori_event_free(next_event(server, SORI_EVENT_DISCONNECT));
        sori_server_free(server);
    }
}

// One answer, head and body: the connection ends behind it.
static void read_answer(int fd, char *answer, size_t size)
{
    size_t length = 0;
    while (length + 1 < size) {
        ssize_t n = recv(fd, answer + length, size - 1 - length, 0);
        // A process that was stopped finds its waits interrupted when it goes on.
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    answer[length] = 0;
}

static void long_polling_and_requests_that_follow_are_answered(void)
{
    static const char requests[] = "GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n"
                                   "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\n"
                                   "Host: x\r\nConnection: close\r\n\r\n";
    uint16_t unused;
    sori_server *server = start(&unused);
    struct front front;
    // All of the first request and some of the second.
    open_front(&front, server, 60);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct timeval deadline = {DEADLINE_MS / 1000, 0};
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) == 0);
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(front.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(send(fd, requests, sizeof requests - 1, MSG_NOSIGNAL) == sizeof requests - 1);
    close_front(&front);
    char answer[4096];
    read_answer(fd, answer, sizeof answer);
    CHECK(strncmp(answer, "HTTP/1.1 404 ", 13) == 0);
    const char *second = strstr(answer, "HTTP/1.1 200 ");
    CHECK(second != NULL && strstr(second, "0{\"sid\":") != NULL);
    close(fd);
    sori_server_free(server);
}

static void what_is_no_tcp_connection_stays_the_programs(void)
{
    uint16_t port;
    sori_server *server = start(&port);
    int ends[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int unconnected = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(sori_server_adopt(server, -1, NULL, 0) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_adopt(server, 1000000, NULL, 0) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_adopt(server, ends[0], NULL, 0) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_adopt(server, unconnected, NULL, 0) == SORI_INVALID_ARGUMENT);
    CHECK(sori_server_close(server) == SORI_OK);
    CHECK(sori_server_adopt(server, ends[0], NULL, 0) == SORI_CLOSED);
    sori_server_free(server);
    CHECK(send(ends[0], "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(close(ends[0]) == 0 && close(ends[1]) == 0 && close(unconnected) == 0);
}

int main(void)
{
    RUN(a_websocket_is_taken_over_whatever_was_read_of_its_request);
    RUN(long_polling_and_requests_that_follow_are_answered);
    RUN(what_is_no_tcp_connection_stays_the_programs);
    return 0;
}
