import { expect, it } from "vitest";
import { nextPoll } from "./status";

it("asks again while a video is worked on, and no more when it is done", () => {
  expect([undefined, "queued", "processing"].map((s) => nextPoll(s as undefined))).toEqual([1000, 1000, 1000]);
  expect([nextPoll("ready"), nextPoll("failed")]).toEqual([false, false]);
});
