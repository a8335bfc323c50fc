// Lines that call a member, for who copies them and changes the values.

export const languages = { curl: "curl", sabir: "sabir", js: "JavaScript" };

/** @param {string} language @param {any} service @param {any} m @param {{token?: string, base: string}} here */
export function lineOf(language, service, m, here) {
  const types = new Map(service.types.map((t) => [t.name, t.type]));
  const params = samples(m.params, types);
  const name = `${service.name}.${m.name}`;
  return { curl, sabir, js }[language]?.(name, m, params, here) ?? "";
}

const subscribed = (m) => ["topic", "state", "table"].includes(m.kind);
const quote = (text) => (/^[\w/:.,@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
const texts = (params) => Object.entries(params).map(([name, v]) => [name, typeof v === "string" ? v : JSON.stringify(v)]);

function curl(name, m, params, { token, base }) {
  const auth = token ? ' -H "Authorization: Bearer $TOKEN"' : "";
  const url = `${base}${name}`;
  if (!subscribed(m) && !m.readonly) return `curl --json ${quote(JSON.stringify(params))}${auth} ${url}`;
  const query = String(new URLSearchParams(texts(params)));
  const events = m.kind === "method" ? "" : " -N -H 'Accept: text/event-stream'";
  return `curl${events}${auth} ${quote(query ? `${url}?${query}` : url)}`;
}

function sabir(name, m, params) {
  const values = Object.entries(params).map(([key, v]) => " " + quote(typeof v === "string" ? `${key}=${v}` : `${key}:=${JSON.stringify(v)}`));
  return `sabir ${subscribed(m) ? "watch" : "call"} ${name}${values.join("")}`;
}

function js(name, m, params) {
  const given = Object.entries(params).map(([key, v]) => `${key}: ${JSON.stringify(v)}`).join(", ");
  const call = (verb) => `server.${verb}("${name}"${given ? `, { ${given} }` : ""})`;
  if (m.kind === "method") return `await ${call("call")}`;
  const [item, verb] = { stream: ["item", "stream"], topic: ["{ value, lost }", "watch"], state: ["value", "state"], table: ["rows", "table"] }[m.kind];
  return `for await (const ${item} of ${call(verb)}) …`;
}

/** Values for those params that have to be there. */
const samples = (fields, types, depth = 0) => Object.fromEntries(fields.filter((f) => !f.optional).map((f) => [f.name, f.example ?? sample(f.type, f.name, types, depth)]));

function sample(type, name, types, depth) {
  const t = type.kind === "named" ? types.get(type.name) : type;
  if (!t || depth > 4) return null;
  const struct = (fields) => samples(fields ?? [], types, depth + 1);
  switch (t.kind) {
    case "bool": return false;
    case "int": case "float": return t.min ?? 0;
    case "int64": case "uint64": return "0";
    case "time": return new Date().toISOString().slice(0, 19) + "Z";
    case "bytes": return "";
    case "list": return [];
    case "map": return {};
    case "enum": return t.cases?.[0]?.name ?? "";
    case "struct": return struct(t.fields);
    case "union": return { type: t.cases?.[0]?.name, ...(t.cases?.[0]?.type ? sample(t.cases[0].type, name, types, depth + 1) : {}) };
    case "any": return null;
  }
  return t.max < name.length ? name.slice(0, t.max) : name.padEnd(t.min ?? 0, ".");
}
