import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeBrowser, freshName, readyVideo, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
/** Swipes of the test; CI makes fewer. */
const swipes = Number(process.env.DOUYIN_SWIPES ?? 60);
/** One video, with its playlist, as the feed answers it. */
let model: ApiVideo;

/** The part of a feed's video that the test sets for each clip. */
interface ApiVideo {
  id: string;
  playUrl: string;
  title: string;
  createTime: string;
}

beforeAll(async () => {
  const { token = "" } = await rest("user/register/", { username: freshName("swiper"), password: "correct horse battery" });
  const form = new FormData();
  form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
  const published = await rest("publish/action/", { token, title: "Clip" }, form);
  expect(published.status_code).toBe(0);
  model = (await readyVideo(String(published.video?.id), token)) as ApiVideo;
}, 300_000);
afterAll(closeBrowser);

/** Which part of the middle of the page is black, from 0 to 1: the stage behind the videos is. Another page decodes the picture. */
async function blackPart(page: Page, decoder: Page): Promise<number> {
  const picture = await page.screenshot({ clip: { x: 60, y: 250, width: 240, height: 300 } });
  return decoder.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    if (!canvas) throw new Error("no canvas");
    canvas.drawImage(bitmap, 0, 0);
    const { data } = canvas.getImageData(0, 0, bitmap.width, bitmap.height);
    let black = 0;
    for (let i = 0; i < data.length; i += 4) if (Math.max(data[i] ?? 0, data[i + 1] ?? 0, data[i + 2] ?? 0) < 12) black++;
    return black / (data.length / 4);
  }, picture.toString("base64"));
}

/** Waits until the clip after the current one waits on its first frame. */
async function nextIsReady(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const position = document.querySelector("article:not([inert])")?.getAttribute("aria-posinset");
    const next = document.querySelector<HTMLVideoElement>(`article[aria-posinset="${Number(position) + 1}"] video`);
    return next !== null && next.readyState >= 2 && getComputedStyle(next).opacity === "1";
  });
}

const currentTitle = (page: Page) => page.locator("article:not([inert])").getAttribute("aria-label");

/**
 * Answers the feed with as many clips as are swiped, each with an id and an address of its own: to publish them would keep the
 * platform's transcoder busy for minutes, beside the browser that is measured. Their bytes come from the platform.
 */
async function withManyClips(page: Page): Promise<void> {
  const newest = Number(model.createTime);
  const all = Array.from({ length: swipes + 1 }, (_, i): ApiVideo => ({
    ...model, id: String(i + 1), title: `Clip ${i}`, playUrl: `${model.playUrl}?clip=${i}`, createTime: String(newest - i),
  }));
  await page.route("**/douyin.api.v1.FeedService/GetFeed", async (route) => {
    const { latestTime = "0" } = route.request().postDataJSON() as { latestTime?: string };
    const videoList = all.filter((v) => latestTime === "0" || Number(v.createTime) < Number(latestTime)).slice(0, 12);
    await route.fulfill({ json: { videoList, nextTime: videoList.at(-1)?.createTime ?? latestTime } });
  });
}

/** What the page holds: bytes on its heap, nodes and listeners of its documents. */
interface Usage {
  heap: number;
  nodes: number;
  listeners: number;
}

/** What lives: what a first collection frees by way of finalizers goes with the second. */
async function usage(devtools: CDPSession): Promise<Usage> {
  for (let i = 0; i < 3; i++) await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  const { nodes, jsEventListeners } = await devtools.send("Memory.getDOMCounters");
  return { heap: usedSize, nodes, listeners: jsEventListeners };
}

it("swipes on and on with three elements, a flat heap and no video twice", async () => {
  const { page, complaints } = await visit("/no/such/page", { viewport: { width: 390, height: 844 } });
  await withManyClips(page);
  await page.goto("/");
  const devtools = await page.context().newCDPSession(page);
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.currentTime ?? 0) > 0);
  const seen: string[] = [];
  const toFirstFrame: number[] = [];
  const [before, after]: [Usage[], Usage[]] = [[], []];
  for (let i = 0; i < swipes; i++) {
    seen.push((await currentTitle(page)) ?? "");
    await nextIsReady(page);
    const took = await page.evaluate(async () => {
      const feed = document.querySelector<HTMLElement>("[role=feed]");
      if (!feed) return Number.NaN;
      const began = performance.now();
      const index = Math.round(feed.scrollTop / feed.clientHeight) + 1;
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
    });
    toFirstFrame.push(took);
    expect(await page.locator("video").count()).toBeLessThanOrEqual(3);
    // In the middle the browser has compiled what runs often. The least of five is free of what is about to be collected.
    if (i > swipes / 2 && before.length < 5) before.push(await usage(devtools));
    if (i >= swipes - 5) after.push(await usage(devtools));
  }
  const least = (of: Usage[], what: keyof Usage) => Math.min(...of.map((u) => u[what]));
  const sorted = toFirstFrame.toSorted((a, b) => a - b);
  const quantile = (q: number) => Math.round(sorted[Math.floor(q * (sorted.length - 1))] ?? 0);
  process.stdout.write(`swipe to first frame: p50 ${quantile(0.5)} ms, p95 ${quantile(0.95)} ms; heap ${(least(before, "heap") / 1e6).toFixed(1)} to ${(least(after, "heap") / 1e6).toFixed(1)} MB over ${swipes} swipes\n`);
  expect(new Set(seen).size).toBe(seen.length);
  expect(least(after, "heap")).toBeLessThan(least(before, "heap") * 1.1);
  expect(least(after, "nodes")).toBeLessThanOrEqual(least(before, "nodes") + 10);
  expect(least(after, "listeners")).toBeLessThanOrEqual(least(before, "listeners") + 10);
  expect(complaints.list).toEqual([]);
  await page.context().close();
}, 60_000 + 1_000 * swipes);

it("never shows a black frame between two videos", async () => {
  const { page } = await visit("/no/such/page", { viewport: { width: 390, height: 844 } });
  await withManyClips(page); // of which none is dark
  await page.goto("/");
  const decoder = await page.context().newPage();
  await page.bringToFront();
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.currentTime ?? 0) > 0);
  const black: number[] = [];
  for (let position = 2; position <= 8; position++) {
    // At once, not when the next clip is ready: then its cover has to stand in.
    await page.keyboard.press("j");
    const there = page.locator(`article:not([inert])[aria-posinset="${position}"]`);
    do black.push(await blackPart(page, decoder));
    while (!(await there.isVisible()));
    black.push(await blackPart(page, decoder));
  }
  process.stdout.write(`at most ${(Math.max(...black) * 100).toFixed(1)} % black in ${black.length} pictures of swipes\n`);
  expect(Math.max(...black)).toBeLessThan(0.1);
  await page.context().close();
});

it("moves by one video for one notch of the wheel, and by none for its echo", async () => {
  const { page } = await visit("/");
  await page.waitForFunction(() => (document.querySelector<HTMLVideoElement>("article:not([inert]) video")?.currentTime ?? 0) > 0);
  const position = () => page.locator("article:not([inert])").getAttribute("aria-posinset");
  await page.mouse.move(700, 450);
  expect(await position()).toBe("1");
  // Both at once, as a wheel sends them: two calls from here may come as far apart as two notches.
  await page.getByRole("feed").evaluate((feed) => {
    for (const deltaY of [120, 20]) feed.dispatchEvent(new WheelEvent("wheel", { deltaY, bubbles: true, cancelable: true }));
  });
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
