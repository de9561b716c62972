import { expect, it } from "vitest";
import { WheelSteps } from "./wheel";

const run = (events: [at: number, deltaY: number][]) => {
  const wheel = new WheelSteps();
  return events.map(([at, deltaY]) => wheel.step(deltaY, at)).filter((s) => s !== 0);
};

it("takes one notch as one step", () => {
  expect(run([[0, 120], [500, 120], [1000, -120]])).toEqual([1, 1, -1]);
});

it("takes a push on a trackpad with its inertia as one step", () => {
  const inertia = Array.from({ length: 60 }, (_, i): [number, number] => [i * 16, 90 * 0.93 ** i]);
  expect(run(inertia)).toEqual([1]);
});

it("notices a second push while the first still glides", () => {
  const glide = Array.from({ length: 40 }, (_, i): [number, number] => [i * 16, 90 * 0.92 ** i]);
  const second = Array.from({ length: 20 }, (_, i): [number, number] => [640 + i * 16, 80 * 0.92 ** i]);
  expect(run([...glide, ...second])).toEqual([1, 1]);
});

it("ignores noise and what comes right after a step", () => {
  expect(run([[0, 2], [300, 120], [400, 120], [500, 119]])).toEqual([1]);
});
