// The library as a guest in a program: it leaves the program's signals alone, and programs that this one
// starts inherit nothing of it.

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "client.h"

enum { MOST = 1024 };

static int connect_to(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM, 0);
    CHECK(fd >= 0 && connect(fd, address, length) == 0);
    return fd;
}

// Sends requests whose answers it does not wait for: the server writes into connections that are gone.
static void leave_in_the_middle(const struct sockaddr *address, socklen_t length)
{
    static const char request[] = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char handshake[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                                    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    static const char ping[] = "\x89\x80\0\0\0";
    for (int round = 0; round < 100; round++) {
        int fd = connect_to(address, length);
        for (int i = 0; i < 50 && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) > 0; i++)
            ;
        close(fd);
        fd = connect_to(address, length);
        CHECK(send(fd, handshake, sizeof handshake - 1, MSG_NOSIGNAL) > 0);
        char first;
        CHECK(recv(fd, &first, 1, 0) == 1);
        for (int i = 0; i < 50 && send(fd, ping, sizeof ping, MSG_NOSIGNAL) > 0; i++)
            ;
        close(fd);
    }
}

static struct sockaddr_in local(uint16_t port)
{
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static struct sockaddr_un in_folder(char *folder)
{
    struct sockaddr_un address = {0};
    address.sun_family = AF_UNIX;
    CHECK(mkdtemp(folder) != NULL);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    return address;
}

// The default ends the program.
static void who_leaves_in_the_middle_raises_no_signal(void)
{
    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    uint16_t port;
    sori_server *server = start(&port);
    char folder[] = "/tmp/sori-guest-XXXXXX";
    struct sockaddr_un path = in_folder(folder);
    CHECK(sori_server_listen_unix(server, path.sun_path) == SORI_OK);
    struct sockaddr_in address = local(port);
    leave_in_the_middle((struct sockaddr *)&address, sizeof address);
    leave_in_the_middle((struct sockaddr *)&path, sizeof path);
    sori_server_free(server);
    CHECK(rmdir(folder) == 0);

    // It is the library's threads that are deaf, not the program.
    sigset_t blocked;
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0 && sigismember(&blocked, SIGPIPE) == 0);
}

// Which descriptors there are.
static void note_descriptors(bool *open)
{
    memset(open, 0, MOST * sizeof *open);
    DIR *folder = opendir("/proc/self/fd");
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(folder) && fd < MOST)
            open[fd] = true;
    }
    closedir(folder);
}

static void programs_that_are_started_inherit_no_descriptor(void)
{
    static bool before[MOST], during[MOST], after[MOST];
    note_descriptors(before);
    uint16_t port;
    sori_server *server = start(&port);
    char folder[] = "/tmp/sori-guest-XXXXXX";
    struct sockaddr_un path = in_folder(folder);
    CHECK(sori_server_listen_unix(server, path.sun_path) == SORI_OK);
    int fd;
    CHECK(sori_server_fd(server, &fd) == SORI_OK);
    CHECK(sori_server_open_websockets(server, "/feed", NULL) == SORI_OK);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    sori_client *peer = NULL;
    sori_client_socket socket;
    CHECK(sori_client_new(url, NULL, &peer) == SORI_OK);
    CHECK(sori_client_connect(peer, "/", NULL, &socket) == SORI_OK);
    sori_event *event = next_event(server, SORI_EVENT_CONNECT);
    sori_event_free(event);
    int waiting = connect_to((struct sockaddr *)&path, sizeof path);
    CHECK(fcntl(waiting, F_SETFD, FD_CLOEXEC) == 0);

    note_descriptors(during);
    int opened = 0;
    for (int i = 0; i < MOST; i++) {
        if (!during[i] || before[i])
            continue;
        opened++;
        int flags = fcntl(i, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC)) {
            fprintf(stderr, "descriptor %d stays open\n", i);
            exit(1);
        }
    }
    // Listeners, runtimes, the client and its connection.
    CHECK(opened > 8);
    close(waiting);
    sori_client_free(peer);
    sori_server_free(server);
    CHECK(rmdir(folder) == 0);
    note_descriptors(after);
    CHECK(memcmp(before, after, sizeof before) == 0);
}

int main(void)
{
    RUN(who_leaves_in_the_middle_raises_no_signal);
    RUN(programs_that_are_started_inherit_no_descriptor);
    return 0;
}
