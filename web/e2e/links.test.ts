import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { base, closeBrowser, freshName, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
afterAll(closeBrowser);

it("finds a profile by its name, its tabs, and its feed", async () => {
  const name = freshName("Linked");
  const { token = "" } = await rest("user/register/", { username: name, password: "correct horse battery" });
  const form = new FormData();
  form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
  expect((await rest("publish/action/", { token, title: "Found by a link" }, form)).status_code).toBe(0);

  const { page, complaints } = await visit(`/@${name.toLowerCase()}`);
  await page.getByRole("heading", { name: `@${name}` }).waitFor();
  await page.getByRole("link", { name: /Found by a link/ }).waitFor();
  await page.getByRole("link", { name: "Likes" }).click();
  await page.getByText("No likes yet.").waitFor();
  expect(new URL(page.url()).pathname).toBe(`/@${name.toLowerCase()}`);
  expect(complaints.list).toEqual([]);
  await page.context().close();

  const feed = await fetch(`${base}/@${name}/feed.atom`);
  expect([feed.status, await feed.text()]).toEqual([200, expect.stringContaining("<title>Found by a link</title>")]);
  expect((await fetch(`${base}/@${name}_not`)).status).toBe(404);
});

it("opens without a network, and says that there is none", async () => {
  const { page } = await visit("/", { serviceWorkers: "allow" });
  await page.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.active !== undefined);
  await page.reload(); // the worker sees the page's files only now
  await page.getByRole("feed").waitFor();
  const kept = () =>
    page.evaluate(async () => (await (await caches.open("shell")).keys()).map((request) => new URL(request.url).pathname));
  await page.waitForFunction(async () => (await (await caches.open("shell")).keys()).length > 5);
  expect((await kept()).filter((path) => path !== "/" && !path.startsWith("/assets/"))).toEqual([]);

  await page.context().setOffline(true);
  await page.goto(`${base}/v/1`);
  await page.getByText("You are offline.").first().waitFor();
  await page.context().close();
});
