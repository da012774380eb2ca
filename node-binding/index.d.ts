// Types of the package: the public API of socket.io 4.8, with its four generic parameters.
import type { EventEmitter } from 'events';
import type { IncomingMessage, IncomingHttpHeaders, Server as HttpServer, ServerResponse } from 'http';
import type { Server as HttpsServer } from 'https';
import type { Http2SecureServer, Http2Server } from 'http2';
import type { Duplex } from 'stream';
import type { ParsedUrlQuery } from 'querystring';

// Event maps ---------------------------------------------------------------------------------------------------------

/** An event map gives each event's name the signature of its listener. */
export interface EventsMap {
  [event: string]: any;
}

/** Any event with any arguments: what is assumed where no map is given. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void;
}

export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol);
export type EventParams<Map extends EventsMap, Ev extends EventNames<Map>> = Parameters<Map[Ev]>;

type AnyFunction = (...args: any[]) => any;
type IsAny<T> = 0 extends 1 & T ? true : false;

type Last<T extends any[]> = T extends [] ? never : T extends [...any[], infer L] ? L : any;
type AllButLast<T extends any[]> = T extends [...infer Head, any] ? Head : any[];

/** Whether a listener's last argument is an ack callback. */
type HasAck<Listener> =
  IsAny<Listener> extends true
    ? true
    : Listener extends (...args: infer P) => any
      ? IsAny<Last<P>> extends true
        ? true
        : [Last<P>] extends [never]
          ? false
          : Last<P> extends AnyFunction
            ? true
            : false
      : false;

/** Whether that callback takes an error first, which is so after `timeout()`. */
type HasAckWithError<Listener> =
  IsAny<Listener> extends true
    ? true
    : Listener extends (...args: infer P) => any
      ? IsAny<Last<P>> extends true
        ? true
        : [Last<P>] extends [never]
          ? false
          : Last<P> extends (...args: infer A) => any
            ? A extends [infer First, ...any[]]
              ? [First] extends [Error]
                ? true
                : false
              : false
            : false
      : false;

export type EventNamesWithAck<Map extends EventsMap> = { [K in EventNames<Map>]: HasAck<Map[K]> extends true ? K : never }[EventNames<Map>];
export type EventNamesWithError<Map extends EventsMap> = { [K in EventNames<Map>]: HasAckWithError<Map[K]> extends true ? K : never }[EventNames<Map>];
/** Events that a broadcast without operator may carry: those whose listeners expect no ack. */
export type EventNamesWithoutAck<Map extends EventsMap> = {
  [K in EventNames<Map>]: string extends K ? K : HasAck<Map[K]> extends true ? never : K;
}[EventNames<Map>];

type FirstNonError<P extends any[]> = P extends []
  ? undefined
  : P extends [infer First, ...infer Rest]
    ? IsAny<First> extends true
      ? any
      : [First] extends [Error]
        ? Rest extends [infer Second, ...any[]]
          ? Second
          : undefined
        : First
    : any;
type AckResult<Ack> = IsAny<Ack> extends true ? any : Ack extends (...args: infer P) => any ? FirstNonError<P> : any;

type WithError<F> =
  IsAny<F> extends true ? any : F extends (...args: infer P) => infer R ? (P[0] extends Error ? (P extends [] ? (err: Error) => R : F) : (err: Error, ...args: P) => R) : F;
type WithResponses<F> =
  IsAny<F> extends true
    ? any
    : F extends (...args: infer P) => infer R
      ? P extends []
        ? F
        : P extends [infer First, ...infer Rest]
          ? [First] extends [Error]
            ? Rest extends [infer Second, ...any[]]
              ? (err: Error, responses: Second[]) => R
              : F
            : (responses: First[]) => R
          : F
      : F;

/** The same events, their acks with an error before the response. */
export type DecorateAcknowledgements<Map> = {
  [K in keyof Map]: Map[K] extends (...args: infer P) => infer R ? (...args: { [I in keyof P]: WithError<P[I]> }) => R : Map[K];
};
/** The same events, their acks with the responses of all receivers. */
export type DecorateAcknowledgementsWithMultipleResponses<Map> = {
  [K in keyof Map]: Map[K] extends (...args: infer P) => infer R ? (...args: { [I in keyof P]: WithResponses<P[I]> }) => R : Map[K];
};
export type DecorateAcknowledgementsWithTimeoutAndMultipleResponses<Map> = DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<Map>>;

type MessageParams<Map extends EventsMap> = 'message' extends EventNames<Map> ? EventParams<Map, 'message'> : string extends EventNames<Map> ? any[] : never;

type ListenableNames<Reserved extends EventsMap, User extends EventsMap> = EventNames<Reserved> | EventNames<User>;
type Named<Reserved extends EventsMap, User extends EventsMap, Ev> = Ev extends keyof Reserved ? Reserved[Ev] : Ev extends keyof User ? User[Ev] : never;
// A member of a string enum counts as the string it stands for.
type ListenerFor<Reserved extends EventsMap, User extends EventsMap, Ev> = Named<Reserved, User, Ev extends string ? `${Ev}` : Ev>;

/** What can be listened on: `Reserved` events come from the library, `User` events from peers. */
interface TypedListening<Reserved extends EventsMap, User extends EventsMap> {
  on<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: ListenerFor<Reserved, User, Ev>): this;
  once<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: ListenerFor<Reserved, User, Ev>): this;
  addListener<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: ListenerFor<Reserved, User, Ev>): this;
  prependListener<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: ListenerFor<Reserved, User, Ev>): this;
  prependOnceListener<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: ListenerFor<Reserved, User, Ev>): this;
  off<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: (...args: any[]) => void): this;
  removeListener<Ev extends ListenableNames<Reserved, User>>(ev: Ev, listener: (...args: any[]) => void): this;
  removeAllListeners<Ev extends ListenableNames<Reserved, User>>(ev?: Ev): this;
  listeners<Ev extends ListenableNames<Reserved, User>>(ev: Ev): ListenerFor<Reserved, User, Ev>[];
  rawListeners<Ev extends ListenableNames<Reserved, User>>(ev: Ev): ListenerFor<Reserved, User, Ev>[];
  listenerCount(ev: string | symbol): number;
  eventNames(): (string | symbol)[];
  setMaxListeners(n: number): this;
  getMaxListeners(): number;
}

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
  /** Most bytes queued for a client that reads too slowly; over it the connection ends with "transport error". @default 16 MiB */
  maxQueuedBytes: number;
  /** Most connections at once; further handshakes are answered 503. @default no limit */
  maxConnections: number;
  /** Decides about a handshake: `callback(null, true)` allows it. */
  allowRequest: (req: IncomingMessage, callback: (err: string | null | undefined, success: boolean) => void) => void;
  /** @default ["polling", "websocket"] */
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
  /** IO threads of the engine. @default one per core, less one for JavaScript */
  shards: number;
  /** Not supported yet: throws. */
  adapter: AdapterConstructor;
  /** Not supported yet: throws. */
  parser: any;
  /** Lets sockets that lose their connection come back with id, rooms, data and what they missed. @default off */
  connectionStateRecovery: RecoveryOptions;
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
  readonly name: 'polling' | 'websocket';
  readonly sid: string;
  readonly protocol: number;
  readonly readyState: string;
  readonly writable: boolean;
  close(): void;
}

/**
 * One client's connection, `socket.conn`. Emits `upgrade`, `close`, and for each event or ack that is sent
 * `packetCreate`, whose listeners get `{ type: 'message', data, options: { compress } }`.
 */
export interface Connection extends EventEmitter {
  readonly id: string;
  readonly protocol: number;
  readonly request: IncomingMessage;
  readonly remoteAddress: string;
  readonly readyState: 'open' | 'closing' | 'closed';
  readonly upgraded: boolean;
  readonly transport: Transport;
  readonly server: Engine;
  close(discard?: boolean): this;
}

export interface Client {
  readonly id: string;
  readonly conn: Connection;
  readonly request: IncomingMessage;
  readonly server: Server<any, any, any, any>;
}

type EngineMiddleware = (req: IncomingMessage, res: ServerResponse, next: (err?: any) => void) => void;

/** The HTTP side of a server, `io.engine`. Emits `connection`, `initial_headers`, `headers` and `connection_error`. */
export interface Engine extends EventEmitter {
  readonly opts: Partial<ServerOptions>;
  readonly clientsCount: number;
  readonly httpServer: HttpServer | undefined;
  use(fn: EngineMiddleware): void;
  upgrades(transport: string): string[];
  handleRequest(req: IncomingMessage, res: ServerResponse): void;
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): this;
}

/** The rooms of a namespace. Emits `create-room`, `delete-room`, `join-room` and `leave-room`. */
export interface Adapter extends EventEmitter {
  readonly nsp: Namespace<any, any, any, any>;
  readonly rooms: ReadonlyMap<Room, Set<SocketId>>;
  readonly sids: ReadonlyMap<SocketId, Set<Room>>;
  sockets(rooms: Set<Room>): Promise<Set<SocketId>>;
  socketRooms(id: SocketId): Set<Room> | undefined;
  serverCount(): Promise<number>;
  close(): Promise<void> | void;
}

export type AdapterConstructor = (new (nsp: any) => Adapter) | ((nsp: any) => Adapter);

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
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]>;
  /** @deprecated use `fetchSockets()` */
  allSockets(): Promise<Set<SocketId>>;
  socketsJoin(room: Room | Room[]): void;
  socketsLeave(room: Room | Room[]): void;
  disconnectSockets(close?: boolean): void;
}

/** A socket as `fetchSockets()` gives it, wherever it is connected. */
export interface RemoteSocket<EmitEvents extends EventsMap, SocketData> {
  readonly id: SocketId;
  readonly handshake: Handshake;
  readonly rooms: Set<Room>;
  readonly data: SocketData;
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData>;
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): boolean;
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
  adapter(adapter: AdapterConstructor): this;
  close(callback?: (err?: Error) => void): Promise<void>;
}
