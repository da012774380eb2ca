// Writes a C program that calls every function of include/sori.h with NULL for each of its pointers in
// turn, all other arguments being good: it must say SORI_NULL_ARGUMENT, or take NULL as documented, and
// never crash. A function that is added to the header is in it from then on; a type of argument that is
// not known here is an error.
//
//   node tests/c/nulls.js include/sori.h >nulls.c

'use strict';

const { readFileSync } = require('node:fs');
const path = require('node:path');

/** What the header says may be NULL: "function argument". */
const MAY_BE_NULL = new Set([
  'sori_server_websocket_allow protocol',
  'sori_server_websocket_deny message',
  'sori_server_open_sse options',
  'sori_server_sse_deny message',
  'sori_server_sse_broadcast audience',
  'sori_server_new options',
  'sori_server_listen bound',
  'sori_server_dispatch count',
  'sori_server_on namespace_name',
  'sori_server_on event_name',
  'sori_server_on user_data',
  'sori_server_on finalizer',
  'sori_server_set_user_data user_data',
  'sori_server_refuse data',
  'sori_server_emit args',
  'sori_server_emit options',
  'sori_server_emit_with_ack args',
  'sori_server_emit_with_ack options',
  'sori_server_answer args',
  'sori_server_answer options',
  'sori_server_broadcast audience',
  'sori_server_broadcast args',
  'sori_server_broadcast options',
  'sori_server_broadcast_with_ack audience',
  'sori_server_broadcast_with_ack args',
  'sori_server_broadcast_with_ack options',
  'sori_server_join_many audience',
  'sori_server_leave_many audience',
  'sori_server_disconnect_many audience',
  'sori_server_sockets audience',
  'sori_server_tell_servers args',
  'sori_server_tell_servers options',
  'sori_server_ask_servers args',
  'sori_server_ask_servers options',
  'sori_server_answer_server args',
  'sori_server_answer_server options',
  'sori_server_fetch_sockets audience',
  'sori_server_open_websockets options',
  'sori_server_websocket_broadcast audience',
  'sori_server_websocket_close reason',
  'sori_server_listen_tls bound',
  'sori_client_new options',
  'sori_client_connect auth',
  'sori_client_connect socket',
  'sori_client_emit args',
  'sori_client_emit options',
  'sori_client_emit_with_ack args',
  'sori_client_emit_with_ack options',
  'sori_client_answer args',
  'sori_client_answer options',
  'sori_websocket_client_new options',
  'sori_websocket_client_close reason',
]);

/** Good arguments, by the function's and the argument's name, by the argument's name, or by its type. */
const GOOD = {
  'sori_server_listen host': '"127.0.0.1"',
  'sori_server_open_namespace name': '"/nulls"',
  'sori_server_on kind': 'SORI_EVENT_MESSAGE',
  'sori_server_new server': '&made',
  'sori_server_adopt fd': '-1',
  'sori_server_dispatch timeout_ms': '0',
  'sori_server_poll timeout_ms': '0',
  'sori_server_open_websockets path': '"/nulls"',
  'sori_server_open_websockets options': '&websocket_options',
  'sori_server_open_sse path': '"/nulls"',
  'sori_server_open_sse options': '&sse_options',
  'sori_server_sse_deny message': '"x"',
  'sori_server_sse_broadcast namespace_name': '"sse:/news"',
  'sori_server_sse_clients namespace_name': '"sse:/news"',
  'sori_server_websocket_broadcast namespace_name': '"ws:/feed"',
  'sori_server_websocket_broadcast except': '0',
  'sori_server_websocket_queued bytes': '&count',
  'sori_server_listen_unix path': '"/nowhere/at/all"',
  'sori_server_listen_tls host': '"127.0.0.1"',
  'sori_server_prometheus labels': 'labels',
  'sori_server_socket_id id': 'room_for_id',
  'sori_server_raw_send data': '(const uint8_t *)"x"',
  'sori_server_websocket_send data': '(const uint8_t *)"x"',
  'sori_server_websocket_broadcast data': '(const uint8_t *)"x"',
  'sori_server_websocket_ping data': '(const uint8_t *)"x"',
  'sori_server_websocket_send socket': 'websocket',
  'sori_server_websocket_broadcast socket': 'websocket',
  'sori_server_websocket_ping socket': 'websocket',
  'sori_server_websocket_close socket': 'websocket',
  'sori_server_websocket_queued socket': 'websocket',
  'sori_server_socket_id capacity': 'sizeof room_for_id',
  'sori_client_new client': '&made_client',
  'sori_client_poll timeout_ms': '0',
  'sori_websocket_client_new client': '&made_feed',
  'sori_websocket_client_new url': '"ws://127.0.0.1:9"',
  'sori_websocket_client_poll timeout_ms': '0',
  'sori_websocket_client_send data': '(const uint8_t *)"x"',
  'sori_websocket_client_ping data': '(const uint8_t *)"x"',
  auth: '"{}"',
  url: '"http://127.0.0.1:9"',
  protocol: '"v1"',
  status: '400',
  kind: 'SORI_WEBSOCKET_TEXT',
  code: '1000',
  ticket: '0',
  flags: '0',
  token: '0',
  discard: 'false',
  prefix: '"/null"',
  json: '"{}"',
  value: '"x"',
  reason: '"x"',
  certificates_pem: 'CERTIFICATE',
  key_pem: 'KEY',
  most: '1',
  capacity: '1',
  timeout_ms: '1',
  length: '1',
  room_count: '1',
  label_count: '1',
  index: '0',
  attachment: '0',
  ack: '0',
  port: '0',
  flags: '0',
  token: '0',
  ticket: '0',
  discard: 'false',
  json: '"{}"',
  prefix: '"/nulls-"',
  value: '"x"',
  closes: 'false',
  status: '0',
  namespace_name: '"/"',
  event_name: '"x"',
  message: '"x"',
  data: '"{}"',
  args: '"[]"',
  id: 'id',
  name: '"x"',
  read: '(const uint8_t *)"G"',
  user_data: 'NULL',
  handler: 'handle',
  finalizer: 'finalize',
  'sori_socket': 'socket',
  'sori_client_socket': 'client_socket',
  'const struct sori_client *': 'io_client',
  'const struct sori_client_event *': 'client_event',
  'const struct sori_client_options *': '&client_options',
  'struct sori_client_options *': '&client_options',
  'struct sori_client_event **': '&client_event',
  'sori_client_socket *': '&client_socket',
  'const struct sori_websocket_client *': 'feed_client',
  'const struct sori_websocket_client_event *': 'feed_event',
  'const struct sori_websocket_client_options *': '&feed_options',
  'struct sori_websocket_client_options *': '&feed_options',
  'struct sori_websocket_client_event **': '&feed_event',
  'const struct sori_server *': 'server',
  'const struct sori_event *': 'event',
  'const struct sori_rooms *': 'rooms',
  'const struct sori_audience *': '&audience',
  'const struct sori_emit_options *': '&emit',
  'const struct sori_server_options *': '&options',
  'const struct sori_websocket_options *': '&websocket_options',
  'struct sori_websocket_options *': '&websocket_options',
  'const struct sori_sse_options *': '&sse_options',
  'struct sori_sse_options *': '&sse_options',
  'const struct sori_sse_message *': '&sse_message',
  'struct sori_sse_message *': '&sse_message',
  'struct sori_deflate_options *': '&deflate_options',
  'struct sori_audience *': '&audience',
  'struct sori_emit_options *': '&emit',
  'struct sori_server_options *': '&options',
  'struct sori_metrics *': '&metrics',
  'struct sori_event **': '&taken',
  'struct sori_rooms **': '&listed',
  'const struct sori_tls *': 'tls',
  'struct sori_tls **': '&made_tls',
  'sori_socket *': '&found',
  'uint16_t *': '&port',
  'uint64_t *': '&ack',
  'size_t *': '&count',
  'int *': '&number',
  'void **': '&kept',
  'char *': 'room_for_id',
  'const char *const *': 'names',
};

/** What follows a call that succeeds. */
const AFTER = {
  sori_server_new: '\n    sori_server_free(made);',
  sori_client_new: '\n    sori_client_free(made_client);',
  sori_websocket_client_new: '\n    sori_websocket_client_free(made_feed);',
};

// Not called at all: they give back what the others need. That NULL is fine is tested elsewhere.
const FREES = /_free$/;

const CLOSES = /^sori_(server|client|websocket_client)_close(_within)?$/;

// For TLS, from the folder of the tests that use them.
const pem = (name) => JSON.stringify(readFileSync(path.join(__dirname, '../node/tls', name), 'utf8'));

function functions(header) {
  const code = header.replace(/\/\/.*$/gm, '').replace(/\/\*.*?\*\//gs, '').replace(/^#.*$/gm, '');
  const found = [];
  for (const declaration of code.split(';')) {
    const match = /(?:^|\})\s*([\w\s*]*?[\s*])(sori_\w+)\(([^()]*)\)\s*$/.exec(declaration.trim());
    if (!match || /\btypedef\b/.test(declaration)) continue;
    const [, result, name, list] = match;
    const parameters = list.split(',').map((parameter) => parameter.replace(/\s+/g, ' ').trim());
    found.push({
      name,
      result: result.replace(/extern "C" \{/, '').trim(),
      parameters: parameters.filter((parameter) => parameter !== 'void').map((parameter) => {
        const [, type, own] = /^(.*?)(\w+)$/.exec(parameter);
        return { type: type.trim(), name: own };
      }),
    });
  }
  return found;
}

function good(name, parameter) {
  // The size of a struct goes with the struct.
  if (parameter.name === 'size') return 'SIZE';
  const value = GOOD[`${name} ${parameter.name}`] ?? GOOD[parameter.type] ?? GOOD[parameter.name];
  if (value === undefined) throw new Error(`no argument is known for ${parameter.type} ${parameter.name} of ${name}`);
  return value;
}

function isPointer({ type }) {
  return type.endsWith('*') || type === 'sori_handler' || type === 'sori_finalizer';
}

function calls({ name, result, parameters }) {
  const values = parameters.map((parameter) => good(name, parameter));
  const struct = parameters.find(({ type }) => /^(const )?struct \w+ \*$/.test(type) && !/sori_server \*$/.test(type));
  const sized = values.map((value) => (value === 'SIZE' ? `sizeof(${struct.type.replace(/const |struct | \*/g, '')})` : value));
  return parameters.filter(isPointer).map((parameter) => {
    const args = parameters.map((other, index) => (other === parameter ? 'NULL' : sized[index]));
    const call = `${name}(${args.join(', ')})`;
    if (result !== 'sori_status') return `    (void)${call};`;
    const mayBe = MAY_BE_NULL.delete(`${name} ${parameter.name}`);
    const expected = mayBe ? '!= SORI_NULL_ARGUMENT' : '== SORI_NULL_ARGUMENT';
    const after = mayBe ? (AFTER[name] ?? '') : '';
    return `    CHECK(${call} ${expected});${after}`;
  });
}

const lines = functions(readFileSync(process.argv[2], 'utf8'))
  .filter(({ name }) => !FREES.test(name))
  // Closing comes last: after it calls say so instead.
  .sort((a, b) => CLOSES.test(a.name) - CLOSES.test(b.name))
  .flatMap(calls);
if (lines.length < 60) throw new Error(`only ${lines.length} calls were found in the header`);
if (MAY_BE_NULL.size > 0) throw new Error(`not in the header: ${[...MAY_BE_NULL]}`);

process.stdout.write(`// Made by tests/c/nulls.js.

#include "check.h"
#include "client.h"

static const char *const CERTIFICATE = ${pem('cert.pem')};
static const char *const KEY = ${pem('key.pem')};

static void handle(const sori_server *server, const sori_event *event, void *user_data)
{
    (void)server, (void)event, (void)user_data;
}

static void finalize(void *user_data)
{
    (void)user_data;
}

int main(void)
{
    uint16_t port;
    sori_server *server = start(&port), *made = NULL;
    client *peer = client_open(port);
    client_send(peer, "40");
    // Its request is there to be asked for.
    sori_event *event = next_event(server, SORI_EVENT_CONNECT), *taken = NULL;
    sori_socket socket = sori_event_socket(event), found;
    CHECK(sori_server_accept(server, socket) == SORI_OK);
    char id[SORI_SOCKET_ID_SIZE], room_for_id[SORI_SOCKET_ID_SIZE];
    CHECK(sori_server_socket_id(server, socket, id, sizeof id) == SORI_OK);
    CHECK(sori_server_open_websockets(server, "/feed", NULL) == SORI_OK);
    client *feed = client_open_websocket(port, "/feed", NULL, NULL);
    sori_event *opened = next_event(server, SORI_EVENT_WEBSOCKET_OPEN);
    sori_socket websocket = sori_event_socket(opened);
    CHECK(sori_server_open_sse(server, "/news", NULL) == SORI_OK);
    sori_rooms *rooms, *listed = NULL;
    CHECK(sori_server_rooms(server, socket, &rooms) == SORI_OK);
    sori_server_options options;
    sori_emit_options emit;
    sori_websocket_options websocket_options;
    sori_deflate_options deflate_options;
    sori_sse_options sse_options;
    sori_sse_message sse_message;
    sori_audience audience;
    sori_metrics metrics;
    CHECK(sori_server_options_default(&options, sizeof options) == SORI_OK);
    CHECK(sori_emit_options_default(&emit, sizeof emit) == SORI_OK);
    CHECK(sori_websocket_options_default(&websocket_options, sizeof websocket_options) == SORI_OK);
    CHECK(sori_deflate_options_default(&deflate_options, sizeof deflate_options) == SORI_OK);
    CHECK(sori_sse_options_default(&sse_options, sizeof sse_options) == SORI_OK);
    CHECK(sori_sse_message_default(&sse_message, sizeof sse_message) == SORI_OK);
    CHECK(sori_audience_default(&audience, sizeof audience) == SORI_OK);
    const char *names[] = {"x"}, *labels[] = {"x=y"};
    uint64_t ack;
    size_t count;
    int number;
    void *kept;
    sori_tls *tls = NULL, *made_tls = NULL;
    CHECK(sori_tls_new(CERTIFICATE, KEY, &tls) == SORI_OK);
    sori_client *io_client = NULL, *made_client = NULL;
    sori_client_event *client_event = NULL;
    sori_client_socket client_socket;
    sori_client_options client_options;
    CHECK(sori_client_options_default(&client_options, sizeof client_options) == SORI_OK);
    CHECK(sori_client_new("http://127.0.0.1:9", &client_options, &io_client) == SORI_OK);
    CHECK(sori_client_connect(io_client, "/", NULL, &client_socket) == SORI_OK);
    sori_websocket_client *feed_client = NULL, *made_feed = NULL;
    sori_websocket_client_event *feed_event = NULL;
    sori_websocket_client_options feed_options;
    CHECK(sori_websocket_client_options_default(&feed_options, sizeof feed_options) == SORI_OK);
    // Not there yet, but looked for as long as the calls last.
    feed_options.reconnection = 1;
    CHECK(sori_websocket_client_new("ws://127.0.0.1:9", &feed_options, &feed_client) == SORI_OK);

${lines.join('\n')}

    sori_client_free(io_client);
    sori_client_event_free(client_event);
    sori_websocket_client_free(feed_client);
    sori_websocket_client_event_free(feed_event);
    sori_rooms_free(rooms);
    sori_event_free(event);
    sori_event_free(opened);
    sori_tls_free(tls);
    client_close(feed);
    client_close(peer);
    sori_server_free(server);
    printf("ok %d calls with NULL\\n", ${lines.length});
    return 0;
}
`);
