// Types of sabir.js.

/** Connects, and again whenever the connection breaks, until close. */
export function connect(
  /** Of the server, with http, https, ws or wss, and the path below which a proxy has it, as https://example.com/api/.
   * Default: where the page came from, at /. A fragment #t=TOKEN, as `sabir web` prints it, is the token. */
  url?: string | URL,
  options?: Options,
): Client;

export interface Options {
  /** A credential, as `sabir token new` prints it. Default: that in the fragment of the URL, else none. */
  token?: string;
  /** Default: the one of the platform. In node before 22: that of the package ws. */
  WebSocket?: unknown;
  /** How long a call waits for a connection, in ms, until it is Unanswered. Default: 10000. */
  patience?: number;
  /** Told when there is a connection, when it broke and is made again, and when there will be none any more: after
   * close, or because the server does not let us in. At first it is connecting. What it throws nobody catches. */
  onstate?: (state: State, why?: Error) => void;
}

export type State = "connecting" | "connected" | "closed";

/** A server, over whatever connection there is just now. Methods are "service.member"; params are an object. */
export interface Client {
  /** Calls a method, and returns its result. Of the other kinds it returns what there is now. Rejects with a SabirError
   * or an Unanswered, or the reason of the signal. While more than a MiB waits to be sent, calls wait here: one that is
   * cancelled, or whose connection breaks until then, has not run. */
  call<Result = any>(method: string, params?: object, options?: CallOptions): Promise<Result>;

  /** The values of a stream, one by one. Leaving the loop ends it, and so does return(), also while next() waits. If the
   * connection breaks, the loop throws an Unanswered. */
  stream<Value = any>(method: string, params?: object, options?: WatchOptions): AsyncIterableIterator<Value>;

  /** What happens in a topic, state or table, from now on and for good: when the connection broke, it goes on where it
   * was, and tells what was lost. Leaving the loop ends it. */
  watch<Value = any>(method: string, params?: object, options?: WatchOptions): AsyncIterableIterator<WatchEvent<Value>>;

  /** The value of a state, and again each time it has changed. */
  state<Value = any>(method: string, params?: object, options?: WatchOptions): AsyncIterableIterator<Value>;

  /** The rows of a table by key, all of them, and again each time one has changed. It is the same Map while the
   * connection holds, and what there was remains while it is made again. */
  table<Value = any>(method: string, params?: object, options?: WatchOptions): AsyncIterableIterator<Map<string, Value>>;

  /** Ends everything under way, for good: it is Unanswered. */
  close(): void;
}

export interface CallOptions {
  /** Cancels the call. That says nothing about what it has done. */
  signal?: AbortSignal;
  /** In ms, after which it is rpc.DeadlineExceeded. Default: it may take as long as it takes. */
  timeout?: number;
  /** The call may run twice: if the connection breaks before the answer, it is made again. Default: it is Unanswered. */
  retry?: boolean;
}

export interface WatchOptions {
  /** Ends it: the loop throws the reason. */
  signal?: AbortSignal;
  /** How many items may wait here for the one who reads them; the sender waits then, or skips what its kind allows to be
   * skipped. Default: 256, at most 1024. 0: any number. */
  window?: number;
  /** Of a topic: where to go on, as an event tells it. Default: from now on. */
  since?: Position;
}

/** A place in a topic. */
export interface Position {
  epoch: string;
  seq: number;
}

/** What a watch tells. `lost` is how many items of a topic were lost right before it; -1: an unknown number. */
export type WatchEvent<Value = any> =
  /** An item of a topic, with its place; the value of a state; a row of a table, with its key. */
  | { kind: "item"; value: Value; lost: number; key?: string; epoch?: string; seq?: number }
  /** The row of that key is no more. */
  | { kind: "gone"; key: string; lost: number; value?: undefined }
  /** Forget all rows: they come again, and then live. */
  | { kind: "reset"; lost: number; value?: undefined }
  /** What there was has come; what comes from here on is new. Of a table, rows that did not come since the beginning, the
   * last reset or the last down are gone. */
  | { kind: "live"; lost: number; value?: undefined; epoch?: string; seq?: number }
  /** The connection broke, and is being made again. */
  | { kind: "down"; why: Error; lost: number; value?: undefined };

/** The other side said no. */
export class SabirError extends Error {
  /** @param error as JSON-RPC has it */
  constructor(error: unknown);
  /** Which no: "lounge.NoSuchRoom", "rpc.Denied". Empty if the other side has no names. */
  name: string;
  code: number;
  /** What the error declares, such as the room. */
  params: any;
}

/** Nobody answered. */
export class Unanswered extends Error {
  constructor(why: string, sent: boolean);
  /** The call may have run, and nothing is known of its outcome; else it surely has not. */
  sent: boolean;
}
