import { describe, expect, it } from "vitest";
import { keywordLength, kinds, placeOf, readSearch } from "./place";

describe("the address of a search", () => {
  it("reads back as what it was made of", () => {
    for (const kind of kinds) expect(readSearch({ ...placeOf("猫 cats", kind) })).toEqual(placeOf("猫 cats", kind));
  });
  it("has digits as a keyword", () => {
    expect(readSearch({ q: 2026 })).toEqual({ q: "2026" });
  });
  it.each([[{}], [{ q: "  " }], [{ q: { a: 1 }, type: "no" }], [{ q: null }]])("is the empty page for %j", (search) => {
    expect(readSearch(search)).toEqual({});
  });
  it("has no more than the server takes", () => {
    expect(readSearch({ q: "x".repeat(keywordLength + 1) }).q).toHaveLength(keywordLength);
  });
});
