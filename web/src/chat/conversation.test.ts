import { expect, it } from "vitest";
import type { Message } from "../api/model";
import { groupByMinute, mergeMessages } from "./conversation";

const message = (id: string, sentAt: number, from = "1"): Message => ({ id, from, to: "9", text: id, sentAt });

it("keeps messages in the order of time, each once, whatever brought them", () => {
  const page = [message("a", 1), message("c", 3)];
  const live = [message("c", 3), message("b", 2), message("d", 4)];
  expect(mergeMessages(page, live).map((m) => m.id)).toEqual(["a", "b", "c", "d"]);
  expect(mergeMessages(mergeMessages(page, live), live).map((m) => m.id)).toEqual(["a", "b", "c", "d"]);
});

it("groups by person and minute", () => {
  const groups = groupByMinute([message("a", 0), message("b", 30_000), message("c", 59_999, "2"), message("d", 60_000, "2"), message("e", 61_000, "2")]);
  expect(groups.map((g) => g.messages.map((m) => m.id))).toEqual([["a", "b"], ["c"], ["d", "e"]]);
});
