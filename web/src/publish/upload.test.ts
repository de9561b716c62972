import { describe, expect, it } from "vitest";
import { clipProblem, limits, Speed } from "./upload";

describe("clipProblem", () => {
  it.each([
    [{ size: 1000, type: "video/mp4" }, 10, null],
    [{ size: 1000, type: "" }, Number.NaN, null],
    [{ size: 0, type: "video/mp4" }, 10, "empty"],
    [{ size: 10, type: "image/png" }, Number.NaN, "notVideo"],
    [{ size: limits.bytes, type: "video/mp4" }, limits.seconds, null],
    [{ size: limits.bytes + 1, type: "video/mp4" }, 10, "tooLarge"],
    [{ size: 10, type: "video/mp4" }, limits.seconds + 1, "tooLong"],
  ])("finds in %j of %d s: %s", (file, seconds, want) => {
    expect(clipProblem(file, seconds)).toBe(want);
  });
});

describe("Speed", () => {
  it("is unknown at first and then that of the last seconds", () => {
    const speed = new Speed();
    expect(speed.add(0, 0)).toBe(0);
    expect(speed.add(1000, 5000)).toBe(5000);
    expect(speed.add(5000, 5000)).toBe(0); // stood still since: the first second is forgotten
    expect(speed.add(6000, 7000)).toBe(2000);
  });
});
