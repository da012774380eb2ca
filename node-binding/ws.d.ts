// Types of `sori/ws`: the API of `ws` 8, and what Sori adds to it.

/// <reference types="node" />

import { EventEmitter } from 'events';
import {
  Agent,
  ClientRequest,
  ClientRequestArgs,
  IncomingMessage,
  OutgoingHttpHeaders,
  Server as HTTPServer,
} from 'http';
import { Server as HTTPSServer } from 'https';
import { AddressInfo, Socket } from 'net';
import { Duplex, DuplexOptions } from 'stream';
import { SecureContextOptions } from 'tls';
import { URL } from 'url';
import { ZlibOptions } from 'zlib';
import type { Metrics } from './index';

type BufferLike =
  | string
  | Buffer
  | DataView
  | number
  | ArrayBufferView
  | Uint8Array
  | ArrayBuffer
  | SharedArrayBuffer
  | Blob
  | readonly any[]
  | readonly number[]
  | { valueOf(): ArrayBuffer }
  | { valueOf(): SharedArrayBuffer }
  | { valueOf(): Uint8Array }
  | { valueOf(): readonly number[] }
  | { valueOf(): string }
  | { [Symbol.toPrimitive](hint: string): string };

/** One connection, on the server or on the client. */
declare class WebSocket extends EventEmitter {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;

  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /** How binary messages arrive; text always arrives as a Buffer with `isBinary` false. */
  binaryType: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob';
  /** Bytes sent and not yet taken by the system. */
  readonly bufferedAmount: number;
  readonly extensions: string;
  readonly isPaused: boolean;
  readonly protocol: string;
  readonly readyState: 0 | 1 | 2 | 3;
  readonly url: string;

  onopen: ((event: WebSocket.Event) => void) | null;
  onerror: ((event: WebSocket.ErrorEvent) => void) | null;
  onclose: ((event: WebSocket.CloseEvent) => void) | null;
  onmessage: ((event: WebSocket.MessageEvent) => void) | null;

  constructor(address: null);
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs);
  constructor(address: string | URL, protocols?: string | string[], options?: WebSocket.ClientOptions | ClientRequestArgs);

  close(code?: number, data?: string | Uint8Array): void;
  ping(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  pong(data?: any, mask?: boolean, cb?: (err: Error) => void): void;
  send(data: BufferLike, cb?: (err?: Error) => void): void;
  send(data: BufferLike, options: WebSocket.SendOptions, cb?: (err?: Error) => void): void;
  /** Drops the connection at once. */
  terminate(): void;
  /** Stops reading: TCP pushes back. */
  pause(): void;
  resume(): void;

  /** Beyond ws: enters rooms of its server. */
  join(rooms: string | string[]): void;
  /** Beyond ws: leaves rooms of its server. */
  leave(rooms: string | string[]): void;

  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: ((event: WebSocket.WebSocketEventMap[K]) => void) | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
    options?: WebSocket.EventListenerOptions,
  ): void;
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: ((event: WebSocket.WebSocketEventMap[K]) => void) | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
  ): void;

  on<K extends keyof WebSocket.Listeners>(event: K, listener: WebSocket.Listeners[K]): this;
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  once<K extends keyof WebSocket.Listeners>(event: K, listener: WebSocket.Listeners[K]): this;
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  off<K extends keyof WebSocket.Listeners>(event: K, listener: WebSocket.Listeners[K]): this;
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  addListener<K extends keyof WebSocket.Listeners>(event: K, listener: WebSocket.Listeners[K]): this;
  addListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
  removeListener<K extends keyof WebSocket.Listeners>(event: K, listener: WebSocket.Listeners[K]): this;
  removeListener(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this;
}

declare namespace WebSocket {
  /** A message as it arrives, by `binaryType`. */
  type RawData = Buffer | ArrayBuffer | Buffer[];
  type Data = string | Buffer | ArrayBuffer | Buffer[] | Blob;
  type CertMeta = string | string[] | Buffer | Buffer[];

  /** The listeners of a WebSocket's events. */
  interface Listeners {
    open: (this: WebSocket) => void;
    message: (this: WebSocket, data: RawData, isBinary: boolean) => void;
    close: (this: WebSocket, code: number, reason: Buffer) => void;
    error: (this: WebSocket, error: Error) => void;
    ping: (this: WebSocket, data: Buffer) => void;
    pong: (this: WebSocket, data: Buffer) => void;
    upgrade: (this: WebSocket, response: IncomingMessage) => void;
    redirect: (this: WebSocket, url: string, request: ClientRequest) => void;
    'unexpected-response': (this: WebSocket, request: ClientRequest, response: IncomingMessage) => void;
    /** Beyond ws: what was queued over `backpressure.highWaterMark` has left. */
    drain: (this: WebSocket) => void;
  }

  interface SendOptions {
    mask?: boolean;
    binary?: boolean;
    compress?: boolean;
    fin?: boolean;
  }

  interface PerMessageDeflateOptions {
    serverNoContextTakeover?: boolean;
    clientNoContextTakeover?: boolean;
    serverMaxWindowBits?: number | boolean;
    clientMaxWindowBits?: number | boolean;
    zlibDeflateOptions?: ZlibOptions;
    zlibInflateOptions?: ZlibOptions;
    threshold?: number;
    /** Accepted, and not needed: messages are compressed on the engine's threads. */
    concurrencyLimit?: number;
  }

  /** Beyond ws: what is queued for a peer that reads slowly. */
  interface BackpressureOptions {
    /** Most bytes that may be queued for one peer; `Infinity` for no limit. Default 128 MiB. */
    limit?: number;
    /** Over it: close the connection with code 1008 (default), or drop the message that does not fit. */
    policy?: 'close' | 'drop';
    /** Bytes queued over which `drain` follows. Default 64 KiB. */
    highWaterMark?: number;
  }

  interface ConnectionOptions {
    allowSynchronousEvents?: boolean;
    autoPong?: boolean;
    closeTimeout?: number;
    maxPayload?: number;
    maxFragments?: number;
    /** Accepted, and not needed: the engine keeps no chunks of the socket. */
    maxBufferedChunks?: number;
    maxPendingAutoPongs?: number;
    skipUTF8Validation?: boolean;
    perMessageDeflate?: boolean | PerMessageDeflateOptions;
    backpressure?: BackpressureOptions;
  }

  interface ClientOptions extends SecureContextOptions, ConnectionOptions {
    protocols?: string | string[];
    protocol?: string;
    followRedirects?: boolean;
    maxRedirects?: number;
    handshakeTimeout?: number;
    generateMask?(mask: Buffer): void;
    localAddress?: string;
    protocolVersion?: number;
    headers?: { [key: string]: string };
    origin?: string;
    agent?: Agent;
    host?: string;
    family?: number;
    checkServerIdentity?(servername: string, cert: CertMeta): boolean;
    rejectUnauthorized?: boolean;
    auth?: string;
    createConnection?: ClientRequestArgs['createConnection'];
    finishRequest?(request: ClientRequest, websocket: WebSocket): void;
    timeout?: number;
    servername?: string;
    lookup?: ClientRequestArgs['lookup'];
  }

  interface VerifyClientInfo<V extends typeof IncomingMessage = typeof IncomingMessage> {
    origin: string;
    secure: boolean;
    req: InstanceType<V>;
  }
  type VerifyClientCallbackSync<R extends IncomingMessage = IncomingMessage> = (info: { origin: string; secure: boolean; req: R }) => boolean;
  type VerifyClientCallbackAsync<R extends IncomingMessage = IncomingMessage> = (
    info: { origin: string; secure: boolean; req: R },
    callback: (res: boolean, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
  ) => void;

  interface ServerOptions<U extends typeof WebSocket = typeof WebSocket, V extends typeof IncomingMessage = typeof IncomingMessage>
    extends ConnectionOptions {
    host?: string;
    port?: number;
    backlog?: number;
    server?: HTTPServer<V> | HTTPSServer<V>;
    verifyClient?: VerifyClientCallbackAsync<InstanceType<V>> | VerifyClientCallbackSync<InstanceType<V>>;
    handleProtocols?: (protocols: Set<string>, request: InstanceType<V>) => string | false;
    path?: string;
    noServer?: boolean;
    clientTracking?: boolean;
    WebSocket?: U;
    /** Beyond ws: most connections of one address at once; further handshakes are answered 429. Of IPv6 the first 64 bits count. @default no limit */
    maxConnectionsPerAddress?: number;
    /** Beyond ws: messages of one client; a number is messages a second. One more is an `error` of code `SORI_ERR_TOO_MANY_MESSAGES`, and closed with 1008. @default any number */
    rateLimit?: number | RateLimit;
    /** Beyond ws: the same for all clients of an address together. @default any number */
    rateLimitPerAddress?: number | RateLimit;
    /** Beyond ws: who is behind a request, for the limits by address; undefined has none. @default the socket's address */
    addressOf?: (request: InstanceType<V>) => string | undefined;
  }

  interface RateLimit {
    /** Messages a second in the long run. */
    perSecond: number;
    /** Messages at once, after a time of silence. @default perSecond */
    burst?: number;
  }

  interface AddressInfo {
    address: string;
    family: string;
    port: number;
  }

  interface Event {
    readonly type: string;
    readonly target: WebSocket;
  }
  interface ErrorEvent extends Event {
    readonly error: any;
    readonly message: string;
  }
  interface CloseEvent extends Event {
    readonly wasClean: boolean;
    readonly code: number;
    readonly reason: string;
  }
  interface MessageEvent extends Event {
    readonly data: Data;
  }
  interface WebSocketEventMap {
    open: Event;
    error: ErrorEvent;
    close: CloseEvent;
    message: MessageEvent;
  }
  interface EventListenerOptions {
    once?: boolean;
  }

  /** Beyond ws: how a broadcast is sent. */
  interface BroadcastOptions {
    binary?: boolean;
    compress?: boolean;
    /** A WebSocket that is left out. */
    except?: WebSocket | null;
  }

  /** Beyond ws: receivers, chosen by rooms. */
  interface Broadcast {
    to(rooms: string | string[]): Broadcast;
    in(rooms: string | string[]): Broadcast;
    except(rooms: string | string[]): Broadcast;
    send(data: Exclude<BufferLike, Blob>, options?: BroadcastOptions): void;
  }

  /** The listeners of a server's events. */
  interface ServerListeners<U extends typeof WebSocket, V extends typeof IncomingMessage> {
    connection: (this: Server<U, V>, websocket: InstanceType<U>, request: InstanceType<V>) => void;
    error: (this: Server<U, V>, error: Error) => void;
    headers: (this: Server<U, V>, headers: string[], request: InstanceType<V>) => void;
    close: (this: Server<U, V>) => void;
    listening: (this: Server<U, V>) => void;
    wsClientError: (this: Server<U, V>, error: Error, socket: Duplex, request: InstanceType<V>) => void;
  }

  class Server<U extends typeof WebSocket = typeof WebSocket, V extends typeof IncomingMessage = typeof IncomingMessage> extends EventEmitter {
    options: ServerOptions<U, V>;
    clients: Set<InstanceType<U>>;

    constructor(options?: ServerOptions<U, V>, callback?: () => void);

    address(): import('net').AddressInfo | string | null;
    close(cb?: (err?: Error) => void): void;
    handleUpgrade(
      request: InstanceType<V>,
      socket: Duplex,
      upgradeHead: Buffer,
      callback: (client: InstanceType<U>, request: InstanceType<V>) => void,
    ): void;
    shouldHandle(request: InstanceType<V>): boolean | Promise<boolean>;

    /** Beyond ws: those in any of the rooms. */
    to(rooms: string | string[]): Broadcast;
    in(rooms: string | string[]): Broadcast;
    /** Beyond ws: all but those in any of the rooms. */
    except(rooms: string | string[]): Broadcast;
    /** Beyond ws: what has been counted of all WebSockets of this environment, clients among them. */
    static metrics(): Metrics;
    /** Beyond ws: the same in the text format of Prometheus (version 0.0.4). Every sample has `api="ws"` and those labels. */
    static prometheus(labels?: Record<string, string>): string;
    /** Beyond ws: sends to everybody. The frame is built once; the fan-out happens in the engine. */
    broadcast(data: Exclude<BufferLike, Blob>, options?: BroadcastOptions): void;

    on<K extends keyof ServerListeners<U, V>>(event: K, listener: ServerListeners<U, V>[K]): this;
    on(event: string | symbol, listener: (this: Server<U, V>, ...args: any[]) => void): this;
    once<K extends keyof ServerListeners<U, V>>(event: K, listener: ServerListeners<U, V>[K]): this;
    once(event: string | symbol, listener: (this: Server<U, V>, ...args: any[]) => void): this;
    off<K extends keyof ServerListeners<U, V>>(event: K, listener: ServerListeners<U, V>[K]): this;
    off(event: string | symbol, listener: (this: Server<U, V>, ...args: any[]) => void): this;
    addListener<K extends keyof ServerListeners<U, V>>(event: K, listener: ServerListeners<U, V>[K]): this;
    addListener(event: string | symbol, listener: (this: Server<U, V>, ...args: any[]) => void): this;
    removeListener<K extends keyof ServerListeners<U, V>>(event: K, listener: ServerListeners<U, V>[K]): this;
    removeListener(event: string | symbol, listener: (this: Server<U, V>, ...args: any[]) => void): this;
  }

  const WebSocketServer: typeof Server;
  interface WebSocketServer extends Server {}
  const WebSocket: typeof WebSocketAlias;
  interface WebSocket extends WebSocketAlias {}

  /** A WebSocket as a Duplex, with backpressure both ways. */
  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex;

  const extension: {
    parse(header: string): { [name: string]: { [param: string]: (string | true)[] }[] };
    format(extensions: { [name: string]: object | object[] }): string;
  };
  const subprotocol: { parse(header: string): Set<string> };

  class PerMessageDeflate {
    static readonly extensionName: 'permessage-deflate';
    constructor(options?: PerMessageDeflateOptions & { isServer?: boolean; maxPayload?: number });
    readonly params: { [name: string]: true | number } | null;
    offer(): { [name: string]: true | number };
    accept(configurations: { [param: string]: (string | true)[] }[]): { [name: string]: true | number };
  }
}

type WebSocketAlias = WebSocket;
declare const WebSocketAlias: typeof WebSocket;

export = WebSocket;
