// sabir.js: call and watch Sabir services from a browser, node, deno or bun, over a WebSocket.
//
//   import { connect } from "./sabir.js";
//
//   const lounge = connect("http://localhost:7224", { token });
//   await lounge.call("lounge.join", { room: "dev", name: "ann" });
//   for await (const { value, lost } of lounge.watch("lounge.message", { room: "dev" })) {
//     if (lost) console.log("some were lost");
//     if (value) console.log(value.name, value.text);
//   }
//
// One file without dependencies; its types are in sabir.d.ts. A connection that breaks is made again, and what is
// watched goes on where it was. There are two failures: SabirError, the other side said no, and Unanswered, nobody said
// anything. What goes over the wire is in spec/ of the project; [S12] and the like are its clauses.
// @ts-check
/** @import { CallOptions, Client as Api, Options, Position, State, WatchEvent, WatchOptions } from "./sabir" */

/** A request that is under way on a link, or waits for one.
 * @typedef {object} Request
 * @property {{method: string, timeout?: number, window?: number, since?: Position}} message
 * @property {string|undefined} params as they were when we were asked, in JSON
 * @property {boolean} [beside] others were under way when it was sent @property {boolean} [sent] before, on a link that broke
 * @property {(method: string, params: any) => void} [told] of its items @property {boolean} [patient] it waits for a link as long as it takes
 * @property {(answer: any, link: Link) => void} answered @property {(why: Error) => void} ended there will be no answer
 * @property {(why: Unanswered) => void} broken it was sent, and its link broke
 * @property {Link} [link] on which it was sent @property {number} [id] there @property {any} [timer] of waiting
 */

/** The other side said no; `name` says which no, such as "lounge.NoSuchRoom" or "rpc.Denied". */
export class SabirError extends Error {
  constructor(/** @type {any} as JSON-RPC has it */ error) {
    super(String(error?.message ?? "no reason given"));
    this.name = String(error?.data?.name ?? "");
    this.code = Number(error?.code ?? 0);
    this.params = error?.data?.params ?? {};
  }
}

/** Nobody answered. If `sent`, the call may have run, and nothing is known of its outcome; else it surely has not. */
export class Unanswered extends Error {
  constructor(/** @type {string} */ why, /** @type {boolean} */ sent) {
    super(why);
    this.name = "Unanswered";
    this.sent = sent;
  }
}

/** Connects, and again whenever the connection breaks, until close.
 * @param {string|URL} [url] of the server; default: where the page came from @param {Options} [options] */
export function connect(url, options) {
  const { location } = /** @type {any} */ (globalThis);
  const [at] = String(url ?? location?.href ?? "none").split("#"); // behind it may be a token
  if (!/^(http|ws)s?(\+unix)?:/i.test(at)) throw new TypeError(`connect: expected the URL of a server, as http://localhost:7224, got ${at}`);
  return new Client(url ?? new URL("/" + location?.hash, location?.href), options ?? {});
}

/** A server, over whatever connection there is just now. */
class Client {
  #url; #greeting; #WebSocket; #patience; #onstate;
  /** @type {Set<Link>} */ #links = new Set();
  /** @type {Link|null} */ #link = null; #ready = false; // the one for what comes, if; it takes requests
  /** @type {Set<Request>} */ #waiting = new Set();
  /** @type {any} */ #timer = 0; #attempt = 0; #over = /** @type {Error|null} */ (null);
  /** @type {SabirError|null} */ #tooLarge = null; // what the server said of a message that was

  /** @param {string|URL} url @param {Options} options */
  constructor(url, options) {
    const at = new URL(url);
    const token = options.token ?? new URLSearchParams(at.hash.slice(1)).get("t");
    Object.assign(at, { protocol: at.protocol.replace(/^http/, "ws"), pathname: new URL(".", at).pathname, search: "", hash: "" });
    this.#url = at.href;
    // Who we are, or else whether we may do without: before that is answered nothing else is sent.
    this.#greeting = token ? { message: { method: "rpc.auth" }, params: JSON.stringify({ token }) } : ping;
    this.#WebSocket = options.WebSocket ?? /** @type {any} */ (globalThis).WebSocket;
    if (!this.#WebSocket) throw new Error("there is no WebSocket here: give connect one, as that of the package ws");
    this.#patience = options.patience ?? 10_000;
    // What it throws is not thrown among what we do, nor does it close us meanwhile.
    this.#onstate = (/** @type {State} */ state, /** @type {Error|undefined} */ why = undefined) => queueMicrotask(() => options.onstate?.(state, why));
    this.#dial();
  }

  /** Calls a method, and returns its result. Of the other kinds it returns what there is now.
   * @param {string} method @param {object} [params] @param {CallOptions} [options] @returns {Promise<any>} */
  call(method, params = {}, { signal, timeout, retry } = {}) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const end = (/** @type {(x: any) => void} */ settle, /** @type {any} */ x) => {
        this.#cancel(request);
        clearTimeout(clock);
        signal?.removeEventListener("abort", abort);
        settle(x);
      };
      const abort = () => end(reject, signal?.reason);
      /** @type {Request} */ const request = {
        message: { method, timeout: timeout && timeout / 1000 },
        params: jsonOf(params),
        answered: (answer, link) => {
          const error = errorOf(answer);
          if (error && link.turn(request, error)) return;
          if (error?.name !== "rpc.Draining") return error ? end(reject, error) : end(resolve, answer.result);
          link.leave(); // it was not started [E4], and the next server may do it
          this.#start(request);
        },
        broken: (why) => (retry ? this.#start(Object.assign(request, { sent: true })) : end(reject, why)),
        ended: (why) => end(reject, request.sent && why instanceof Unanswered ? new Unanswered(why.message, true) : why),
      };
      const late = new SabirError({ code: -32002, message: "the time is up", data: { name: "rpc.DeadlineExceeded" } });
      const clock = after(timeout || Infinity, () => end(reject, late));
      signal?.addEventListener("abort", abort);
      this.#start(request);
      if (this.#timer) this.#dial(); // somebody waits for the answer
    });
  }

  /** The values of a stream, one by one. Leaving the loop ends it. If the connection breaks, the loop throws.
   * @type {Api["stream"]} */
  stream = (...asked) => new Watch(this.#start, this.#cancel, asked, false, valueOf);

  /** What happens in a topic, state or table, from now on and for good: see WatchEvent. @type {Api["watch"]} */
  watch = (...asked) => new Watch(this.#start, this.#cancel, asked, true, (event) => event);

  /** The value of a state, and again each time it has changed. @type {Api["state"]} */
  state = (...asked) => new Watch(this.#start, this.#cancel, asked, true, valueOf);

  /** The rows of a table by key, all of them, and again each time one has changed. It is the same Map while the
   * connection holds, and what there was remains while it is made again. @type {Api["table"]} */
  table = (...asked) => {
    let [rows, live] = [new Map(), false];
    return new Watch(this.#start, this.#cancel, asked, true, ({ kind, key, value }) => {
      if (kind === "item") rows.set(key, value);
      else if (kind === "gone") rows.delete(key);
      else if (kind === "live") live = true;
      else [rows, live] = [new Map(), false]; // all rows come again, and then live [S17], [S18]
      return live ? rows : undefined;
    });
  };

  /** Ends everything under way, for good. */
  close() { this.#end(new Unanswered("closed", false)); }

  /** Sends a request, now or when there is a link. */
  #start = (/** @type {Request} */ request) => {
    request.link = undefined;
    if (this.#over) return request.ended(this.#over);
    if (this.#tooLarge && bytesOf(request) > this.#tooLarge.params.limit) return request.ended(this.#tooLarge);
    if (this.#ready) return this.#link?.send(request);
    this.#waiting.add(request);
    const late = () => this.#cancel(request).ended(new Unanswered("no connection to " + this.#url, false));
    if (!request.patient) request.timer = after(this.#patience, late);
  };

  #cancel = (/** @type {Request} */ request) => {
    clearTimeout(request.timer);
    this.#waiting.delete(request);
    request.link?.cancel(request);
    return request;
  };

  #dial() {
    this.#timer = void clearTimeout(this.#timer);
    let since = Infinity; // when it was ready
    /** @type {Request} */ const greeting = {
      ...nobody,
      ...this.#greeting,
      answered: (answer) => {
        const error = errorOf(answer);
        if (error) return passing(error) ? link.break(error) : this.#end(error); // which would be the same each time
        since = performance.now();
        this.#ready = true;
        this.#onstate("connected");
        for (const request of [...this.#waiting]) this.#start(this.#cancel(request));
      },
    };
    /** @param {Error} why @param {Request[]} [orphans] @param {Request[]} [refused] */
    const gone = (why, orphans, refused) => {
      if (orphans) this.#links.delete(link);
      if (link === this.#link && !this.#over) {
        this.#link = null;
        if (this.#ready) this.#onstate("connecting", why);
        this.#ready = false;
        // Who is thrown out at once, time and again, comes back less and less often.
        if (performance.now() - since > steady) this.#attempt = 0;
        this.#timer = setTimeout(() => this.#dial(), jitter(this.#attempt++));
      }
      const big = why instanceof SabirError && why.name === "rpc.TooLarge" ? (this.#tooLarge = why) : null;
      const broke = new Unanswered(why.message, true);
      for (const request of orphans ?? []) {
        if (big && bytesOf(request) > big.params.limit) request.ended(big); // it was this one
        else this.#over ? request.ended(broke) : request.broken(broke);
      }
      for (const request of refused ?? []) this.#start(this.#cancel(request));
    };
    const link = (this.#link = new Link(this.#url, this.#WebSocket, greeting, gone));
    this.#links.add(link);
  }

  #end(/** @type {Error} */ why) {
    if (this.#over) return;
    this.#over = why;
    this.#ready = false;
    this.#timer = void clearTimeout(this.#timer);
    for (const link of [...this.#links]) link.break(why);
    this.#onstate("closed", why);
    for (const request of [...this.#waiting]) this.#cancel(request).ended(why);
  }
}

const steady = 10_000; // ms after which a connection was a good one
/** How long to wait before an attempt, in ms: those who were thrown out together do not come back together. */
const jitter = (/** @type {number} */ attempt) => Math.random() * Math.min(30_000, 2_000 * 2 ** attempt);
/** Who asked and does not care any more. @type {Request} */
const nobody = { message: { method: "" }, params: "{}", answered() {}, broken() {}, ended() {} };
/** Has something happen later, unless that is further away than a clock reaches. @param {number} ms @param {() => void} f */
const after = (ms, f) => (ms < 2 ** 31 ? setTimeout(f, ms) : 0);
const bytesOf = (/** @type {Request} */ { params = "" }) => new TextEncoder().encode(params).length + 100; // about
/** Half of a surrogate pair, as of an emoji that was cut, would end the connection of all. @param {any} params */
const jsonOf = (params, text = JSON.stringify(params)) => {
  if (/[^\\](\\\\)*\\ud[89a-f]/.test(text)) throw new TypeError("params have a text with half a surrogate pair");
  return text;
};
const valueOf = (/** @type {{value?: any}} */ { value }) => value;

/** What an answer says of a failure. @param {any} answer @returns {SabirError|null} */
function errorOf({ error, result }) {
  if (error && result == null) return new SabirError(error);
  if (error == null && result !== undefined) return null;
  return new SabirError({ message: "the answer is none", data: { name: "rpc.InvalidResult" } }); // [M12]
}

/** Whether an error may be gone with time or with another connection. @param {Error} error */
const passing = ({ name }) => ["rpc.Unavailable", "rpc.OutcomeUnknown", "rpc.Draining", "rpc.Cancelled", "rpc.Busy"].includes(name);

/** Items as they come. Whoever does not read them holds up who sends them: never more than `window` wait here.
 * @implements {AsyncIterableIterator<any>} */
class Watch {
  #start; #cancel; #show; #window; #signal;
  /** @type {Request} */ #request;
  /** @type {WatchEvent<any>[]} */ #queue = [];
  /** @type {{resolve: (r: IteratorResult<any>) => void, reject: (why: any) => void}[]} */ #readers = [];
  #credit; // items that may still come without our asking for more
  /** @type {Position|undefined} */ #position; // in a topic, of what has come
  #live = false; #known = false; #over = false; // known: it has been live
  /** @type {any} */ #timer = 0; #attempt = 0; /** @type {any} */ #failure = null;

  /** @param {(r: Request) => void} start @param {(r: Request) => void} cancel @param {[string, object?, WatchOptions?]} asked
   * @param {boolean} follow go on after the connection broke
   * @param {(event: any) => any} show what the loop gets of a WatchEvent; undefined: nothing */
  constructor(start, cancel, [method, params = {}, { window = 256, since, signal } = {}], follow, show) {
    this.#start = start;
    this.#cancel = cancel;
    this.#show = show;
    this.#window = this.#credit = Math.min(window, 1024); // more is cut there [S1], and we would wait for it
    this.#position = since && { epoch: since.epoch, seq: since.seq };
    this.#signal = signal;
    this.#request = {
      message: { method }, params: jsonOf(params), patient: follow,
      told: (method, params) => (method === "rpc.live" ? this.#goLive(params) : this.#item(params)),
      answered: (answer, link) => {
        const error = errorOf(answer);
        if (error?.name === "rpc.Draining") link.leave();
        else if (!error || !follow || !this.#known || !passing(error)) return this.#end(error ?? this.#misused(answer.result));
        this.#down(error);
        this.#timer = setTimeout(this.#subscribe, jitter(this.#attempt++));
      },
      broken: (why) => {
        if (!follow) return this.#end(why);
        this.#down(why);
        this.#subscribe();
      },
      ended: this.#end,
    };
    signal?.addEventListener("abort", this.#abort);
    signal?.aborted ? this.#end(signal.reason) : this.#subscribe();
  }

  /** Why it has ended, if the member is of another kind. [S5] */
  #misused(/** @type {any} */ result) {
    const { message: { method }, patient } = this.#request;
    const other = patient ? !this.#known : Object.keys(result ?? {}).length > 0;
    return other ? new Error(`${method} answered at once: it is no ${patient ? "topic, state or table" : "stream"}`) : null;
  }

  /** Asks for what comes after what we have. */
  #subscribe = () => {
    const { message } = this.#request;
    message.since = this.#position;
    // What still waits here has used its credit; but a window of 0 would be none at all. [S2]
    message.window = this.#credit = this.#window && Math.max(1, this.#window - this.#queue.length);
    this.#start(this.#request);
  };

  #goLive(/** @type {any} */ { epoch, seq, lost = 0 }) {
    this.#live = this.#known = true;
    this.#attempt = 0;
    if (epoch !== undefined) this.#position = { epoch, seq };
    this.#tell({ kind: "live", lost, ...this.#position });
  }

  #item(/** @type {any} */ { epoch = this.#position?.epoch, seq, lost = 0, key, value, gone, reset }) {
    if (--this.#credit < -this.#window && this.#window) return this.#request.link?.break(new Error("more items came than were asked for"));
    if (seq !== undefined) this.#position = { epoch, seq };
    if (reset) this.#tell({ kind: "reset", lost });
    else if (gone) this.#tell({ kind: "gone", key, lost });
    else this.#tell({ kind: "item", value, lost, ...(key !== undefined && { key }), ...(seq !== undefined && this.#position) });
  }

  #down(/** @type {Error} */ why) {
    if (this.#live) this.#tell({ kind: "down", why, lost: 0 });
    this.#live = false;
  }
  #tell(/** @type {WatchEvent<any>} */ event) { this.#queue.push(event); this.#serve(); }

  #abort = () => this.#stop(this.#signal?.reason);
  #stop(/** @type {any} */ why) {
    this.#queue = [];
    this.#cancel(this.#request);
    this.#end(why);
  }

  #end = (/** @type {any} */ failure) => {
    if (this.#over) return;
    this.#over = true;
    this.#failure = failure;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#serve();
  };

  /** Hands what there is to those who wait for it. */
  #serve() {
    while (this.#readers.length && (this.#queue.length || this.#over)) {
      const event = this.#queue.shift(), value = event && this.#show(event);
      if (event && value === undefined) continue;
      const { resolve, reject } = /** @type {any} */ (this.#readers.shift());
      if (event || !this.#failure) resolve({ value, done: !event });
      else reject(this.#failure), (this.#failure = null); // once
    }
    const room = this.#window - this.#credit - this.#queue.length;
    if (!this.#over && this.#window && room >= this.#window / 2 && this.#request.link?.more(this.#request, room)) this.#credit += room;
  }

  /** @returns {Promise<IteratorResult<any>>} */
  next = () => new Promise((resolve, reject) => { this.#readers.push({ resolve, reject }); this.#serve(); });
  /** Ends it: what leaving a loop does. @returns {Promise<IteratorResult<any>>} */
  async return() { this.#stop(null); return { value: undefined, done: true }; }
  [Symbol.asyncIterator] = () => this;
}

const silence = 25_000; // ms without a word after which we ask; by performance.now(), since Date's clock may be set
const deadline = 10_000; // ms for the answer
const slowest = 10_000; // bytes a second, at which what was sent before may be on its way still
const most = 1 << 20; // bytes that wait in the browser, where nothing can be taken back, until what follows waits with us
const ping = { message: { method: "rpc.ping" }, params: "{}" };

/** One WebSocket, until it breaks. */
class Link {
  #socket; #gone;
  /** @type {Map<number, Request>} */ #requests = new Map();
  /** @type {Set<Request>} */ #refused = new Set(); // because too many are under way: they wait for one of these
  /** @type {Set<Request>} */ #held = new Set(); // until there is room
  #answers = 0; #id = 0; #broken = false; #left = false; #heard = performance.now();
  #asked = performance.now() + silence; // when we did, if that was after the last word: the first may take as long as any
  /** @type {any} */ #timer = 0; /** @type {any} */ #pouring = 0; #said = /** @type {Error|undefined} */ (undefined); // by the other side, about all of it

  /** @param {string} url @param {any} WebSocket @param {Request} greeting
   * @param {(why: Error, orphans?: Request[], refused?: Request[]) => void} gone it takes no more, and those refused were not
   * started; with orphans, it answers no more */
  constructor(url, WebSocket, greeting, gone) {
    this.#gone = gone;
    this.#socket = new WebSocket(url);
    this.#timer = setInterval(() => this.#ask(), 5000);
    this.#timer.unref?.(); // in node, where it would keep the process
    this.#socket.onopen = () => this.send(greeting);
    this.#socket.onmessage = (/** @type {any} */ event) => this.#hear(event.data);
    this.#socket.onerror = () => {}; // the end follows
    this.#socket.onclose = () => this.break(this.#said ?? new Error("the connection broke"));
  }

  /** Sends a request, now or when there is room. @param {Request} request */
  send(request) {
    this.#held.add(Object.assign(request, { id: 0, link: this }));
    this.#pour();
  }

  /** Sends those for which there is room. When there is more nobody says. */
  #pour = () => {
    clearTimeout(this.#pouring);
    for (const request of this.#held) {
      if (this.#socket.bufferedAmount > most) return (this.#pouring = setTimeout(this.#pour, 20));
      this.#held.delete(request);
      this.#post(request);
    }
  };

  #post(/** @type {Request} */ request) {
    const id = ++this.#id;
    this.#write({ id, ...request.message }, request.params);
    this.#requests.set(id, Object.assign(request, { id, beside: this.#requests.size > 0 }));
  }

  /** Ends a request, whose answer still comes. [S7] @param {Request} request */
  cancel(request) {
    const { id = 0 } = request;
    if (this.#refused.delete(request) || this.#held.delete(request) || !this.#requests.has(id)) return;
    this.#requests.set(id, { ...nobody, params: request.params });
    this.#write({ method: "rpc.cancel", params: { id } });
  }

  /** @param {Request} request @param {number} n */
  more({ id = 0 }, n) {
    if (this.#requests.has(id)) this.#write({ method: "rpc.more", params: { id, n } });
    return this.#requests.has(id);
  }

  /** Has a call that was refused because too many are under way made again when another one is answered, but does not wait
   * for long if none is. False: it was alone. @param {Request} request @param {SabirError} no */
  turn(request, no) {
    if (no.name !== "rpc.Busy" || !["in_flight", "queue"].includes(no.params.limit)) return false;
    const others = [...this.#requests.values()].some((r) => !r.told);
    const wait = (/** @type {number} */ answers) => {
      request.timer = setTimeout(() => (this.#answers > answers ? wait(this.#answers) : request.ended(no)), 1000);
    };
    if (others) wait(this.#refused.add(request) && this.#answers);
    else if (request.beside) this.send(request); // they have been answered since
    return others || !!request.beside;
  }

  /** Takes no more requests, and ends with the last that is under way. [O9] */
  leave() {
    const why = new Error("the server is stopping"), held = [...this.#held];
    this.#held.clear();
    if (!this.#left) this.#gone(why, undefined, held);
    this.#left = true;
    if (!this.#requests.size) this.break(why);
  }

  break(/** @type {Error} */ why) {
    if (this.#broken) return;
    this.#broken = true;
    for (const timer of [this.#timer, this.#pouring]) clearTimeout(timer); // of an interval too
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    const orphans = [...this.#requests.values()], refused = [...this.#refused, ...this.#held];
    for (const all of [this.#requests, this.#refused, this.#held]) all.clear();
    this.#gone(why, orphans, refused);
  }

  /** @param {object} message @param {string} [params] */
  #write(message, params) {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    if (!this.#broken) this.#socket.send(params ? `${text.slice(0, -1)},"params":${params}}` : text);
  }

  #hear(/** @type {any} */ data) {
    let m;
    try { m = Object(JSON.parse(data)); } catch { return this.break(new Error("what came is no JSON")); }
    this.#heard = performance.now();
    this.#asked = 0;
    if (m.method === "rpc.item" || m.method === "rpc.live") this.#requests.get(m.params?.id)?.told?.(m.method, m.params);
    else if (m.method === "rpc.goaway") this.leave();
    else if (m.method !== undefined) this.#decline(m);
    else if (m.id === null) this.#said = new SabirError(m.error);
    else this.#answer(m);
    this.#pour();
  }

  #answer(/** @type {any} */ m) {
    const request = this.#requests.get(m.id);
    if (!request) return;
    this.#requests.delete(m.id);
    request.answered(m, this);
    if (!request.told && m.error?.data?.name !== "rpc.Busy") this.#next();
    if (this.#left) this.leave();
  }

  /** Makes the first call again that was refused, since another one is answered. */
  #next() {
    const [request] = this.#refused;
    this.#answers++;
    clearTimeout(request?.timer);
    if (this.#refused.delete(request)) this.send(request);
  }

  /** We offer nothing, and say so to who asks. @param {any} m */
  #decline({ id, method }) {
    const error = { code: -32601, message: "nothing is offered here", data: { name: "rpc.MethodNotFound", params: { method } } };
    if (id !== undefined) this.#write({ id, error });
  }

  /** Finds out that the other side is gone where nothing says so. That nothing came for long is not enough: we may have slept. */
  #ask() {
    const now = performance.now();
    const before = [...this.#requests.values()].reduce((sum, { params = "" }) => sum + params.length, 0);
    const late = this.#asked && now - this.#asked >= deadline + 1000 * Math.floor(before / slowest);
    if (late) return this.break(new Error("the server does not answer"));
    if (this.#asked || now - this.#heard < silence) return;
    this.#asked = now;
    this.#post({ ...nobody, ...ping });
  }
}
