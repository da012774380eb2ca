// Types of events: from an application's event maps to what `on`, `emit` and `emitWithAck` take and give.

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

export type Last<T extends any[]> = T extends [] ? never : T extends [...any[], infer L] ? L : any;
export type AllButLast<T extends any[]> = T extends [...infer Head, any] ? Head : any[];

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
export type AckResult<Ack> = IsAny<Ack> extends true ? any : Ack extends (...args: infer P) => any ? FirstNonError<P> : any;

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

export type MessageParams<Map extends EventsMap> = 'message' extends EventNames<Map> ? EventParams<Map, 'message'> : string extends EventNames<Map> ? any[] : never;

type ListenableNames<Reserved extends EventsMap, User extends EventsMap> = EventNames<Reserved> | EventNames<User>;
type Named<Reserved extends EventsMap, User extends EventsMap, Ev> = Ev extends keyof Reserved ? Reserved[Ev] : Ev extends keyof User ? User[Ev] : never;
// A member of a string enum may be a name itself, or count as the string it stands for.
type ListenerFor<Reserved extends EventsMap, User extends EventsMap, Ev> = Ev extends keyof Reserved | keyof User
  ? Named<Reserved, User, Ev>
  : Named<Reserved, User, Ev extends string ? `${Ev}` : Ev>;

/** What can be listened on: `Reserved` events come from the library, `User` events from peers. */
export interface TypedListening<Reserved extends EventsMap, User extends EventsMap> {
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
