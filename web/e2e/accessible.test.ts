import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { base, closeBrowser, freshName, picture, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
const password = "correct horse battery";
const sizes = { phone: { width: 390, height: 844 }, tablet: { width: 820, height: 1180 }, desktop: { width: 1440, height: 900 } };

let videoId = "";
let userId = "";

beforeAll(async () => {
  const feed = (await (await fetch(`${base}/douyin/feed/`)).json()) as { video_list: { id: number; author: { id: number } }[] };
  videoId = String(feed.video_list[0]?.id);
  userId = String(feed.video_list[0]?.author.id);
});
afterAll(closeBrowser);

/** Logs in without the page's own dialog. */
async function logIn(page: Page, name: string): Promise<void> {
  await page.evaluate(
    async ([username, secret]) => {
      const answer = await fetch("/douyin.api.v1.UserService/Login", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Session-Cookie": "1" },
        body: JSON.stringify({ username, password: secret }),
      });
      const { userId: id } = (await answer.json()) as { userId: string };
      localStorage.setItem("session", JSON.stringify({ userId: id, name: username }));
    },
    [name, password] as const,
  );
}

describe.each([
  ["dark", "en-US"],
  ["light", "zh-CN"],
] as const)("in the %s theme and %s", (colorScheme, locale) => {
  it("has no serious finding on any page", async () => {
    const { page, complaints } = await visit("/", { colorScheme, locale, reducedMotion: "reduce" });
    const name = freshName("axe");
    const { token = "" } = await rest("user/register/", { username: name, password });
    const form = new FormData();
    form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
    const published = await rest("publish/action/", { token, title: "Seen by #axe" }, form);
    await logIn(page, name);
    const pages = ["/", "/?feed=following", `/v/${videoId}`, `/u/${userId}`, "/publish", `/publish/${published.video?.id}`, "/messages", `/messages/${userId}`, "/search", "/search?q=axe", `/search?q=${name}&type=user`, "/search?q=axe&type=tag", "/t/axe", "/settings", "/no/such/page"];
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      for (const path of pages) {
        await page.goto(path);
        // The stream of messages stays open, so the network is never idle: the page is there when nothing stands in for it.
        await page.waitForFunction(() => document.querySelector("main *") && !document.querySelector(".animate-shimmer, [aria-busy=true]"));
        await picture(page, `${size}-${colorScheme}-${path.replaceAll(/\W+/g, "_")}`);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
        expect(serious.map((v) => `${path} (${size}): ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(" | ")}`)).toEqual([]);
      }
    }
    expect(complaints.list).toEqual([]);
    await page.context().close();
  });
});

it("edits a video of one's own by keyboard, with the focus inside, and marks who may see it", async () => {
  for (const [colorScheme, locale, edit, mark] of [
    ["dark", "en-US", "Edit video", "Only me"],
    ["light", "zh-CN", "编辑视频", "仅自己"],
  ] as const) {
    const { page, complaints } = await visit("/settings", { colorScheme, locale, reducedMotion: "reduce" });
    const name = freshName("editor");
    const { token = "" } = await rest("user/register/", { username: name, password });
    const form = new FormData();
    form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
    const published = await rest("publish/action/", { token, title: "Before" }, form);
    await logIn(page, name);
    await page.goto(`/v/${published.video?.id}`);
    await page.getByRole("button", { name: edit }).focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: edit });
    await dialog.getByRole("textbox").focus();
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("After");
    await page.keyboard.press("Tab");
    expect(await dialog.getByRole("combobox").evaluate((element) => document.activeElement === element)).toBe(true);
    await page.keyboard.press("End"); // the last choice
    const { violations } = await new AxeBuilder({ page }).analyze();
    expect(violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => v.id)).toEqual([]);
    await picture(page, `edit-${colorScheme}`);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    const stage = page.locator("article:not([inert])");
    await stage.getByText("After").waitFor();
    await stage.getByText(mark).waitFor();
    await page.goto(`/@${name}`);
    await page.getByRole("link", { name: new RegExp(`After.*${mark}`) }).waitFor();
    expect((await fetch(`${base}/v/${published.video?.id}`)).status).toBe(404);
    expect((await new AxeBuilder({ page }).analyze()).violations.filter((v) => v.impact === "serious" || v.impact === "critical").map((v) => v.id)).toEqual([]);
    expect(complaints.list).toEqual([]);
    await page.context().close();
  }
});

it("opens the comments, the keys and the login with the focus inside", async () => {
  const { page } = await visit("/", { viewport: sizes.phone });
  await page.getByRole("feed").waitFor();
  for (const [key, name] of [["c", /comment/], ["?", "Keys"]] as const) {
    await page.locator("article:not([inert])").waitFor();
    await page.keyboard.press(key);
    const dialog = page.getByRole("dialog", { name });
    await dialog.waitFor();
    for (let i = 0; i < 5; i++) {
      await page.keyboard.press("Tab");
      // The browser's own controls come after the last element of a dialog; nothing behind it ever has the focus.
      expect(await page.evaluate(() => document.activeElement === document.body || document.activeElement?.closest("dialog") !== null)).toBe(true);
    }
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
  }
  await page.context().close();
});

it("answers the rest of the platform as before", async () => {
  expect(await (await fetch(`${base}/`, { headers: { Accept: "application/json" } })).json()).toMatchObject({ status_code: 40001 });
  expect((await rest("user/login/", { username: "nobody", password: "x" })).status_code).toBe(10002);
});
