// Types of `sori/engine`: the public API of engine.io 6.6.
import type { EventEmitter } from 'events';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'http';
import type { Server as HttpsServer } from 'https';
import type { Duplex } from 'stream';
import type { Metrics, ServerOptions as SocketIoOptions, WebTransportSession } from './index';

export type RawData = string | Buffer | ArrayBuffer | ArrayBufferView;

export interface SendOptions {
  /** Whether the message may be compressed where the connection can. @default true */
  compress?: boolean;
  /** Drop the message rather than let it wait. @default false */
  volatile?: boolean;
}

export interface Packet {
  type: 'open' | 'close' | 'ping' | 'pong' | 'message' | 'upgrade' | 'noop';
  data?: any;
  options?: { compress: boolean };
}

type SendCallback = (transport: Transport) => void;

/** What carries a connection now. Emits `packet`, `drain`, `headers` (of polling answers), `error` and `close`. */
export class Transport extends EventEmitter {
  protected constructor();
  readonly name: 'polling' | 'websocket' | 'webtransport';
  readonly sid: string;
  readonly protocol: 3 | 4;
  readonly readyState: 'open' | 'closing' | 'closed';
  /** Whether nothing waits to be handed to it. */
  readonly writable: boolean;
  readonly supportsBinary: boolean;
  /** Over polling, the request that brought the messages which are being told; null otherwise. */
  readonly dataReq?: IncomingMessage | null;
  discard(): void;
  close(): void;
}

/** One client's connection. */
export class Socket extends EventEmitter {
  protected constructor();
  readonly id: string;
  readonly protocol: 3 | 4;
  /** The first request of the session; null of one that began over WebTransport. */
  readonly request: IncomingMessage;
  readonly remoteAddress: string;
  readonly readyState: 'open' | 'closing' | 'closed';
  readonly transport: Transport;
  readonly upgrading: boolean;
  readonly upgraded: boolean;
  readonly server: Server;
  /** Packets that have not been handed to the transport. */
  readonly writeBuffer: Packet[];
  /** `callback` is called once the message is handed to the transport. */
  send(data: RawData | number | null | undefined, options?: SendOptions, callback?: SendCallback): this;
  send(data: RawData | number | null | undefined, callback: SendCallback): this;
  write(data: RawData | number | null | undefined, options?: SendOptions, callback?: SendCallback): this;
  write(data: RawData | number | null | undefined, callback: SendCallback): this;
  /** Closes after what is queued has been sent; at once when `discard` is true. */
  close(discard?: boolean): this;

  on(event: 'data' | 'message', listener: (data: string | Buffer) => void): this;
  on(event: 'packet' | 'packetCreate', listener: (packet: Packet) => void): this;
  on(event: 'flush', listener: (packets: Packet[]) => void): this;
  on(event: 'drain' | 'heartbeat', listener: () => void): this;
  on(event: 'upgrading' | 'upgrade', listener: (transport: Transport) => void): this;
  on(event: 'close', listener: (reason: string, description?: any) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** engine.io's options. */
export interface ServerOptions
  extends Partial<
    Pick<
      SocketIoOptions,
      | 'pingInterval'
      | 'pingTimeout'
      | 'upgradeTimeout'
      | 'maxHttpBufferSize'
      | 'maxQueuedBytes'
      | 'overflow'
      | 'rateLimit'
      | 'rateLimitPerAddress'
      | 'maxConnections'
      | 'maxConnectionsPerAddress'
      | 'addressOf'
      | 'allowRequest'
      | 'transports'
      | 'allowUpgrades'
      | 'perMessageDeflate'
      | 'httpCompression'
      | 'cookie'
      | 'cors'
      | 'allowEIO3'
      | 'shards'
    >
  > {
  /** A message that every client gets right behind the open packet. */
  initialPacket?: string | Buffer | ArrayBufferView;
}

export interface AttachOptions extends Partial<Pick<SocketIoOptions, 'addTrailingSlash' | 'destroyUpgrade' | 'destroyUpgradeTimeout'>> {
  /** @default "/engine.io" */
  path?: string;
}

export interface ConnectionError {
  req: IncomingMessage;
  code: number;
  message: string;
  context?: Record<string, unknown>;
}

type Middleware = (req: IncomingMessage, res: ServerResponse, next: (err?: any) => void) => void;

export class Server extends EventEmitter {
  static readonly errors: Readonly<Record<string, number>>;
  static readonly errorMessages: Readonly<Record<number, string>>;
  constructor(options?: ServerOptions);
  readonly opts: ServerOptions;
  readonly clients: Record<string, Socket>;
  readonly clientsCount: number;
  httpServer: HttpServer | undefined;
  /** Takes the requests and upgrades under its path from an HTTP server. */
  attach(server: HttpServer | HttpsServer, options?: AttachOptions): void;
  handleRequest(req: IncomingMessage, res: ServerResponse): void;
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Takes on a session of WebTransport; with middlewares it is closed. Resolves when it has begun, or has ended. */
  onWebTransportSession(session: WebTransportSession): Promise<void>;
  /** `middleware` runs for every request and upgrade. */
  use(middleware: Middleware): void;
  /** The transports that a connection on `transport` may change to. */
  upgrades(transport: string): string[];
  /** A new session's id; replace it to choose ids. */
  generateId(req: IncomingMessage): string | PromiseLike<string>;
  close(): this;
  /** What has been counted since the native engine started; after `close` what it had come to. */
  metrics(): Metrics;
  /** The same in the text format of Prometheus (version 0.0.4); `labels` stand on every sample. */
  prometheus(labels?: Record<string, string>): string;

  on(event: 'connection', listener: (socket: Socket) => void): this;
  on(event: 'initial_headers' | 'headers', listener: (headers: Record<string, any>, req: IncomingMessage) => void): this;
  on(event: 'connection_error', listener: (error: ConnectionError) => void): this;
  on(event: 'flush', listener: (socket: Socket, packets: Packet[]) => void): this;
  on(event: 'drain', listener: (socket: Socket) => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

/** engine.io's server on uWebSockets.js: its constructor throws. */
export class uServer {
  constructor(options?: object);
}

export const protocol: 4;
export const transports: Readonly<Record<'polling' | 'websocket' | 'webtransport', { readonly upgradesTo: readonly string[] }>>;
/** npm `engine.io-parser`. */
export const parser: any;

/** Serves on a port of its own, which answers 501 to everything else. */
export function listen(port: number | string, options?: AttachOptions & ServerOptions, callback?: () => void): Server;
export function listen(port: number | string, callback?: () => void): Server;
/** A server beside the listeners of an existing HTTP server. */
export function attach(server: HttpServer | HttpsServer, options?: AttachOptions & ServerOptions): Server;
