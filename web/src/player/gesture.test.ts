import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Gestures } from "./gesture";

let kinds: string[];
let gestures: Gestures;

beforeEach(() => {
  vi.useFakeTimers();
  kinds = [];
  gestures = new Gestures((g) => kinds.push(g.kind));
});
afterEach(() => vi.useRealTimers());

function tap(at: number, x = 100, y = 100) {
  gestures.pointerDown(x, y, at);
  gestures.pointerUp(x, y, at + 40);
}

it("waits after a tap for a second one", () => {
  tap(0);
  expect(kinds).toEqual([]);
  vi.advanceTimersByTime(280);
  expect(kinds).toEqual(["tap"]);
});

it("takes two quick taps as one double tap and no tap", () => {
  tap(0);
  tap(150);
  vi.advanceTimersByTime(1000);
  expect(kinds).toEqual(["doubleTap"]);
});

it("speeds up while held and does not take the release for a tap", () => {
  gestures.pointerDown(10, 10, 0);
  vi.advanceTimersByTime(450);
  gestures.pointerUp(10, 10, 900);
  vi.advanceTimersByTime(1000);
  expect(kinds).toEqual(["holdStart", "holdEnd"]);
});

it("ends a hold when the browser takes the pointer", () => {
  gestures.pointerDown(10, 10, 0);
  vi.advanceTimersByTime(450);
  gestures.cancel();
  expect(kinds).toEqual(["holdStart", "holdEnd"]);
});

it.each([[-80, 10, ["swipeLeft"]], [-80, 70, []], [80, 0, []], [-40, 0, []]])("takes a move by %d, %d as %j", (dx, dy, want) => {
  gestures.pointerDown(200, 200, 0);
  gestures.pointerUp(200 + dx, 200 + dy, 120);
  vi.advanceTimersByTime(1000);
  expect(kinds).toEqual(want);
});
