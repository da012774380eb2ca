// A C++ handler that throws: the exception comes out of the loop, and nothing else comes to harm.

#include <cstring>
#include <stdexcept>

#include "check.h"

extern "C" {
#include "client.h"
}

static int handled;

static void throw_at_first(const sori_server *, const sori_event *, void *)
{
    if (handled++ == 0)
        throw std::runtime_error("on purpose");
}

// Called by C, so a call of it is a call of C.
extern "C" void handle(const sori_server *server, const sori_event *event, void *user_data)
{
    throw_at_first(server, event, user_data);
}

static void what_a_handler_throws_comes_out_and_no_event_is_lost()
{
    uint16_t port;
    sori_server *server = start(&port);
    CHECK(sori_server_on(server, SORI_EVENT_MESSAGE, "/", "x", handle, NULL, NULL) == SORI_OK);
    client *peer = client_open(port);
    client_join(peer, server);
    for (int i = 0; i < 3; i++)
        client_send(peer, "42[\"x\",\"an argument long enough to be missed if it leaked\"]");
    client_close(peer);

    bool has_thrown = false;
    size_t count = 7;
    try {
        sori_server_dispatch(server, 1, DEADLINE_MS, &count);
    } catch (const std::runtime_error &error) {
        has_thrown = std::strcmp(error.what(), "on purpose") == 0;
    }
    CHECK(has_thrown && handled == 1 && count == 7);
    while (handled < 3)
        CHECK(sori_server_dispatch(server, 1, DEADLINE_MS, &count) == SORI_OK && count == 1);

    handled = 0;
    has_thrown = false;
    CHECK(sori_server_on(server, SORI_EVENT_CLOSED, NULL, NULL, handle, NULL, NULL) == SORI_OK);
    CHECK(sori_server_close(server) == SORI_OK);
    try {
        sori_server_run(server);
    } catch (const std::runtime_error &) {
        has_thrown = true;
    }
    CHECK(has_thrown);
    CHECK(sori_server_run(server) == SORI_OK);
    sori_server_free(server);
}

int main()
{
    RUN(what_a_handler_throws_comes_out_and_no_event_is_lost);
    return 0;
}
