import { execFileSync } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeBrowser, freshName, visit } from "./browser";

/** How large the upload is, in MiB; CI sends less than the 200 that it is meant for. */
const size = Number(process.env.DOUYIN_UPLOAD_MIB ?? 24);
/** The size of the pieces that the platform keeps, in bytes. */
const piece = 8 << 20;

const dir = mkdtempSync(join(tmpdir(), "upload-"));
const file = join(dir, "large.mp4");

beforeAll(async () => {
  execFileSync("ffmpeg", [
    "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=360x640:rate=15", "-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart", file,
  ]);
  // A free box at the end makes it as large as is wanted.
  const rest = (size << 20) - statSync(file).size;
  const head = Buffer.alloc(8);
  head.writeUInt32BE(rest);
  head.write("free", 4);
  await new Promise<void>((resolve, reject) => {
    const out = createWriteStream(file, { flags: "a" });
    out.on("error", reject).on("finish", resolve);
    out.write(head);
    for (let left = rest - head.length; left > 0; left -= 1 << 20) out.write(Buffer.alloc(Math.min(left, 1 << 20), left % 251));
    out.end();
  });
});
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await closeBrowser();
});

const percent = async (page: Page) => Number(await page.getByRole("progressbar", { name: "Upload" }).getAttribute("aria-valuenow"));

it("goes on after a pause and after a reload of the page, and is published once", async () => {
  const { page, complaints } = await visit("/publish");
  await page.getByRole("button", { name: "Log in" }).last().click();
  await page.getByRole("button", { name: /New here/ }).click();
  await page.getByRole("textbox", { name: "Name" }).fill(freshName("sender"));
  await page.getByRole("textbox", { name: "Password" }).fill("correct horse battery");
  await page.keyboard.press("Enter");
  await page.getByText("Drop a video here").waitFor();

  // What each request of the upload says about where it goes on.
  const created: string[] = [];
  const offsets: number[] = [];
  page.on("request", (request) => {
    if (!request.url().includes("/uploads/")) return;
    if (request.method() === "POST") created.push(request.url());
    if (request.method() === "PATCH") offsets.push(Number(request.headers()["upload-offset"]));
  });
  const devtools = await page.context().newCDPSession(page);
  const bandwidth = (bytes: number) =>
    devtools.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytes });
  await devtools.send("Network.enable");
  await bandwidth((size << 20) / 10); // about ten seconds for all of it

  await page.locator("input[type=file]").setInputFiles(file);
  await page.getByRole("textbox", { name: "Title" }).fill("A large one");
  await page.waitForFunction((most) => Number(document.querySelector("[role=progressbar]")?.getAttribute("aria-valuenow")) > most, 15);
  await page.getByRole("button", { name: "Pause the upload" }).click();
  await page.getByText(/^Paused at/).waitFor();
  await page.getByRole("button", { name: "Go on with the upload" }).click();
  await page.waitForFunction((most) => Number(document.querySelector("[role=progressbar]")?.getAttribute("aria-valuenow")) > most, 50);
  expect(await percent(page)).toBeLessThan(100);
  await page.reload();

  await page.getByRole("textbox", { name: "Title" }).waitFor();
  expect(await page.getByRole("textbox", { name: "Title" }).inputValue()).toBe("A large one");
  await bandwidth(-1);
  await page.getByRole("button", { name: "Publish", exact: true }).click();
  await page.getByRole("heading", { name: "Your video" }).waitFor({ timeout: 100_000 });
  expect(created).toHaveLength(1);
  // The reload lost at most what did not fill a piece.
  expect(offsets.length).toBeGreaterThanOrEqual(3);
  expect(offsets.at(-1)).toBeGreaterThan((size << 20) / 2 - piece);

  await page.getByRole("link", { name: "My videos" }).click();
  await page.getByRole("link", { name: /A large one/ }).first().waitFor();
  expect(await page.getByRole("link", { name: /A large one/ }).count()).toBe(1);
  await page.goto("/publish");
  await page.getByText("Drop a video here").waitFor(); // nothing is left to be sent
  expect(complaints.list).toEqual([]);
  await page.context().close();
});
