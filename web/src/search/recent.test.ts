import { describe, expect, it } from "vitest";
import { withKeyword } from "./recent";

describe("recent searches", () => {
  it("begin with the newest", () => {
    expect(withKeyword(["cats"], "dogs")).toEqual(["dogs", "cats"]);
  });
  it("hold a keyword once, as it was written last", () => {
    expect(withKeyword(["dogs", "cats", "猫"], "Cats")).toEqual(["Cats", "dogs", "猫"]);
  });
  it("are ten at most", () => {
    let recent: readonly string[] = [];
    for (let i = 0; i < 12; i++) recent = withKeyword(recent, `k${i}`);
    expect(recent).toEqual(["k11", "k10", "k9", "k8", "k7", "k6", "k5", "k4", "k3", "k2"]);
  });
});
