import { expect, it } from "vitest";
import { hlsSupport } from "./hls";

const MediaSource = {};

it.each([
  ["Safari on a computer", { WebKitPlaybackTargetAvailabilityEvent: {}, MediaSource }, "maybe", "native"],
  ["Safari on an older phone", {}, "maybe", "native"],
  ["Chromium that says it can", { MediaSource }, "maybe", "library"],
  ["Firefox", { MediaSource }, "", "library"],
  ["a browser that has neither", {}, "", null],
] as const)("%s", (_browser, window, canPlay, want) => {
  expect(hlsSupport(window, canPlay)).toBe(want);
});
