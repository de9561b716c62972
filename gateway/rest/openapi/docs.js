// Shows /openapi.json. Text from the document only ever becomes text nodes.
"use strict";

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};

// anchor is an operation's place on the page.
const anchor = (op) => "op-" + op.operationId;

const typeOf = (schema) => {
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.oneOf) return schema.oneOf.map(typeOf).join(" or ");
  if (schema.type === "array") return "list of " + typeOf(schema.items);
  if (schema.enum) return schema.enum.join(" or ");
  return schema.format || schema.type;
};

const limits = (schema) => {
  const parts = [];
  if ("minimum" in schema) parts.push(`${schema.minimum} to ${schema.maximum}`);
  if ("maxLength" in schema) parts.push(`${schema.minLength || 0} to ${schema.maxLength} characters`);
  return parts.join(", ");
};

const table = (heads, rows) => {
  const head = el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)));
  const body = rows.map((cells) => el("tr", {}, ...cells.map((text) => el("td", {}, text))));
  return el("table", {}, el("thead", {}, head), el("tbody", {}, ...body));
};

// parameters of an operation, from its query or from its body.
const parameters = (op) => {
  if (op.parameters) {
    return op.parameters.map((p) => ({ name: p.name, about: p.description, required: p.required, schema: p.schema }));
  }
  if (!op.requestBody) return [];
  const schema = Object.values(op.requestBody.content)[0].schema;
  return Object.entries(schema.properties).map(([name, s]) => (
    { name, about: s.description, required: (schema.required || []).includes(name), schema: s }
  ));
};

const parameterTable = (list) => table(
  ["Parameter", "Type", "", "Meaning"],
  list.map((p) => [p.name, [typeOf(p.schema), limits(p.schema)].filter(Boolean).join(", "), p.required ? "needed" : "", p.about || ""]),
);

const fieldTable = (schema) => table(
  ["Key", "Type", "Meaning"],
  Object.entries(schema.properties).map(([name, s]) => [name, typeOf(s), s.description || ""]),
);

// send makes the call the form describes and shows the answer as it came.
const send = async (method, path, op, form, output) => {
  const fields = new FormData(form);
  for (const [name, value] of [...fields]) if (value === "" || (value instanceof File && !value.size)) fields.delete(name);
  const headers = {};
  const token = document.getElementById("token").value;
  if (token) headers.Authorization = "Bearer " + token;
  let url = path;
  const options = { method: method.toUpperCase(), headers };
  if (method === "get") {
    url += "?" + new URLSearchParams(fields);
  } else {
    options.body = "application/json" in op.requestBody.content ? new URLSearchParams(fields) : fields;
  }
  output.textContent = "…";
  try {
    const answer = await fetch(url, options);
    const text = await answer.text();
    let shown = text;
    // Only integers a float64 can hold are ever sent, so parsing changes nothing.
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
    output.textContent = `HTTP ${answer.status}\n${shown}`;
  } catch (error) {
    output.textContent = String(error);
  }
};

const tryIt = (method, path, op, list) => {
  const output = el("pre", { "aria-live": "polite" });
  const form = el("form");
  for (const p of list) {
    const id = anchor(op) + "-" + p.name;
    const type = p.schema.contentMediaType ? "file" : p.name.includes("password") ? "password" : "text";
    form.append(el("label", { for: id }, p.name), el("input", { id, name: p.name, type, autocomplete: "off" }));
  }
  form.append(el("button", {}, "Send"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(method, path, op, form, output);
  });
  return el("details", {}, el("summary", {}, "Try it"), form, output);
};

const operation = (method, path, op) => {
  const list = parameters(op);
  const content = op.responses["200"].content;
  const article = el("article", { id: anchor(op) },
    el("h3", {}, el("span", { class: "method " + method }, method.toUpperCase()), path),
    el("p", {}, op.summary),
  );
  const open = op.security.some((s) => Object.keys(s).length === 0);
  if (op.security.length) article.append(el("p", { class: "soft" }, open ? "A token is optional." : "Needs a token."));
  if (list.length) article.append(parameterTable(list));
  if (content["text/event-stream"]) article.append(el("p", {}, op.responses["200"].description));
  article.append(el("details", {}, el("summary", {}, "Answer"), fieldTable(content["application/json"].schema)));
  if (!content["text/event-stream"]) article.append(tryIt(method, path, op, list));
  return article;
};

const overview = (text) => {
  const nodes = [];
  for (const block of text.split("\n\n")) {
    const lines = block.split("\n");
    if (lines[0].startsWith("* ")) nodes.push(el("ul", {}, ...lines.map((line) => el("li", {}, line.slice(2)))));
    else nodes.push(el("p", {}, block));
  }
  return nodes;
};

const show = (doc) => {
  document.getElementById("title").textContent = doc.info.title;
  document.getElementById("overview").append(...overview(doc.info.description));
  const index = document.getElementById("index");
  const paths = document.getElementById("paths");
  for (const tag of doc.tags) {
    index.append(el("h2", {}, tag.name));
    paths.append(el("h2", {}, tag.name));
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const [method, op] of Object.entries(item)) {
        if (!op.tags.includes(tag.name)) continue;
        index.append(el("a", { href: "#" + anchor(op) }, path));
        paths.append(operation(method, path, op));
      }
    }
  }
  const objects = document.getElementById("objects");
  objects.append(el("h2", {}, "Objects"));
  for (const [name, schema] of Object.entries(doc.components.schemas)) {
    objects.append(el("article", {}, el("h3", {}, name), el("p", {}, schema.description), fieldTable(schema)));
  }
};

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => { document.getElementById("overview").textContent = "The document could not be loaded: " + error; });
