// A server on TLS and on a Unix socket that echoes. Driven by tls.test.js, which gives it the names
// of two pairs of files and of a socket, and reloads by a line on its standard input.

#include <pthread.h>
#include <unistd.h>

#include "check.h"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL);
    char *text = calloc(1, 65536);
    CHECK(text != NULL && fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

static void what_is_no_certificate_is_refused(const char *certificate, const char *key)
{
    sori_tls *tls = NULL;
    CHECK(sori_tls_new("", key, &tls) == SORI_INVALID_ARGUMENT);
    CHECK(strstr(sori_last_error(), "no certificate") != NULL);
    CHECK(sori_tls_new(certificate, certificate, &tls) == SORI_INVALID_ARGUMENT);
    CHECK(sori_tls_new(NULL, key, &tls) == SORI_NULL_ARGUMENT);
    CHECK(sori_tls_new(certificate, NULL, &tls) == SORI_NULL_ARGUMENT);
    CHECK(sori_tls_new(certificate, key, NULL) == SORI_NULL_ARGUMENT);
    CHECK(tls == NULL);
    CHECK(sori_tls_reload(NULL, certificate, key) == SORI_NULL_ARGUMENT);
    sori_tls_free(NULL);
}

static void *echo(void *argument)
{
    sori_server *server = argument;
    sori_event *event;
    size_t count;
    while (sori_server_poll(server, &event, 1, -1, &count) == SORI_OK) {
        if (count == 0) continue;
        sori_socket socket = sori_event_socket(event);
        if (sori_event_kind_of(event) == SORI_EVENT_CONNECT)
            sori_server_accept(server, socket);
        if (sori_event_kind_of(event) == SORI_EVENT_MESSAGE)
            sori_server_emit(server, socket, "echo", sori_event_args(event).data, NULL);
        sori_event_free(event);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 6);
    char *certificate = read_file(argv[1]), *key = read_file(argv[2]);
    char *next_certificate = read_file(argv[3]), *next_key = read_file(argv[4]);
    what_is_no_certificate_is_refused(certificate, key);

    sori_server *server = NULL;
    sori_tls *tls = NULL;
    uint16_t port = 0;
    CHECK(sori_server_new(NULL, &server) == SORI_OK);
    CHECK(sori_tls_new(certificate, key, &tls) == SORI_OK);
    CHECK(sori_server_listen_tls(server, "127.0.0.1", 0, NULL, &port) == SORI_NULL_ARGUMENT);
    CHECK(sori_server_listen_tls(server, "127.0.0.1", 0, tls, &port) == SORI_OK);
    CHECK(sori_server_listen_unix(server, NULL) == SORI_NULL_ARGUMENT);
    CHECK(sori_server_listen_unix(server, argv[5]) == SORI_OK);
    CHECK(sori_server_listen_unix(server, argv[5]) == SORI_IO);

    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, echo, server) == 0);
    printf("%d\n", port);
    fflush(stdout);
    while (getchar() == '\n') {
        CHECK(sori_tls_reload(tls, next_certificate, "none") == SORI_INVALID_ARGUMENT);
        CHECK(sori_tls_reload(tls, next_certificate, next_key) == SORI_OK);
        printf("reloaded\n");
        fflush(stdout);
    }
    sori_tls_free(tls);
    CHECK(sori_server_close(server) == SORI_OK);
    pthread_join(thread, NULL);
    sori_server_free(server);
    CHECK(access(argv[5], F_OK) != 0);
    free(certificate);
    free(key);
    free(next_certificate);
    free(next_key);
}
