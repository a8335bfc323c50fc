// What a service says of itself, as elements: signatures in the words of the description language.

/** An element with properties and children, which are elements or text.
 * @param {string} tag @param {object} properties @param {...(Node|string)} inside */
export function make(tag, properties, ...inside) {
  const e = Object.assign(document.createElement(tag), properties);
  e.append(...inside);
  return e;
}

/** Docs: paragraphs apart by a blank line, and `code`. @param {string|undefined} doc */
export const markup = (doc) => (doc ?? "").split(/\n\s*\n/).filter((p) => p.trim()).map((p) =>
  make("p", { className: "doc" }, ...p.split(/`([^`]+)`/).map((part, i) => (i % 2 ? make("code", {}, part) : part))));

/** What callers may rely on. */
export function flagsOf(m) {
  const flags = ["readonly", "idempotent", "destructive", "common", "unstable"].filter((flag) => m[flag]);
  if (m.access) flags.push("needs " + m.access);
  if (m.since) flags.push("since " + m.since);
  const all = flags.map((flag) => make("span", { className: "flag" }, flag));
  if (m.deprecated) all.push(make("span", { className: "flag warn", title: m.deprecated }, "deprecated: " + m.deprecated));
  return all;
}

/** A member in one line, or in one line a param where that is too long. */
export function signatureOf(service, m) {
  const subscribed = ["topic", "state", "table"].includes(m.kind);
  const parts = [make("b", {}, m.name)];
  if (m.params.length || !subscribed) parts.push(...fieldsOf(service, "(", m.params, ")"));
  if (m.kind === "stream") parts.push(" → stream ", typeOf(service, m.item));
  else if (subscribed) parts.push(": ", typeOf(service, m.item));
  else if (m.result?.length) parts.push(" → ", ...fieldsOf(service, "(", m.result, ")"));
  if (m.errors?.length) parts.push(" ! ", ...separate(m.errors.map((name) => linkTo(service, name))));
  return make("pre", { className: "signature" }, ...parts);
}

const separate = (parts, by = ", ") => parts.flatMap((part, i) => (i ? [by, part] : [part]));

const linkTo = (service, name) => make("a", { href: `docs#${service.name}.${name}` }, name);

const fieldsOf = (service, open, fields, close) => [open, ...separate(fields.map((f) => make("span", { className: "field" },
  make("i", {}, f.name), f.optional ? ": ?" : ": ", typeOf(service, f.type)))), close];

/** A type, with links to those that have names. */
export function typeOf(service, t) {
  const span = (...inside) => make("span", { className: "type" }, ...inside);
  switch (t.kind) {
    case "list": return span("[", typeOf(service, t.of), "]", bounds(t));
    case "map": return span("{", typeOf(service, t.of), "}", bounds(t));
    case "named": return linkTo(service, t.name);
    case "struct": return span(...fieldsOf(service, "{ ", t.fields ?? [], " }"));
    case "enum": return span("enum(", ...separate((t.cases ?? []).map((c) => c.name)), ")");
    case "union": return span("union { ", ...separate((t.cases ?? []).flatMap((c) => make("span", { className: "field" }, make("i", {}, c.name), ...(c.type ? [": ", typeOf(service, c.type)] : [])))), " }");
  }
  return span(t.kind, bounds(t));
}

function bounds(t) {
  const all = ["min", "max", "pattern"].filter((name) => t[name] !== undefined).map((name) => `${name}=${JSON.stringify(t[name])}`);
  return all.length ? make("small", {}, `(${all.join(", ")})`) : "";
}
