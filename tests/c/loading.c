// The library as a plug-in: loaded, used, and unloaded again while the program goes on. Its path is the
// program's argument; the program itself is not linked with it.

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sori.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

enum { ROUNDS = 10, DEADLINE_S = 20 };

static const char *library, *redis;

// A function of the library; C has no cast from the pointer that dlsym() gives.
static void find(void *handle, const char *name, void *function)
{
    void *found = dlsym(handle, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static void talk(uint16_t port)
{
    static const char request[] = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
                                  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {0};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(write(fd, request, sizeof request - 1) == sizeof request - 1);
    char answer[12];
    CHECK(recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer);
    CHECK(memcmp(answer, "HTTP/1.1 101", sizeof answer) == 0);
    close(fd);
}

// A whole life of a server. Gives the library's handle.
static void *use(void *nothing)
{
    (void)nothing;
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    CHECK(handle != NULL);
    sori_status (*options_default)(sori_server_options *, size_t);
    sori_status (*server_new)(const sori_server_options *, sori_server **);
    sori_status (*server_listen)(const sori_server *, const char *, uint16_t, uint16_t *);
    void (*server_free)(sori_server *);
    find(handle, "sori_server_options_default", &options_default);
    find(handle, "sori_server_new", &server_new);
    find(handle, "sori_server_listen", &server_listen);
    find(handle, "sori_server_free", &server_free);
    sori_server_options options;
    CHECK(options_default(&options, sizeof options) == SORI_OK);
    options.redis_url = redis;
    sori_server *server = NULL;
    uint16_t port;
    CHECK(server_new(&options, &server) == SORI_OK);
    CHECK(server_listen(server, "127.0.0.1", 0, &port) == SORI_OK);
    talk(port);
    server_free(server);
    return handle;
}

static bool is_mapped(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    static char line[8192];
    bool found = false;
    while (fgets(line, sizeof line, maps) != NULL)
        found = found || strstr(line, "/libsori.so") != NULL;
    fclose(maps);
    return found;
}

static int entries(const char *folder)
{
    DIR *open = opendir(folder);
    CHECK(open != NULL);
    int count = 0;
    while (readdir(open) != NULL)
        count++;
    closedir(open);
    return count;
}

// Of a thread that was waited for the system may have a last moment's work.
static void expect_entries(const char *folder, int expected)
{
    time_t begun = time(NULL);
    while (entries(folder) != expected) {
        CHECK(time(NULL) - begun < DEADLINE_S);
        sched_yield();
    }
}

static void it_goes_when_its_servers_are_freed_and_takes_everything_along(void)
{
    int threads = entries("/proc/self/task"), descriptors = entries("/proc/self/fd");
    for (int i = 0; i < ROUNDS; i++) {
        // A thread that has called the library keeps it loaded until it ends.
        pthread_t caller;
        void *handle;
        CHECK(pthread_create(&caller, NULL, use, NULL) == 0);
        CHECK(pthread_join(caller, &handle) == 0);
        expect_entries("/proc/self/task", threads);
        CHECK(entries("/proc/self/fd") == descriptors);
        CHECK(is_mapped());
        CHECK(dlclose(handle) == 0);
        CHECK(!is_mapped());
    }
}

// loading LIBRARY [REDIS_URL]
int main(int argc, char **argv)
{
    CHECK(argc >= 2);
    library = argv[1];
    redis = argc > 2 ? argv[2] : NULL;
    it_goes_when_its_servers_are_freed_and_takes_everything_along();
    printf("ok it_goes_when_its_servers_are_freed_and_takes_everything_along\n");
    return 0;
}
