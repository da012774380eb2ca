// Types of what stands between a namespace and the other servers: adapters of npm, and those of the engine.
import type { EventEmitter } from 'events';
import type { Namespace, Room, SocketId } from './index';

/** The rooms of a namespace. Emits `create-room`, `delete-room`, `join-room` and `leave-room`. */
export interface Adapter extends EventEmitter {
  readonly nsp: Namespace<any, any, any, any>;
  readonly rooms: ReadonlyMap<Room, Set<SocketId>>;
  readonly sids: ReadonlyMap<SocketId, Set<Room>>;
  sockets(rooms: Set<Room>): Promise<Set<SocketId>>;
  socketRooms(id: SocketId): Set<Room> | undefined;
  serverCount(): Promise<number>;
  /** The rooms of all servers, in a cluster. */
  allRooms?(): Promise<Set<Room>>;
  close(): Promise<void> | void;
}

export type AdapterConstructor = (new (nsp: any) => Adapter) | ((nsp: any) => Adapter);

/** As with `@socket.io/redis-adapter`. */
export interface NativeAdapterOptions {
  /** What stands before the names of all channels. @default 'socket.io' */
  key?: string;
  /** Milliseconds that other servers have to answer. @default 5000 */
  requestsTimeout?: number;
  /** Whether replies go to the server that asked alone. @default false */
  publishOnSpecificResponseChannel?: boolean;
}

/**
 * The way into a cluster over Redis that the engine takes itself. Emits `error` for each attempt to reach Redis that fails,
 * and when the connection is lost, and `connect` when it is found.
 */
export interface NativeAdapter extends EventEmitter {
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'connect', listener: () => void): this;
  on(event: string | symbol, listener: (...args: any[]) => void): this;
}

/**
 * Servers that meet over the Redis at `url` form one cluster, with socket.io servers that use `@socket.io/redis-adapter`
 * too: `redis://[user[:password]@]host[:port][/database]`, `rediss://…` behind TLS, or `unix:///path/of/the.sock`.
 */
export function createAdapter(url: string, options?: NativeAdapterOptions): NativeAdapter;

/** As with the `createShardedAdapter` of `@socket.io/redis-adapter`. */
export interface NativeShardedAdapterOptions {
  /** What stands before the names of all channels. @default 'socket.io' */
  channelPrefix?: string;
  /** Milliseconds that other servers have to answer. @default 5000 */
  requestsTimeout?: number;
  /**
   * Which rooms have channels of their own, so that a broadcast to one of them is carried only to the servers that have
   * members of it: none, all but those of the sockets' own ids, or all. @default 'dynamic'
   */
  subscriptionMode?: 'static' | 'dynamic' | 'dynamic-private';
}

/** The same over the sharded channels of Redis 7, with socket.io servers that use that package's `createShardedAdapter`. */
export function createShardedAdapter(url: string, options?: NativeShardedAdapterOptions): NativeAdapter;

/** As with `@socket.io/redis-streams-adapter`. */
export interface NativeStreamsAdapterOptions {
  /** The stream's name, or what the names of several begin with. @default 'socket.io' */
  streamName?: string;
  /** Over how many streams the namespaces are spread. @default 1 */
  streamCount?: number;
  /** What stands before the names of all channels. @default 'socket.io' */
  channelPrefix?: string;
  /** Whether what wants an answer at once goes over the sharded channels of Redis 7. @default false */
  useShardedPubSub?: boolean;
  /** About how many entries a stream keeps. @default 10000 */
  maxLen?: number;
  /** Most entries that are read at once. @default 100 */
  readCount?: number;
  /** What stands before the names of the records of sockets that may come back. @default 'sio:session:' */
  sessionKeyPrefix?: string;
  /** Milliseconds that other servers have to answer. @default 5000 */
  requestsTimeout?: number;
}

/**
 * The same over a Redis stream, with socket.io servers that use `@socket.io/redis-streams-adapter` 0.3: no broadcast is lost
 * while a server has lost Redis for a moment. With `connectionStateRecovery` sockets come back to any server, of either
 * kind; their `data` goes through JSON.
 */
export function createStreamsAdapter(url: string, options?: NativeStreamsAdapterOptions): NativeAdapter;
