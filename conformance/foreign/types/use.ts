// How a program in TypeScript uses sabir.js. It is compiled, not run; each line marked as an error has to be one.
import { connect, SabirError, Unanswered, type Options, type WatchEvent } from "../../../web/pages/sabir";
import * as declared from "../../../web/pages/sabir";
import * as made from "./made/sabir.js";

interface Message { name: string; text: string; at: string }

export async function chat(options: Options, signal: AbortSignal) {
  const lounge = connect("http://localhost:7224", { ...options, onstate: (state, why) => console.log(state, why?.message) });
  const { members } = await lounge.call<{ members: number }>("lounge.join", { room: "dev" }, { signal, timeout: 5000, retry: true });
  console.log(members + 1);
  try {
    await lounge.call("lounge.say", { room: "dev", text: "hello" });
  } catch (e) {
    if (e instanceof SabirError && e.name === "lounge.NoSuchRoom") console.log(e.params.room, e.code);
    if (e instanceof Unanswered) console.log(e.sent);
  }
  let last: { epoch: string; seq: number } | undefined;
  for await (const event of lounge.watch<Message>("lounge.message", { room: "dev" }, { signal, window: 16, since: last })) {
    if (event.kind === "item") console.log(event.value.text.length, event.lost, event.seq);
    if (event.kind === "gone") console.log(event.key.length);
    if (event.kind === "down") console.log(event.why.message);
    if (event.value) console.log(event.value.name);
    // @ts-expect-error: nothing came with it
    if (event.kind === "live") console.log(event.value.text);
  }
  for await (const piece of lounge.stream<string>("lounge.fetch", { label: "docs", path: "a" })) console.log(piece.length);
  for await (const { rooms } of lounge.state<{ rooms: number }>("lounge.status")) console.log(rooms + 1);
  for await (const users of lounge.table<{ said: number }>("lounge.users", { room: "dev" })) console.log(users.size, users.get("ann")?.said);
  // @ts-expect-error: params are an object
  await lounge.call("lounge.join", "dev");
  // @ts-expect-error: there is no such option
  connect("http://localhost", { tokens: "" });
  lounge.close();
}

export const items = (events: WatchEvent<Message>[]) => events.flatMap((e) => (e.kind === "item" ? [e.value.text] : []));

// What is declared is what is there: made is what the compiler finds in sabir.js itself.
export const same: typeof declared = made;
