import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeBrowser, freshName, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
/** Swipes of the test; CI makes fewer. */
const swipes = Number(process.env.DOUYIN_SWIPES ?? 30);
const videos = 40;

beforeAll(async () => {
  const { token = "" } = await rest("user/register/", { username: freshName("swiper"), password: "correct horse battery" });
  const file = new Blob([readFileSync(clip)]);
  for (let i = 0; i < videos; i++) {
    const form = new FormData();
    form.set("data", file, "clip.mp4");
    expect((await rest("publish/action/", { token, title: `Clip ${i}` }, form)).status_code).toBe(0);
  }
}, 180_000);
afterAll(closeBrowser);

const currentTitle = (page: Page) => page.locator("article:not([inert])").getAttribute("aria-label");

async function heap(devtools: CDPSession): Promise<number> {
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  return usedSize;
}

it("swipes on and on with three elements, a flat heap and no video twice", async () => {
  const { page, complaints } = await visit("/", { viewport: { width: 390, height: 844 } });
  const devtools = await page.context().newCDPSession(page);
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.currentTime ?? 0) > 0);
  const seen: string[] = [];
  const toFirstFrame: number[] = [];
  let before = 0;
  let direction = 1;
  for (let i = 0; i < swipes; i++) {
    const title = (await currentTitle(page)) ?? "";
    if (direction === 1 && i < videos - 1) seen.push(title);
    if (i % (videos - 2) === videos - 3) direction = -direction;
    // The next clip has loaded while this one was watched for a moment.
    await page.waitForTimeout(150);
    const took = await page.evaluate(async (step) => {
      const feed = document.querySelector<HTMLElement>("[role=feed]");
      if (!feed) return Number.NaN;
      const began = performance.now();
      const index = Math.round(feed.scrollTop / feed.clientHeight) + step;
      feed.scrollTo({ top: index * feed.clientHeight, behavior: "instant" });
      return new Promise<number>((resolve) => {
        const look = () => {
          const video = document.querySelector<HTMLVideoElement>("article:not([inert]) video");
          const now = document.querySelector("article:not([inert])")?.getAttribute("aria-posinset");
          if (now === String(index + 1) && video && !video.paused && getComputedStyle(video).opacity === "1" && video.readyState >= 2) resolve(performance.now() - began);
          else requestAnimationFrame(look);
        };
        look();
      });
    }, direction);
    toFirstFrame.push(took);
    expect(await page.locator("video").count()).toBeLessThanOrEqual(3);
    if (i === Math.floor(swipes / 4)) before = await heap(devtools);
  }
  const after = await heap(devtools);
  const sorted = toFirstFrame.toSorted((a, b) => a - b);
  const quantile = (q: number) => Math.round(sorted[Math.floor(q * (sorted.length - 1))] ?? 0);
  process.stdout.write(`swipe to first frame: p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms; heap ${(before / 1e6).toFixed(1)} to ${(after / 1e6).toFixed(1)} MB over ${swipes} swipes\n`);
  expect(new Set(seen).size).toBe(seen.length);
  expect(after).toBeLessThan(before * 1.1);
  expect(complaints.list).toEqual([]);
  await page.context().close();
}, 240_000);

it("moves by one video for one notch of the wheel, and by none for its echo", async () => {
  const { page } = await visit("/");
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.currentTime ?? 0) > 0);
  const position = () => page.locator("article:not([inert])").getAttribute("aria-posinset");
  await page.mouse.move(700, 450);
  expect(await position()).toBe("1");
  await page.mouse.wheel(0, 120);
  await page.mouse.wheel(0, 20);
  await page.locator('article:not([inert])[aria-posinset="2"]').waitFor();
  await page.waitForTimeout(600);
  expect(await position()).toBe("2");
  await page.mouse.wheel(0, -120);
  await page.locator('article:not([inert])[aria-posinset="1"]').waitFor();
  await page.context().close();
});

it("is where it was after a reload", async () => {
  const { page } = await visit("/");
  await page.locator('article:not([inert])').waitFor();
  await page.keyboard.press("j");
  await page.locator('article:not([inert])[aria-posinset="2"]').waitFor();
  const title = await currentTitle(page);
  await page.reload();
  await page.locator("article:not([inert])").waitFor();
  expect(await currentTitle(page)).toBe(title);
  await page.context().close();
});
