import { describe, expect, it } from "vitest";
import { clock, fileSize, shortCount, timeAgo } from "./format";

describe("numbers", () => {
  it.each([[0, "0", "0"], [999, "999", "999"], [12_345, "12.3K", "1.2万"], [2_000_000, "2M", "200万"]])("%d is short in both languages", (n, en, zh) => {
    expect(shortCount(n, "en")).toBe(en);
    expect(shortCount(n, "zh-CN")).toBe(zh);
  });
  it("writes seconds as a clock", () => {
    expect([0, 5.9, 65, 600].map(clock)).toEqual(["0:00", "0:05", "1:05", "10:00"]);
  });
  it("writes sizes", () => {
    expect(fileSize(256 << 20, "en")).toBe("256 MB");
    expect(fileSize(12_345_678, "en")).toBe("11.8 MB");
    expect(fileSize(999, "en")).toBe("999 byte");
  });
});

describe("timeAgo", () => {
  const now = 1_800_000_000_000;
  it.each([[0, "now"], [-30_000, "30 seconds ago"], [-120_000, "2 minutes ago"], [-86_400_000, "yesterday"], [-40 * 86_400_000, "last month"], [5_000, "now"]])(
    "%d ms from now is %s", (offset, want) => {
      expect(timeAgo(now + offset, now, "en")).toBe(want);
    });
});
