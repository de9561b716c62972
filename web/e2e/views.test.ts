import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it, vi } from "vitest";
import { base, closeBrowser, freshName, rest, visit } from "./browser";

const clip = fileURLToPath(new URL("../../services/standalone/demo/seconds.mp4", import.meta.url));
afterAll(closeBrowser);

/** How often a video was viewed, as anybody sees it. */
async function viewCount(videoId: string): Promise<number> {
  const answer = await fetch(`${base}/douyin/video/?video_id=${videoId}`);
  return ((await answer.json()) as { video: { view_count: number } }).video.view_count;
}

it("counts a video that was watched when its page is left, once, and shows how often it was viewed", async () => {
  const { token = "", user_id: author } = await rest("user/register/", { username: freshName("viewed"), password: "correct horse battery" });
  const form = new FormData();
  form.set("data", new Blob([readFileSync(clip)]), "clip.mp4");
  const videoId = String((await rest("publish/action/", { token, title: "Watched" }, form)).video?.id);

  const { page, complaints } = await visit(`/v/${videoId}`);
  await page.getByText("0 views").first().waitFor();
  const played = await page.evaluate(() => performance.now());
  await page.waitForFunction((since) => {
    const video = document.querySelector<HTMLVideoElement>("article:not([inert]) video");
    return video !== null && !video.paused && video.currentTime > 0 && performance.now() - since > 3000;
  }, played);
  await page.goto("/settings"); // leaves the page and its timers
  await vi.waitFor(async () => expect(await viewCount(videoId)).toBe(1), { timeout: 30_000, interval: 200 });

  await page.goto(`/v/${videoId}`);
  await page.getByText("1 view", { exact: true }).first().waitFor();
  await page.goto(`/u/${author}`);
  await page.getByRole("link", { name: /Watched/ }).getByText("1", { exact: true }).waitFor();
  expect(await viewCount(videoId)).toBe(1);
  expect(complaints.list).toEqual([]);
  await page.context().close();
});
