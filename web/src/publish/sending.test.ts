import { expect, it } from "vitest";
import { Sending, type OpenUpload, type UploadEvents } from "./sending";

const file = new File(["0123456789"], "clip.mp4");

/** A file's sending, and what was done with each upload that it opened. */
function setup(url: string | null = null) {
  const uploads: { url: string | null; log: string[]; events: UploadEvents }[] = [];
  const open: OpenUpload = async (_file, at, events) => {
    const log: string[] = [];
    uploads.push({ url: at, log, events });
    return { start: () => void log.push("start"), stop: async (giveUp) => void log.push(giveUp ? "give up" : "stop") };
  };
  return { sending: new Sending(file, url, open), uploads };
}

const opened = () => new Promise((resolve) => setTimeout(resolve));

it("sends a file and says how far it is", async () => {
  const { sending, uploads } = setup();
  sending.start();
  await opened();
  uploads[0]?.events.onUrl("/uploads/7");
  uploads[0]?.events.onProgress(4);
  expect(sending.state()).toMatchObject({ phase: "sending", sent: 4, total: 10, url: "/uploads/7" });
  uploads[0]?.events.onSent();
  expect(sending.state()).toMatchObject({ phase: "sent", sent: 10 });
});

it("resolves when all of it is there, and at once after that", async () => {
  const { sending, uploads } = setup();
  let resolved = false;
  const sent = sending.whenSent().then(() => (resolved = true));
  sending.start();
  await opened();
  uploads[0]?.events.onProgress(10);
  await opened();
  expect(resolved).toBe(false); // the last bytes are on their way
  uploads[0]?.events.onSent();
  await sent;
  await sending.whenSent();
});

it("goes on at the same address after a pause, and hears nothing of the stopped upload", async () => {
  const { sending, uploads } = setup();
  sending.start();
  await opened();
  uploads[0]?.events.onUrl("/uploads/7");
  sending.pause();
  await opened();
  expect(uploads[0]?.log).toEqual(["start", "stop"]);
  uploads[0]?.events.onFailed(null);
  expect(sending.state().phase).toBe("paused");
  sending.start();
  await opened();
  expect(uploads.map((u) => u.url)).toEqual([null, "/uploads/7"]);
});

it("does not begin what was paused before it was open", async () => {
  const { sending, uploads } = setup();
  sending.start();
  sending.pause();
  await opened();
  expect(uploads[0]?.log).toEqual(["stop"]);
});

it("tells a broken connection from a refusal, and tries again after both", async () => {
  const { sending, uploads } = setup();
  sending.start();
  await opened();
  uploads[0]?.events.onFailed(null);
  expect(sending.state()).toMatchObject({ phase: "broken", message: "" });
  sending.start();
  await opened();
  uploads[1]?.events.onFailed("too many uploads");
  expect(sending.state()).toMatchObject({ phase: "refused", message: "too many uploads" });
  sending.start();
  expect(sending.state()).toMatchObject({ phase: "sending", message: "" });
});

it("gives up on the platform what an earlier page has sent", async () => {
  const { sending, uploads } = setup("/uploads/7");
  await sending.giveUp();
  expect(uploads.map((u) => [u.url, u.log])).toEqual([["/uploads/7", ["give up"]]]);
});
