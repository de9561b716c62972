import { describe, expect, it } from "vitest";
import type { TextSpan } from "../api/model";
import { partsOf } from "./spans";

const span = (start: number, length: number, kind: TextSpan["kind"] = "tag"): TextSpan => ({ kind, start, length, value: `${kind} at ${start}` });
const pieces = (text: string, spans: TextSpan[]) => partsOf(text, spans).map((part) => [part.text, part.span?.value ?? ""]);

describe("the parts of a title", () => {
  it("is one part without spans, and none without a text", () => {
    expect(pieces("just words", [])).toEqual([["just words", ""]]);
    expect(pieces("", [])).toEqual([]);
  });
  it("counts as the server does, also behind characters of two code units", () => {
    expect(pieces("😀 #猫 @ada!", [span(3, 2), span(6, 4, "mention")])).toEqual([
      ["😀 ", ""], ["#猫", "tag at 3"], [" ", ""], ["@ada", "mention at 6"], ["!", ""],
    ]);
  });
  it("takes spans in any order, and side by side", () => {
    expect(pieces("#a#b", [span(2, 2), span(0, 2)])).toEqual([["#a", "tag at 0"], ["#b", "tag at 2"]]);
  });
  it.each([
    ["beyond the end", [span(3, 9)]],
    ["before the beginning", [span(-1, 2)]],
    ["without a length", [span(1, 0), span(1, -1)]],
    ["over an earlier one", [span(0, 4), span(2, 2)]],
  ])("keeps the whole text whatever a span says: %s", (_, spans) => {
    const parts = partsOf("#abc", spans);
    expect(parts.map((part) => part.text).join("")).toBe("#abc");
    expect(parts.filter((part) => part.span !== null).length).toBeLessThanOrEqual(1);
  });
});
