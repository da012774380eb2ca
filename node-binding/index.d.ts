// Types of the package: the public API of socket.io 4.8, with its four generic parameters.
import type { EventEmitter } from 'events';
import type { IncomingMessage, IncomingHttpHeaders, Server as HttpServer, ServerResponse } from 'http';
import type { Server as HttpsServer } from 'https';
import type { Http2SecureServer, Http2Server } from 'http2';
import type { Duplex } from 'stream';
import type { ParsedUrlQuery } from 'querystring';
import type { Adapter, AdapterConstructor, NativeAdapter } from './adapters';
import type {
  AckResult,
  AllButLast,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventNamesWithError,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
  Last,
  MessageParams,
  TypedListening,
} from './typed-events';

export type {
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventNamesWithError,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
} from './typed-events';

export { createAdapter, createShardedAdapter, createStreamsAdapter } from './adapters';
export type { Adapter, AdapterConstructor, NativeAdapter, NativeAdapterOptions, NativeShardedAdapterOptions } from './adapters';

// Values -------------------------------------------------------------------------------------------------------------

export type SocketId = string;
export type Room = string;

export type DisconnectReason =
  | 'transport error'
  | 'transport close'
  | 'forced close'
  | 'ping timeout'
  | 'parse error'
  | 'server shutting down'
  | 'forced server close'
  | 'client namespace disconnect'
  | 'server namespace disconnect';

/** An error for a client: `message` and `data` reach its `connect_error` listeners. */
export interface ExtendedError extends Error {
  data?: any;
}

/** An event as middlewares of a socket see it. */
export type Event = [eventName: string, ...args: any[]];

export interface Handshake {
  headers: IncomingHttpHeaders;
  /** Date of the handshake as text. */
  time: string;
  address: string;
  /** Whether the request carried an Origin header. */
  xdomain: boolean;
  secure: boolean;
  /** Date of the handshake in milliseconds. */
  issued: number;
  url: string;
  query: ParsedUrlQuery;
  /** What the client sent with its wish to connect. */
  auth: { [key: string]: any };
}

/** Options of npm `cors`, or a function that decides by request. */
export interface CorsOptions {
  origin?: StaticOrigin | ((requestOrigin: string | undefined, callback: (err: Error | null, origin?: StaticOrigin) => void) => void);
  methods?: string | string[];
  allowedHeaders?: string | string[];
  exposedHeaders?: string | string[];
  credentials?: boolean;
  maxAge?: number;
  preflightContinue?: boolean;
  optionsSuccessStatus?: number;
}
type StaticOrigin = boolean | string | RegExp | (boolean | string | RegExp)[];
export type CorsOptionsDelegate = (req: IncomingMessage, callback: (err: Error | null, options?: CorsOptions) => void) => void;

/** Attributes of the session's cookie, as npm `cookie` takes them. */
export interface CookieOptions {
  /** @default "io" */
  name?: string;
  path?: string;
  domain?: string;
  expires?: Date;
  httpOnly?: boolean;
  /** Seconds. */
  maxAge?: number;
  partitioned?: boolean;
  priority?: 'low' | 'medium' | 'high';
  sameSite?: boolean | 'lax' | 'strict' | 'none';
  secure?: boolean;
  encode?: (value: string) => string;
}

/** As npm `ws` means them. */
export interface PerMessageDeflateOptions {
  threshold?: number;
  serverNoContextTakeover?: boolean;
  clientNoContextTakeover?: boolean;
  serverMaxWindowBits?: number | boolean;
  clientMaxWindowBits?: number | boolean;
  zlibDeflateOptions?: { level?: number; [zlibOption: string]: any };
  zlibInflateOptions?: object;
  concurrencyLimit?: number;
}

export interface ServerOptions {
  /** @default "/socket.io" */
  path: string;
  /** Whether the browser client's files are served. @default true */
  serveClient: boolean;
  /** How long a client may stay without a namespace, in milliseconds. @default 45000 */
  connectTimeout: number;
  /** Whether a dynamic namespace goes with its last socket. @default false */
  cleanupEmptyChildNamespaces: boolean;
  /** Milliseconds. @default 25000 */
  pingInterval: number;
  /** Milliseconds. @default 20000 */
  pingTimeout: number;
  /** Milliseconds. @default 10000 */
  upgradeTimeout: number;
  /** Largest message, in bytes. @default 1e6 */
  maxHttpBufferSize: number;
  /** Most bytes queued for a client that reads too slowly; over it `overflow` applies. @default 16 MiB */
  maxQueuedBytes: number;
  /** What becomes of an event for a client whose queue is full: the client is disconnected, or misses it. @default "close" */
  overflow: 'close' | 'drop';
  /** Most messages of one client; at one more it is disconnected. An event is a message, and so is each attachment. @default no limit */
  rateLimit: number | RateLimit;
  /** Most messages of all clients of one address; who sends one more is disconnected. Of IPv6 the first 64 bits count. @default no limit */
  rateLimitPerAddress: number | RateLimit;
  /** Most connections at once; further handshakes are answered 503. @default no limit */
  maxConnections: number;
  /** Most connections of one address at once; further handshakes are answered 429. Of IPv6 the first 64 bits count. @default no limit */
  maxConnectionsPerAddress: number;
  /** Who is behind a request, for the limits by address; undefined has none. Asked more than once. @default the socket's address */
  addressOf: (req: IncomingMessage) => string | undefined;
  /** Timeout of broadcasts with acks and of `emitWithAck`, where `timeout()` is not called, in milliseconds. @default none */
  ackTimeout: number;
  /** Gets what listeners and middlewares throw, and what async ones reject with. @default they are uncaught */
  onHandlerError: (error: any, where: { socket: Socket<any, any, any, any>; event: string; args: any[] }) => void;
  /** Decides about a handshake: `callback(null, true)` allows it. */
  allowRequest: (req: IncomingMessage, callback: (err: string | null | undefined, success: boolean) => void) => void;
  /** The sessions of `webtransport` come by `io.engine.onWebTransportSession`. @default ["polling", "websocket"] */
  transports: ('polling' | 'websocket' | 'webtransport')[];
  /** @default true */
  allowUpgrades: boolean;
  /**
   * Compression of WebSocket messages with clients that can. What is under `threshold` (1024 bytes) never is.
   * Of zlib's options only `level` counts. @default false
   */
  perMessageDeflate: boolean | PerMessageDeflateOptions;
  /** Compression of polling answers. @default { threshold: 1024 } */
  httpCompression: boolean | { threshold?: number; [zlibOption: string]: any };
  /** Cookie with the session's id on the polling handshake. @default false */
  cookie: boolean | CookieOptions;
  cors: CorsOptions | CorsOptionsDelegate;
  /** Whether clients before version 3 are served (Engine.IO protocol 3). @default false */
  allowEIO3: boolean;
  /** @default true */
  addTrailingSlash: boolean;
  /** Whether upgrades for other paths that nobody claims are ended. @default true */
  destroyUpgrade: boolean;
  /** Milliseconds. @default 1000 */
  destroyUpgradeTimeout: number;
  /** IO threads of the engine, which servers that want as many share. @default one per core, less one for JavaScript */
  shards: number;
  /**
   * What carries broadcasts to other servers: of `createAdapter()`, with which rooms and packets stay in the engine, or an
   * adapter of npm, where rooms live in it and packets are made in JavaScript. @default the engine, alone
   */
  adapter: AdapterConstructor | NativeAdapter;
  /** What packets look like on the wire; one that the engine does not know makes them in JavaScript. @default socket.io-parser's */
  parser: Parser;
  /** A message that every client gets right behind the open packet. @default none */
  initialPacket: string | ArrayBuffer | NodeJS.ArrayBufferView;
  /** Lets sockets that lose their connection come back with id, rooms, data and what they missed. @default off */
  connectionStateRecovery: RecoveryOptions;
}

/** As npm `socket.io-parser`: an `Encoder` with `encode(packet)`, and a `Decoder` that emits `decoded`. */
export interface Parser {
  Encoder: new () => { encode(packet: any): any[] };
  Decoder: new () => EventEmitter & { add(chunk: any): void; destroy(): void };
}

export interface RateLimit {
  /** Messages a second in the long run. */
  perSecond: number;
  /** Messages at once, after a time of silence. @default perSecond */
  burst?: number;
}

export interface RecoveryOptions {
  /** How long a socket may be away, in milliseconds. @default 120000 */
  maxDisconnectionDuration?: number;
  /** Whether the middlewares of the namespace are left out for who comes back. @default true */
  skipMiddlewares?: boolean;
  /** Most packets kept in one namespace; the oldest go first. @default 100000 */
  maxPackets?: number;
  /** Most bytes of packets kept in one namespace; the oldest go first. @default 64 MiB */
  maxBytes?: number;
}

// Engine -------------------------------------------------------------------------------------------------------------

export interface Transport extends EventEmitter {
  readonly name: 'polling' | 'websocket' | 'webtransport';
  readonly sid: string;
  readonly protocol: number;
  readonly readyState: string;
  readonly writable: boolean;
  close(): void;
}

/**
 * One client's connection, `socket.conn`. Emits `upgrading`, `upgrade`, `close`; for each message that arrives `packet`
 * (`{ type: 'message', data }`), `data` and `message`; for each that is sent `packetCreate`
 * (`{ type: 'message', data, options: { compress } }`), `flush` with a list of them, and `drain` when they have been handed to
 * the transport. `heartbeat` comes with the client's pong, or its ping in protocol 3, and `packet` too.
 */
export interface Connection extends EventEmitter {
  readonly id: string;
  readonly protocol: number;
  /** The first request of the session; null of one that began over WebTransport. */
  readonly request: IncomingMessage;
  readonly remoteAddress: string;
  readonly readyState: 'open' | 'closing' | 'closed';
  readonly upgrading: boolean;
  readonly upgraded: boolean;
  readonly transport: Transport;
  readonly server: Engine;
  /** Sends an Engine.IO message as it is, between the packets of Socket.IO. `callback` is called when it is handed to the transport. */
  send(
    data: string | ArrayBuffer | ArrayBufferView,
    options?: { compress?: boolean; volatile?: boolean },
    callback?: (transport: Transport) => void,
  ): this;
  send(data: string | ArrayBuffer | ArrayBufferView, callback: (transport: Transport) => void): this;
  write: Connection['send'];
  close(discard?: boolean): this;
}

export interface Client {
  readonly id: string;
  readonly conn: Connection;
  readonly request: IncomingMessage;
  readonly server: Server<any, any, any, any>;
}

type EngineMiddleware = (req: IncomingMessage, res: ServerResponse, next: (err?: any) => void) => void;

/**
 * The HTTP side of a server, `io.engine`. Emits `connection`, `initial_headers`, `headers`, `connection_error`, `flush`
 * (connection, packets) and `drain` (connection) of all its connections, and `payload_too_large`
 * (`{ req, connection, limit }`) for a message over `maxHttpBufferSize`.
 */
export interface Engine extends EventEmitter {
  /** A new session's id. Replace it to choose the ids, or promise them; they must be unique. */
  generateId(req: IncomingMessage): string | Promise<string>;
  readonly opts: Partial<ServerOptions>;
  readonly clientsCount: number;
  readonly httpServer: HttpServer | undefined;
  use(fn: EngineMiddleware): void;
  upgrades(transport: string): string[];
  /** What has been counted since the engine started; after `close` what it had come to. */
  metrics(): Metrics;
  /** The same in the text format of Prometheus (version 0.0.4), for a route of the application's; `labels` stand on every sample. */
  prometheus(labels?: Record<string, string>): string;
  handleRequest(req: IncomingMessage, res: ServerResponse): void;
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Takes on a session of `@fails-components/webtransport`; resolves when it has begun, or has ended. It has no request: with
   * middlewares, those of `cors` included, it is closed, as in engine.io; `allowRequest` and `generateId` are not asked.
   */
  onWebTransportSession(session: WebTransportSession): Promise<void>;
  close(): this;
}

/** The server's side of a session of WebTransport, with the interface that browsers give it. */
export interface WebTransportSession {
  readonly incomingBidirectionalStreams: any;
  readonly closed: Promise<any>;
  /** The client's address and port, where it is known. */
  readonly peerAddress?: string;
  close(...info: any[]): void;
}

/** An engine's counters at one moment. They are the engine's own: reading them stops nothing. */
export interface Metrics {
  /** Connections open now. */
  connections: number;
  /** Connections opened since the start. */
  opened: number;
  /** Connections refused because of `maxConnections` or `maxConnectionsPerAddress`. */
  refused: number;
  /** Messages received. */
  received: number;
  /** Messages queued to connections; a broadcast counts once per receiver. */
  sent: number;
  /** Volatile messages dropped because a connection was not writable. */
  droppedVolatile: number;
  /** Messages dropped because a connection's queue was full. */
  droppedFull: number;
  /** Connections closed because they read too slowly. */
  closedSlow: number;
  /** Times that reading paused because the application was behind. */
  paused: number;
  /** Namespaces that there are. */
  namespaces: number;
  /** Sockets that lost their connection and may come back; none where Redis keeps them. */
  recoverySockets: number;
  /** Packets kept for them. */
  recoveryPackets: number;
  /** Bytes of those packets. */
  recoveryBytes: number;
}

// Broadcasts ---------------------------------------------------------------------------------------------------------

export class BroadcastOperator<EmitEvents extends EventsMap, SocketData> {
  private constructor();
  to(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  in(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  except(room: Room | Room[]): BroadcastOperator<EmitEvents, SocketData>;
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData>;
  get volatile(): BroadcastOperator<EmitEvents, SocketData>;
  get local(): BroadcastOperator<EmitEvents, SocketData>;
  /** Acks get an error first, which is set when a client has not answered in `timeout` milliseconds. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithError<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<AckResult<Last<EventParams<EmitEvents, Ev>>>>;
  /**
   * The answers as they come, for `for await`. Ends when all have answered, and with an error
   * when some have not in time: without `timeout()` and the option `ackTimeout` that is almost at once.
   */
  emitWithAnswers<Ev extends EventNamesWithError<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): AsyncIterableIterator<BroadcastAnswer<AnswerOf<AckResult<Last<EventParams<EmitEvents, Ev>>>>, SocketData>>;
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]>;
  /** @deprecated use `fetchSockets()` */
  allSockets(): Promise<Set<SocketId>>;
  socketsJoin(room: Room | Room[]): void;
  socketsLeave(room: Room | Room[]): void;
  disconnectSockets(close?: boolean): void;
}

/** The answer of one client to a broadcast, and the socket it came from, if that is one of this server. */
export interface BroadcastAnswer<Answer, SocketData = any> {
  socket: Socket<any, any, any, SocketData> | undefined;
  answer: Answer;
}

/** What one of many clients answers. */
type AnswerOf<Answers> = Answers extends (infer Answer)[] ? Answer : any;

/** A socket as `fetchSockets()` gives it, wherever it is connected. */
export interface RemoteSocket<EmitEvents extends EventsMap, SocketData> {
  readonly id: SocketId;
  readonly handshake: Handshake;
  readonly rooms: Set<Room>;
  readonly data: SocketData;
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithAck<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<AckResult<Last<EventParams<EmitEvents, Ev>>>>;
  join(room: Room | Room[]): void;
  leave(room: Room): void;
  disconnect(close?: boolean): this;
}

/** What Server and Namespace share: each call starts a broadcast. */
interface Broadcasting<EmitEvents extends EventsMap, ServerSideEvents extends EventsMap, SocketData> {
  to(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  in(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  except(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  compress(compress: boolean): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  readonly volatile: BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  readonly local: BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<EmitEvents>, SocketData>;
  emit<Ev extends EventNamesWithoutAck<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithAck<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<AckResult<Last<EventParams<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, Ev>>>>;
  /** See `BroadcastOperator.emitWithAnswers`. */
  emitWithAnswers<Ev extends EventNamesWithAck<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): AsyncIterableIterator<BroadcastAnswer<AckResult<Last<EventParams<EmitEvents, Ev>>>, SocketData>>;
  send(...args: MessageParams<EmitEvents>): this;
  write(...args: MessageParams<EmitEvents>): this;
  serverSideEmit<Ev extends EventNames<ServerSideEvents>>(
    ev: Ev,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, Ev>
  ): boolean;
  serverSideEmitWithAck<Ev extends EventNamesWithAck<ServerSideEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<ServerSideEvents, Ev>>
  ): Promise<AckResult<Last<EventParams<ServerSideEvents, Ev>>>[]>;
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]>;
  /** @deprecated use `fetchSockets()` */
  allSockets(): Promise<Set<SocketId>>;
  socketsJoin(room: Room | Room[]): void;
  socketsLeave(room: Room | Room[]): void;
  disconnectSockets(close?: boolean): void;
}

// Socket, Namespace, Server ------------------------------------------------------------------------------------------

export interface SocketReservedEventsMap {
  /** Events that the client sent before it left are delivered first; socket.io drops those that come in one read with its leave. */
  disconnect: (reason: DisconnectReason, description?: any) => void;
  disconnecting: (reason: DisconnectReason, description?: any) => void;
  error: (err: Error) => void;
}

export interface Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends TypedListening<SocketReservedEventsMap, ListenEvents> {}
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> {
  private constructor();
  readonly id: SocketId;
  readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  readonly client: Client;
  readonly conn: Connection;
  /** The request of the handshake. */
  readonly request: IncomingMessage;
  readonly handshake: Handshake;
  /** The rooms at this moment, its own id included. */
  readonly rooms: Set<Room>;
  /** Whether it is a socket that lost its connection and came back: it has its id, rooms and data of before. */
  readonly recovered: boolean;
  readonly connected: boolean;
  readonly disconnected: boolean;
  /** Whatever the application wants to keep with it. */
  data: SocketData;
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
  emitWithAck<Ev extends EventNamesWithAck<EmitEvents>>(
    ev: Ev,
    ...args: AllButLast<EventParams<EmitEvents, Ev>>
  ): Promise<AckResult<Last<EventParams<EmitEvents, Ev>>>>;
  send(...args: MessageParams<EmitEvents>): this;
  write(...args: MessageParams<EmitEvents>): this;
  /** The callback is called on the next tick: joining is immediate. */
  join(room: Room | Room[], callback?: (err: null) => void): Promise<void> | void;
  leave(room: Room, callback?: (err: null) => void): Promise<void> | void;
  to(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  in(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  except(room: Room | Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  get broadcast(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData>;
  /** The next emit may be dropped when the connection cannot take it at once. */
  get volatile(): this;
  compress(compress: boolean): this;
  /** The next emit's ack gets an error first, set when the client has not answered in `timeout` milliseconds. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData>;
  disconnect(close?: boolean): this;
  /** Runs for every event that arrives; `next(err)` makes it an `error` event here. */
  use(fn: (event: Event, next: (err?: Error) => void) => void): this;
  onAny(listener: (...args: any[]) => void): this;
  prependAny(listener: (...args: any[]) => void): this;
  offAny(listener?: (...args: any[]) => void): this;
  listenersAny(): ((...args: any[]) => void)[];
  onAnyOutgoing(listener: (...args: any[]) => void): this;
  prependAnyOutgoing(listener: (...args: any[]) => void): this;
  offAnyOutgoing(listener?: (...args: any[]) => void): this;
  listenersAnyOutgoing(): ((...args: any[]) => void)[];
}

export interface NamespaceReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> {
  connect: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
  connection: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

export interface ServerReservedEventsMap<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  new_namespace: (namespace: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void;
}

type Middleware<ListenEvents extends EventsMap, EmitEvents extends EventsMap, ServerSideEvents extends EventsMap, SocketData> = (
  socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
  next: (err?: ExtendedError) => void,
) => void;

export interface Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends TypedListening<NamespaceReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, ServerSideEvents>,
    Broadcasting<EmitEvents, ServerSideEvents, SocketData> {}
export class Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> {
  private constructor();
  readonly name: string;
  readonly sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;
  readonly adapter: Adapter;
  readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  use(fn: Middleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): this;
}

type DynamicNamespaceName = (name: string, auth: { [key: string]: any }, next: (err: Error | null, success: boolean) => void) => void;
type AttachableServer = HttpServer | HttpsServer | Http2Server | Http2SecureServer;

export interface Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends TypedListening<ServerReservedEventsMap<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, ServerSideEvents>,
    Broadcasting<EmitEvents, ServerSideEvents, SocketData> {}
export class Server<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> {
  constructor(opts?: Partial<ServerOptions>);
  constructor(srv?: AttachableServer | number | string, opts?: Partial<ServerOptions>);
  /** The main namespace, `/`. */
  readonly sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  /** All namespaces by their names. Private in socket.io, which declares it all the same: tools read it. */
  _nsps: Map<string, Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>>;
  /** Set once the server is attached. */
  engine: Engine;
  httpServer: HttpServer;
  readonly opts: Partial<ServerOptions>;
  attach(srv: AttachableServer | number | string, opts?: Partial<ServerOptions>): this;
  listen(srv: AttachableServer | number | string, opts?: Partial<ServerOptions>): this;
  of(
    name: string | RegExp | DynamicNamespaceName,
    fn?: (socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>) => void,
  ): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>;
  use(fn: Middleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): this;
  path(): string;
  path(path: string): this;
  serveClient(): boolean;
  serveClient(isServed: boolean): this;
  connectTimeout(): number;
  connectTimeout(ms: number): this;
  adapter(): AdapterConstructor | undefined;
  adapter(adapter: AdapterConstructor | NativeAdapter): this;
  /** Serves the connections of an Engine.IO server that is attached by other means, as `sori/engine` or `engine.io`. */
  bind(engine: EventEmitter): this;
  /** Serves one connection of an Engine.IO server. */
  onconnection(connection: EventEmitter): this;
  close(callback?: (err?: Error) => void): Promise<void>;
  /**
   * What is queued for clients leaves first. After `timeout` milliseconds nothing is waited for any more: what is left of
   * connections, the HTTP server's others too, is cut.
   */
  close(options: { timeout: number }, callback?: (err?: Error) => void): Promise<void>;
}
