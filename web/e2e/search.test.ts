import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { base, closeBrowser, freshName, picture, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
const password = "correct horse battery";
const author = freshName("finder");
/** A tag and words that no other video has. */
const tag = freshName("cats").toLowerCase();
const words = freshName("sleeping");

/** What a search answers another client. */
async function found(parameters: Record<string, string>): Promise<unknown> {
  return (await fetch(`${base}/douyin/search/?${new URLSearchParams(parameters)}`)).json();
}

beforeAll(async () => {
  const { token = "" } = await rest("user/register/", { username: author, password });
  const form = new FormData();
  form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
  expect((await rest("publish/action/", { token, title: `${words} 猫咪睡觉 #${tag} @${author}` }, form)).status_code).toBe(0);
  await vi.waitFor(async () => expect(await found({ keyword: words })).toMatchObject({ video_list: [{ author: { name: author } }] }), { timeout: 20_000, interval: 100 });
  await vi.waitFor(async () => expect(await found({ keyword: author, type: "user" })).toMatchObject({ user_list: [{ name: author }] }), { timeout: 20_000, interval: 100 });
});
afterAll(closeBrowser);

it("finds a video by keyboard, and remembers what was searched for", async () => {
  const { page, complaints } = await visit("/", {});
  await page.getByRole("feed").waitFor();
  await page.keyboard.press("/");
  const field = page.getByRole("combobox", { name: "Search" });
  await field.waitFor();
  await page.waitForFunction(() => document.activeElement?.getAttribute("role") === "combobox");
  await page.keyboard.type(words.toUpperCase());
  await page.keyboard.press("Enter");
  await page.getByRole("link", { name: new RegExp(words) }).waitFor();
  await picture(page, "search-desktop-videos");

  await field.fill("");
  await page.goto("/search");
  await page.getByRole("heading", { name: "Recent searches" }).waitFor();
  await picture(page, "search-desktop-recent");
  await page.getByRole("link", { name: words.toUpperCase() }).click();
  await page.getByRole("link", { name: new RegExp(words) }).waitFor();
  await page.goto("/search");
  await page.getByRole("button", { name: `Forget ${words.toUpperCase()}` }).click();
  await page.getByText("Find videos, people and tags.").waitFor();
  expect(complaints.list).toEqual([]);
  await page.context().close();
});

it("suggests tags and people while one types", async () => {
  const { page, complaints } = await visit("/search", {});
  const field = page.getByRole("combobox", { name: "Search" });
  await field.fill(`#${tag.slice(0, -1)}`);
  await page.getByRole("option", { name: tag }).waitFor();
  await picture(page, "search-desktop-suggestions");
  await page.keyboard.press("ArrowDown");
  expect(await page.getByRole("option", { name: tag }).getAttribute("aria-selected")).toBe("true");
  await page.keyboard.press("Escape");
  await page.getByRole("option").first().waitFor({ state: "hidden" });
  expect(await field.inputValue()).toBe(`#${tag.slice(0, -1)}`);

  await field.fill(author.slice(0, -1));
  await page.getByRole("option", { name: author }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `@${author}` }).waitFor();
  expect(complaints.list).toEqual([]);
  await page.context().close();
});

it("leads from a title to the tag and to the person in it, on a phone and in Chinese", async () => {
  const { page, complaints } = await visit("/search", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, locale: "zh-CN" });
  await page.getByRole("combobox", { name: "搜索" }).fill("咪睡");
  await page.keyboard.press("Enter");
  await picture(page, "search-phone-videos");
  await page.getByRole("link", { name: new RegExp(words) }).tap();
  const title = page.locator("article:not([inert])");
  await picture(page, "search-phone-title");
  await title.getByRole("link", { name: `#${tag}` }).tap();
  await page.getByRole("heading", { name: `#${tag}` }).waitFor();
  await page.getByText("1 个视频").waitFor();
  await page.getByRole("link", { name: "最热" }).tap();
  await page.getByRole("link", { name: new RegExp(words) }).waitFor();
  await picture(page, "search-phone-tag");
  await page.getByRole("link", { name: new RegExp(words) }).tap();
  await title.getByRole("link", { name: `@${author}` }).last().tap();
  await page.getByRole("heading", { name: `@${author}` }).waitFor();

  await page.goto(`/search?q=${author}&type=user`);
  await page.getByRole("button", { name: `关注 ${author}` }).waitFor();
  await picture(page, "search-phone-people");
  await page.goto(`/search?q=${tag}&type=tag`);
  await page.getByRole("link", { name: `#${tag}` }).waitFor();
  await picture(page, "search-phone-tags");
  await page.goto("/search?q=qqqqzzzz");
  await page.getByText("没有找到“qqqqzzzz”的相关内容。").waitFor();
  await picture(page, "search-phone-nothing");
  expect(complaints.list).toEqual([]);
  await page.context().close();
});
