import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const built = fileURLToPath(new URL("../../gen/web/", import.meta.url));
/** Most bytes of JavaScript, gzipped, that the first page loads. */
const most = 164_000;

/** The scripts that index.html names, what those import at once, and the words of one language. */
function firstScripts(): string[] {
  const index = readFileSync(`${built}index.html`, "utf8");
  const scripts = new Set([...index.matchAll(/assets\/[^"]+\.js/g)].map(([name]) => name));
  for (const name of scripts) {
    const code = readFileSync(built + name, "utf8");
    for (const [, imported] of code.matchAll(/(?:from|^import|;import)"\.\/([^"]+\.js)"/g)) scripts.add(`assets/${imported}`);
  }
  const words = readdirSync(`${built}assets`).find((name) => name.startsWith("zh-"));
  return [...scripts, `assets/${words}`];
}

it("loads no more than it may before the first video", () => {
  const scripts = firstScripts();
  expect(scripts.length).toBeGreaterThan(3);
  const sizes = scripts.map((name) => gzipSync(readFileSync(built + name), { level: 9 }).length);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(most);
});

it("leaves the pages that one opens later for later", () => {
  const code = firstScripts().map((name) => name.replace(/-[^-]*\.js$/, ""));
  for (const later of ["PublishPage", "ProfilePage", "SearchPage", "TagPage", "Conversation", "MessagesPage", "SettingsPage", "LoginDialog", "CommentsPanel", "KeysDialog"]) {
    expect(code).not.toContain(`assets/${later}`);
  }
});
