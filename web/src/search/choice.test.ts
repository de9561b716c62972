import { expect, it } from "vitest";
import { moveChoice } from "./choice";

/** Where one is before and after each of four presses of a key, among three suggestions. */
function walk(key: string): (number | null)[] {
  const places: (number | null)[] = [-1];
  for (let i = 0; i < 4; i++) places.push(moveChoice(key, places.at(-1) ?? -1, 3));
  return places;
}

it("goes through the suggestions and the text itself, round and round", () => {
  expect(walk("ArrowDown")).toEqual([-1, 0, 1, 2, -1]);
  expect(walk("ArrowUp")).toEqual([-1, 2, 1, 0, -1]);
});

it("leaves other keys, and all keys where nothing is suggested, to the field", () => {
  expect(moveChoice("Home", 0, 3)).toBeNull();
  expect(moveChoice("ArrowDown", -1, 0)).toBeNull();
});
