import { expect, it } from "vitest";
import { translator } from "./translate";

const words = {
  player: { play: "Play", position: "{{at}} of {{of}}", comments_one: "{{count}} comment", comments_other: "{{count}} comments" },
};
const t = translator(words, "en");

it("finds a sentence and puts values into it", () => {
  expect(t("player.play")).toBe("Play");
  expect(t("player.position", { at: "0:05", of: "1:00" })).toBe("0:05 of 1:00");
});

it("puts values in as they are, and only once", () => {
  expect(t("player.position", { at: "{{of}} $& <b>", of: 0 })).toBe("{{of}} $& <b> of 0");
});

it("chooses the sentence for a number by the language", () => {
  expect([0, 1, 2].map((count) => t("player.comments", { count }))).toEqual(["0 comments", "1 comment", "2 comments"]);
  expect(translator(words, "zh-CN")("player.comments", { count: 1 })).toBe("1 comments"); // Chinese has one form
});

it("shows what is missing", () => {
  expect(t("player.position", { at: "0:05" })).toBe("0:05 of {{of}}");
  expect(t("player.pause" as "player.play")).toBe("player.pause");
});
