import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { afterAll, describe, expect, it } from "vitest";
import { closeBrowser, freshName, picture, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
const password = "correct horse battery";

afterAll(closeBrowser);

/** The video that is on the screen. */
const current = (page: Page) => page.locator("article:not([inert])");

async function playing(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const video = document.querySelector<HTMLVideoElement>("article:not([inert]) video");
    return video !== null && !video.paused && video.currentTime > 0;
  });
}

/** Another person who follows and is followed, by the REST API. */
async function friendOf(userId: string): Promise<{ name: string; token: string; id: string }> {
  const name = freshName("friend");
  const account = await rest("user/register/", { username: name, password });
  const token = account.token ?? "";
  expect((await rest("relation/action/", { token, to_user_id: userId, action_type: "1" })).status_code).toBe(0);
  return { name, token, id: String(account.user_id) };
}

/** How a person presses something: by mouse, by finger, or by keyboard. */
type Press = (within: Page | Locator, role: "button" | "link" | "textbox", name: string | RegExp) => Promise<void>;

const byMouse: Press = async (within, role, name) => within.getByRole(role, { name }).first().click();
const byFinger: Press = async (within, role, name) => within.getByRole(role, { name }).first().tap();
const byKeyboard: Press = async (within, role, name) => {
  const wanted = within.getByRole(role, { name }).first();
  const { keyboard } = wanted.page();
  await wanted.waitFor();
  for (let i = 0; i < 80; i++) {
    if (await wanted.evaluate((element) => document.activeElement === element)) {
      if (role !== "textbox") await keyboard.press("Enter");
      return;
    }
    await keyboard.press("Tab");
  }
  throw new Error(`the Tab key does not reach ${role} ${name}`);
};

const ways: { way: string; press: Press; options: Parameters<typeof visit>[1] }[] = [
  { way: "mouse", press: byMouse, options: {} },
  { way: "finger", press: byFinger, options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } },
  { way: "keyboard", press: byKeyboard, options: {} },
];

describe.each(ways)("the whole journey by $way", ({ way, press, options }) => {
  it("registers, publishes, likes, comments, follows, chats and logs out", async () => {
    const { page, complaints } = await visit("/", options);
    await playing(page);
    await picture(page, `${way}-1-feed`);

    const name = freshName("ada");
    await press(page, "button", "Log in");
    await press(page, "button", /New here/);
    await press(page, "textbox", "Name");
    await page.keyboard.type(name);
    await page.keyboard.press("Tab");
    await page.keyboard.type(password);
    await picture(page, `${way}-2-register`);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "Me", exact: true }).waitFor();
    const cookies = await page.context().cookies();
    expect(cookies.map((c) => [c.name, c.httpOnly, c.sameSite])).toEqual([["session", true, "Strict"]]);
    expect(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie)).not.toContain(cookies[0]?.value);

    await press(page, "link", "Publish");
    await page.getByText("Drop a video here").waitFor();
    await page.locator("input[type=file]").setInputFiles(clip);
    await press(page, "textbox", "Title");
    await page.keyboard.type("Counting, once more");
    await page.getByRole("combobox", { name: "Who can watch" }).selectOption("Everyone");
    await picture(page, `${way}-3-publish`);
    await press(page, "button", "Publish");
    await page.getByRole("heading", { name: "Your video" }).waitFor();
    await page.getByText("Ready: it plays on every device.").waitFor({ timeout: 90_000 });
    await picture(page, `${way}-4-status`);
    await press(page, "link", "My videos");
    await page.getByRole("heading", { name: `@${name}` }).waitFor();
    await page.getByRole("link", { name: /Counting, once more/ }).waitFor();
    await picture(page, `${way}-5-profile`);
    const userId = new URL(page.url()).pathname.split("/").at(-1) ?? "";

    await press(page, "link", "Home");
    await page.getByRole("feed").waitFor();
    await playing(page);
    await current(page).getByRole("button", { name: "Like", exact: true }).waitFor();
    if (way === "keyboard") await page.keyboard.press("l");
    else if (way === "finger") await doubleTap(page);
    else await press(current(page), "button", "Like");
    await current(page).getByRole("button", { name: "Take the like back" }).waitFor();

    if (way === "keyboard") await page.keyboard.press("c");
    else await press(current(page), "button", /comment/);
    await press(page, "textbox", "Say something");
    await page.keyboard.type("Lovely");
    await page.keyboard.press("Enter");
    await page.getByRole("listitem").filter({ hasText: "Lovely" }).getByRole("button", { name: "Delete comment" }).waitFor();
    await picture(page, `${way}-6-comments`);
    await page.keyboard.press("Escape");
    await page.getByText("Lovely").waitFor({ state: "hidden" });

    const friend = await friendOf(userId);
    const form = new FormData();
    form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
    expect((await rest("publish/action/", { token: friend.token, title: "From a friend" }, form)).status_code).toBe(0);
    await page.reload();
    await playing(page);
    // The page begins where it was; the friend's video is newer.
    await press(page, "button", "Newest videos");
    await page.locator('article:not([inert])[aria-posinset="1"]', { hasText: friend.name }).waitFor();
    await press(current(page), "button", `Follow ${friend.name}`);
    await current(page).getByRole("button", { name: `Unfollow ${friend.name}` }).waitFor();

    await press(page, "link", /^Messages/);
    await press(page, "link", new RegExp(friend.name));
    await press(page, "textbox", "Write a message");
    await page.keyboard.type("Hello from here");
    await page.keyboard.press("Enter");
    await page.getByRole("log").getByText("Hello from here").waitFor();
    expect((await rest("message/action/", { token: friend.token, to_user_id: userId, action_type: "1", content: "And from me" })).status_code).toBe(0);
    await page.getByRole("log").getByText("And from me").waitFor();
    await picture(page, `${way}-7-chat`);

    if (way === "finger") await page.goBack();
    await press(page, "link", "Settings");
    await picture(page, `${way}-8-settings`);
    await press(page, "button", "Log out");
    await page.getByRole("button", { name: "Log in" }).first().waitFor();
    expect(await page.context().cookies()).toEqual([]);
    expect(complaints.list).toEqual([]);
    await page.context().close();
  });
});

async function doubleTap(page: Page): Promise<void> {
  const box = await current(page).boundingBox();
  if (!box) throw new Error("nothing is on the screen");
  for (let i = 0; i < 2; i++) await page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 3);
}
