import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeBrowser, freshName, readyVideo, rest, visit } from "./browser";

/** How long a clip is, in seconds: long enough that not all of it is loaded when its first picture shows. */
const seconds = 24;

/** The video with a playlist, and the one that is above it on its author's page. */
let clip = "";
let above = "";

beforeAll(async () => {
  const dir = mkdtempSync(join(tmpdir(), "hls-"));
  const file = join(dir, "clip.mp4");
  execFileSync("ffmpeg", [
    "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=720x1280:rate=10", "-f", "lavfi", "-i", "sine=frequency=330",
    "-t", String(seconds), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart", file,
  ]);
  const { token = "" } = await rest("user/register/", { username: freshName("hls"), password: "correct horse battery" });
  clip = await publish(token, file);
  await readyVideo(clip, token);
  above = await publish(token, new URL("../../services/standalone/demo/seconds.mp4", import.meta.url).pathname);
  rmSync(dir, { recursive: true });
}, 300_000);
afterAll(closeBrowser);

async function publish(token: string, file: string): Promise<string> {
  const form = new FormData();
  form.set("data", new Blob([readFileSync(file)]), "clip.mp4");
  const answer = await rest("publish/action/", { token, title: "For a playlist" }, form);
  expect(answer.status_code).toBe(0);
  return String(answer.video?.id);
}

/** What the current element plays. */
const playing = (page: Page) =>
  page.evaluate(() => {
    const video = document.querySelector<HTMLVideoElement>("article:not([inert]) video");
    return { source: video?.src ?? "", at: video?.currentTime ?? 0, width: video?.videoWidth ?? 0, paused: video?.paused ?? true };
  });

it("plays a playlist at the quality of its size, seeks, and changes the quality with the size", async () => {
  const { page, complaints } = await visit(`/v/${above}`, { viewport: { width: 200, height: 400 } });
  const segments = new Set<string>();
  page.on("request", (request) => {
    if (request.url().endsWith(".m4s")) segments.add(new URL(request.url()).pathname);
  });
  await page.locator('article[aria-posinset="2"] video').waitFor({ state: "attached" });
  expect((await playing(page)).source).toMatch(/\.mp4$/); // the first clip does not wait for hls.js
  // The next clip waits on its first frame with a small part of it loaded.
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>('article[aria-posinset="2"] video')?.readyState ?? 0) >= 2);
  expect(segments.size).toBeLessThan(6);

  await page.keyboard.press("j");
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>('article:not([inert])[aria-posinset="2"] video')?.currentTime ?? 0) > 0.2);
  const small = await playing(page);
  expect(small).toMatchObject({ source: expect.stringMatching(/^blob:/), paused: false });
  expect(small.width).toBe(360);

  await page.getByRole("slider").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await page.waitForFunction((at) => {
    const video = document.querySelector<HTMLVideoElement>("article:not([inert]) video");
    return video && video.currentTime > at && !video.seeking && video.readyState >= 3;
  }, seconds - 7);
  expect([...segments].some((path) => path.endsWith("/009.m4s"))).toBe(true);

  await page.setViewportSize({ width: 1440, height: 1300 });
  await page.keyboard.press("Home");
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.videoWidth ?? 0) > 360);
  expect(complaints.list).toEqual([]);
  await page.context().close();
});

it("plays the file when the playlist cannot be read", async () => {
  const { page } = await visit("/no/such/page");
  await page.route("**/*.m3u8", (route) => route.fulfill({ status: 404, body: "" }));
  await page.goto(`/v/${above}`);
  await page.locator('article:not([inert])[aria-posinset="1"] video').waitFor({ state: "attached" });
  await page.locator('article[aria-posinset="2"]').waitFor({ state: "attached" });
  await page.keyboard.press("j");
  await page.waitForFunction(() => {
    const video = document.querySelector<HTMLVideoElement>('article:not([inert])[aria-posinset="2"] video');
    return video && video.src.endsWith(".mp4") && video.currentTime > 0;
  });
  await page.context().close();
});
