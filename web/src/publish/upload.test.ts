import { afterEach, describe, expect, it, vi } from "vitest";
import { clipProblem, limits, publishUpload, PublishRefused, Speed } from "./upload";

afterEach(() => vi.unstubAllGlobals());

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

describe("publishUpload", () => {
  it("publishes an upload for those who were chosen", async () => {
    const sent: Record<string, unknown>[] = [];
    vi.stubGlobal("fetch", async (_: string, init: { body: FormData }) => {
      sent.push(Object.fromEntries(init.body));
      return Response.json({ status_code: 0, status_msg: "success", video: { id: 7 } });
    });
    expect(await publishUpload("https://example.com/uploads/abc", "A title", "friends")).toBe("7");
    expect(sent).toEqual([{ title: "A title", visibility: "friends", upload_id: "abc" }]);
  });

  it("fails with the platform's sentence where it is refused", async () => {
    vi.stubGlobal("fetch", async () => Response.json({ status_code: 40002, status_msg: "title is too long" }));
    await expect(publishUpload("/uploads/abc", "x", "public")).rejects.toEqual(new PublishRefused(40002, "title is too long"));
  });
});
