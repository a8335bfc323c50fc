// The page of a server that has no other: at / its services, how to call them and what their states are now, at /docs
// all that they say of themselves. Whatever comes from the server becomes text, never markup.
import { connect } from "./sabir.js";
import { flagsOf, make, markup, signatureOf, typeOf } from "./describe.js";
import { languages, lineOf } from "./lines.js";

// A token in the fragment was sent nowhere; it leaves the address before anybody copies that.
const given = new URLSearchParams(location.hash.slice(1)).get("t");
const [tab, browser] = [kept("sessionStorage"), kept("localStorage")];
if (given) {
  tab?.setItem("token", given);
  history.replaceState(null, "", location.pathname);
}
const token = given ?? tab?.getItem("token") ?? undefined;
const page = /** @type {HTMLElement} */ (document.getElementById("page"));
const state = /** @type {HTMLElement} */ (document.getElementById("state"));
const here = new URL(".", location.href); // which a proxy may have below a path
const docs = location.pathname === here.pathname + "docs";

let hash = ""; // of the description that is shown
let shown = new AbortController(); // of what it follows
let crowded = false; // there are more services than fit in one description
const server = connect(location.href, {
  token,
  onstate(now, why) {
    state.dataset.state = now;
    state.textContent = now;
    state.title = why?.message ?? "";
    if (now === "connected") show().catch(fail);
    if (now === "closed") why?.name === "rpc.Denied" ? askWho() : fail(why);
  },
});

for (const link of document.querySelectorAll("nav a")) if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");

addEventListener("hashchange", () => crowded && show().catch(fail));

/** Shows the description, where it is another than the one that is shown. */
async function show() {
  if (crowded) return showOne();
  let said;
  try {
    said = await server.call("rpc.describe", hash ? { hash } : {}, { retry: true });
  } catch (e) {
    if (e.name !== "rpc.TooLarge") throw e;
    crowded = true;
    return showOne();
  }
  if (!said.services) return;
  const { you } = await server.call("rpc.info", {}, { retry: true });
  hash = said.hash;
  leave();
  put(said.services.map(contents), docs ? "" : greeting(you), ...said.services.map(docs ? reference : overview));
  document.title = said.services.map((s) => s.name).join(", ") || "Sabir";
}

/** Shows what the fragment is of: of a service what it says, else the names of all. */
async function showOne() {
  const info = await server.call("rpc.info", {}, { retry: true });
  const at = fragment();
  const name = info.services.map((s) => s.name).filter((n) => at === n || at.startsWith(n + ".")).sort((a, b) => b.length - a.length)[0];
  const same = hash && document.title === name;
  const said = name ? await server.call("rpc.describe", { service: name, ...(same && { hash }) }, { retry: true }) : { hash: "", services: [] };
  if (!said.services || at !== fragment()) return;
  hash = said.hash;
  leave();
  put([...said.services.map(contents), make("section", {}, make("h2", {}, "Services"), make("ul", {}, ...info.services.map((s) => make("li", {}, linkTo(s)))))],
    docs ? "" : greeting(info.you),
    ...(name ? said.services.map(docs ? reference : overview) : info.services.map((s) => make("article", {},
      make("header", {}, make("h1", {}, linkTo(s), " ", make("small", {}, s.version)), ...markup(s.doc))))));
  document.title = name ?? "Sabir";
}

const linkTo = (service) => make("a", { href: "#" + service.name }, service.name);

/** Ends what the page follows, before what is shown next begins to follow. */
function leave() {
  shown.abort();
  shown = new AbortController();
}

function put(aside, ...main) {
  page.replaceChildren(make("aside", {}, make("nav", { ariaLabel: "members" }, ...aside)), make("main", {}, ...main));
  const at = fragment();
  if (at) [...document.querySelectorAll("[id]")].find((e) => e.id === at)?.scrollIntoView();
}

const fragment = () => location.hash.slice(1);

function greeting(you) {
  return make("p", { className: "greeting" },
    make("span", {}, "You are ", make("b", {}, you.name ?? "nobody"), " here, with level ", make("b", {}, you.level || "none"), "."),
    make("label", {}, "Lines for ", languageChooser()));
}

const contents = (service) => make("section", {},
  make("h2", {}, linkTo(service)),
  make("ul", {}, ...service.members.map((m) => make("li", {}, make("a", { href: `#${service.name}.${m.name}`, className: m.kind }, m.name)))));

const heading = (service) => make("header", { id: service.name },
  make("h1", {}, service.name, " ", make("small", {}, service.version)),
  ...markup(service.doc));

// The page at /.

function overview(service) {
  const states = service.members.filter((m) => m.kind === "state" && m.params.every((p) => p.optional));
  return make("article", {}, heading(service),
    states.length ? make("div", { className: "states" }, ...states.map((m) => liveState(service, m))) : "",
    ...service.members.map((m) => member(service, m, line(service, m))));
}

function member(service, m, ...more) {
  return make("section", { id: `${service.name}.${m.name}`, className: "member" },
    make("h3", {}, make("code", {}, m.name), " ", make("span", { className: "kind " + m.kind }, m.kind), ...flagsOf(m)),
    ...markup(m.doc), signatureOf(service, m), ...more);
}

/** A line to copy, in the language that was chosen. */
function line(service, m) {
  const code = make("code", {});
  const write = () => (code.textContent = lineOf(chosen, service, m, { token, base: here.origin + here.pathname }));
  const copy = make("button", { type: "button", title: "copy this line" }, "copy");
  copy.onclick = () => navigator.clipboard.writeText(code.textContent ?? "").then(
    () => { copy.textContent = "copied"; setTimeout(() => (copy.textContent = "copy"), 1500); },
    () => getSelection()?.selectAllChildren(code));
  write();
  document.addEventListener("language", write, { signal: shown.signal });
  return make("div", { className: "line" }, code, copy);
}

let chosen = browser?.getItem("language") ?? "curl";

/** Where a browser keeps things, if it does not refuse to. */
function kept(where) {
  try { return window[where]; } catch { return undefined; }
}

function languageChooser() {
  const select = make("select", { ariaLabel: "language of the lines" }, ...Object.entries(languages).map(([name, text]) => make("option", { value: name }, text)));
  select.value = chosen;
  select.onchange = () => {
    chosen = select.value;
    browser?.setItem("language", chosen);
    document.dispatchEvent(new Event("language"));
  };
  return select;
}

/** A state as it changes. */
function liveState(service, m) {
  const now = make("dl", {}, "…");
  follow(service, m, now);
  return make("section", { className: "now" }, make("h3", {}, make("a", { href: `#${service.name}.${m.name}` }, m.name)), now);
}

async function follow(service, m, now) {
  const type = m.item.kind === "named" ? service.types.find((t) => t.name === m.item.name)?.type ?? m.item : m.item;
  const fields = (value) => (type.kind === "struct" ? type.fields.filter((f) => f.name in value).map((f) => [f.name, value[f.name], f.type]) : [["", value, type]]);
  try {
    for await (const value of server.state(`${service.name}.${m.name}`, {}, { signal: shown.signal })) {
      now.replaceChildren(...fields(value).map(([name, x, t]) => make("div", {}, name ? make("dt", {}, name) : "", make("dd", { title: String(text(x)).slice(0, 1000) }, told(x, t)))));
    }
  } catch (e) {
    now.replaceChildren(make("dd", { className: "faint" }, e.message));
  }
}

/** A value for people: of a time, when that was here. */
const told = (x, { kind }) => (kind === "time" && !isNaN(Date.parse(x)) ? new Date(x).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" }) : text(x));
const text = (x) => (typeof x === "string" ? x : JSON.stringify(x));

// The page at /docs.

function reference(service) {
  const types = service.types.map((t) => entry(service, t, "type", typeOf(service, t.type)));
  const errors = service.errors.map((e) => entry(service, e, "error", typeOf(service, { kind: "struct", fields: e.fields })));
  return make("article", {}, heading(service),
    ...service.members.map((m) => member(service, m, fieldTable(service, m.params, "Params"), fieldTable(service, m.result ?? [], "Result"))),
    types.length ? make("h2", {}, "Types") : "", ...types,
    errors.length ? make("h2", {}, "Errors") : "", ...errors);
}

const entry = (service, { name, doc }, kind, body) => make("section", { id: `${service.name}.${name}`, className: "member" },
  make("h3", {}, make("code", {}, name), " ", make("span", { className: "kind" }, kind)),
  ...markup(doc), make("pre", { className: "signature" }, body));

/** Fields of which there is more to say than the signature does. */
function fieldTable(service, fields, title) {
  const told = fields.filter((f) => f.doc || f.default !== undefined || f.example !== undefined || f.unit || f.deprecated || f.sensitive);
  if (!told.length) return "";
  const remarks = (f) => [
    ...markup(f.doc),
    f.default !== undefined ? make("p", {}, "Default: ", make("code", {}, JSON.stringify(f.default))) : "",
    f.example !== undefined ? make("p", {}, "Example: ", make("code", {}, JSON.stringify(f.example))) : "",
    f.unit ? make("p", {}, "Unit: " + f.unit) : "",
    f.deprecated ? make("p", {}, "Deprecated: " + f.deprecated) : "",
    f.sensitive ? make("p", {}, "Never logged.") : "",
  ];
  return make("table", {}, make("caption", {}, title), ...told.map((f) => make("tr", {},
    make("th", { scope: "row" }, make("code", {}, f.name)), make("td", {}, make("code", {}, f.optional ? "?" : "", typeOf(service, f.type))), make("td", {}, ...remarks(f)))));
}

// Who is there, and what went wrong.

function askWho() {
  const input = make("input", { type: "password", name: "token", autocomplete: "off", required: true, placeholder: "2vkd….7fQ…", ariaLabel: "token" });
  const form = make("form", { className: "login" },
    make("h1", {}, token ? "That token is not taken" : "Who are you?"),
    make("p", {}, token ? "It is unknown here, revoked or expired." : "This server lets in who shows a token. It stays in this tab."),
    make("div", { className: "line" }, input, make("button", {}, "enter")),
    make("p", { className: "faint" }, "On the server: ", make("code", {}, "sabir token new SERVICE"), ". Or from any machine that is paired with it: ", make("code", {}, "sabir web sabir://server"), "."));
  form.onsubmit = (e) => {
    e.preventDefault();
    tab?.setItem("token", input.value.trim());
    location.reload();
  };
  page.replaceChildren(make("main", {}, form));
  input.focus();
}

function fail(why) {
  page.replaceChildren(make("main", {}, make("h1", {}, "That did not work"), make("p", {}, why?.message ?? String(why))));
}
