import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAst } from "rolldown/parseAst";
import { expect, it } from "vitest";
import en from "./en";
import zh from "./zh";

const source = join(import.meta.dirname, "..");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((f) => f.endsWith(".tsx"));

/** Attributes whose text people see or hear. */
const spoken = new Set(["aria-label", "title", "placeholder", "alt", "label"]);

interface Node {
  type?: string;
  value?: unknown;
  name?: { name?: string };
  [key: string]: unknown;
}

const hasLetters = (text: unknown): text is string => typeof text === "string" && /\p{L}/u.test(text);

/** Texts of a file that are written into the page's markup instead of coming from the words. */
function literals(file: string): string[] {
  const found: string[] = [];
  const walk = (node: Node | null) => {
    if (node === null || typeof node !== "object") return;
    if (node.type === "JSXText" && hasLetters(node.value)) found.push(node.value.trim());
    if (node.type === "JSXAttribute" && spoken.has(node.name?.name ?? "")) {
      const value = node.value as Node | null;
      if (value?.type === "Literal" && hasLetters(value.value)) found.push(value.value);
    }
    for (const child of Object.values(node)) {
      if (Array.isArray(child)) child.forEach((c: Node) => walk(c));
      else if (typeof child === "object") walk(child as Node | null);
    }
  };
  walk(parseAst(readFileSync(join(source, file), "utf8"), { lang: "tsx" }) as unknown as Node);
  return found;
}

it.each(files)("%s has no text of its own", (file) => {
  expect(literals(file)).toEqual([]);
});

/** All sentences of a language by their key. */
function sentences(words: object, prefix = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(words)) {
    if (typeof value === "string") all.set(prefix + key, value);
    else for (const [inner, text] of sentences(value as object, `${prefix}${key}.`)) all.set(inner, text);
  }
  return all;
}

/** The names of the values that are put into a sentence. */
const values = (text: string | undefined) => [...(text ?? "").matchAll(/\{\{(\w+)\}\}/g)].map((m) => m[1]).toSorted();

it("has every sentence in both languages, with the same values in it", () => {
  const [english, chinese] = [sentences(en), sentences(zh)];
  expect([...chinese.keys()].toSorted()).toEqual([...english.keys()].toSorted());
  for (const [key, text] of english) {
    expect([key, values(chinese.get(key))]).toEqual([key, values(text)]);
    expect(chinese.get(key), key).toMatch(/\p{Script=Han}/u);
  }
});

it("says nothing that no page uses", () => {
  const code = readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((f) => /\.tsx?$/.test(f) && !f.startsWith("i18n"))
    .map((f) => readFileSync(join(source, f), "utf8"))
    .join("\n");
  const unused = [...sentences(en).keys()].filter((key) => {
    const plain = key.replace(/_(one|other)$/, "");
    const group = plain.slice(0, plain.lastIndexOf("."));
    return !code.includes(`"${plain}"`) && !code.includes(`\`${group}.\${`);
  });
  expect(unused).toEqual([]);
});
