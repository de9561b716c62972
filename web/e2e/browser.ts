import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { chromium, type Browser, type BrowserContextOptions, type Page } from "playwright-core";

/** Where the platform answers. */
export const base = process.env.DOUYIN_BASE ?? "http://localhost:8080";
/** Where pictures of pages go; none are taken without it. */
const pictures = process.env.DOUYIN_PICTURES;

let browser: Browser | undefined;

/** A browser without anything of its own that would reach for the network. */
export async function launch(): Promise<Browser> {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await browser?.close();
  browser = undefined;
}

/** What a page must not do: everything in here fails the test. */
export interface Complaints {
  list: string[];
}

/** A fresh visitor, with everything the page complains about: errors, refused resources, requests to other origins. */
export async function visit(path: string, options: BrowserContextOptions = {}): Promise<{ page: Page; complaints: Complaints }> {
  const context = await (await launch()).newContext({ viewport: { width: 1440, height: 900 }, locale: "en-US", colorScheme: "dark", baseURL: base, serviceWorkers: "block", ...options });
  const page = await context.newPage();
  const complaints: Complaints = { list: [] };
  page.on("pageerror", (error) => complaints.list.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    // Calls that the platform refuses on purpose are logged by the browser, too.
    if (!/Failed to load resource.*(401|400|404|409)/.test(message.text())) complaints.list.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== new URL(base).origin) complaints.list.push(`left the origin: ${request.url()}`);
  });
  await page.goto(path);
  return { page, complaints };
}

/** Takes a picture, where pictures are wanted. */
export async function picture(page: Page, name: string): Promise<void> {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`) });
}

let counter = 0;

/** A name nobody has. */
export function freshName(prefix: string): string {
  return `${prefix}_${Date.now().toString(36)}${counter++}`;
}

interface Answer {
  status_code: number;
  user_id?: number;
  token?: string;
  video_list?: { id: number }[];
  video?: { id: number } | null;
}

/** Calls the platform's REST API as another client would. */
export async function rest(path: string, parameters: Record<string, string>, body?: FormData): Promise<Answer> {
  const query = new URLSearchParams(parameters).toString();
  const answer = await fetch(`${base}/douyin/${path}?${query}`, { method: "POST", ...(body && { body }) });
  return (await answer.json()) as Answer;
}

/** Waits until a video of the token's user has all its qualities, and answers it. */
export async function readyVideo(videoId: string, token: string): Promise<object> {
  const state = async () => {
    const answer = await fetch(`${base}/douyin/publish/status/?${new URLSearchParams({ token, video_id: videoId })}`);
    return ((await answer.json()) as { status: { state: string } }).status.state;
  };
  await vi.waitFor(async () => expect(await state()).toBe("ready"), { timeout: 240_000, interval: 500 });
  const answer = await fetch(`${base}/douyin.api.v1.VideoService/GetVideo`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ videoId }),
  });
  return ((await answer.json()) as { video: object }).video;
}
