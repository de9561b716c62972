import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { followStatus, nextPoll, type OpenStatuses, type VideoState } from "./status";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const at = (state: VideoState["state"], percent = 0): VideoState => ({ state, percent, stage: "", queuePosition: 0, renditions: [], message: "", retryable: false });

/** Follows a server that plays one script per connection. */
function follow(...scripts: (() => AsyncGenerator<VideoState | null>)[]) {
  let connections = 0;
  const got: string[] = [];
  const pushed: boolean[] = [];
  const open: OpenStatuses = () => {
    const script = scripts[connections++];
    return script ? script() : hang();
  };
  const stop = followStatus("1", { open, onStatus: (s) => got.push(`${s.state} ${s.percent}`), onPushed: (p) => pushed.push(p) });
  return { got, pushed, stop, connections: () => connections };
}

/** A connection on which nothing happens. */
async function* hang(): AsyncGenerator<never> {
  yield await new Promise<never>(() => {});
}

it("asks again while a video is worked on and nothing is pushed, and no more when it is done", () => {
  expect([undefined, "uploading", "queued", "processing"].map((s) => nextPoll(s as undefined, false))).toEqual([1000, 1000, 1000, 1000]);
  expect([nextPoll("ready", false), nextPoll("failed", false), nextPoll("queued", true)]).toEqual([false, false, false]);
});

it("polls while the stream is broken, opens it again, and stops with the last status", async () => {
  const { got, pushed, connections } = follow(
    async function* () {
      yield at("queued");
      throw new Error("gone");
    },
    async function* () {
      yield null;
      yield at("processing", 40);
      yield at("ready", 100);
      yield at("failed");
    },
  );
  await vi.advanceTimersByTimeAsync(4999);
  expect(pushed).toEqual([true, false]);
  expect(connections()).toBe(1);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(got).toEqual(["queued 0", "processing 40", "ready 100"]);
  expect(pushed.at(-1)).toBe(true);
  expect(connections()).toBe(2);
});

it("gives nothing to who has stopped, and opens no other stream", async () => {
  const { got, stop, connections } = follow(async function* () {
    yield at("queued");
    await new Promise((resolve) => setTimeout(resolve, 1000));
    yield at("ready");
  });
  await vi.advanceTimersByTimeAsync(0);
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(got).toEqual(["queued 0"]);
  expect(connections()).toBe(1);
});
