import { expect, it } from "vitest";
import type { Message } from "../api/model";
import { groupByMinute, mergeMessages, notArrived } from "./conversation";

const message = (id: string, sentAt: number, from = "1"): Message => ({ id, from, to: "9", text: id, sentAt });

const sent = (id: string, text: string, from = "1"): Message => ({ id, from, to: "9", text, sentAt: 0 });
const outgoing = (key: string, text: string, before: number) => ({ key, text, failed: false, before });

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

it("shows a message once, also when the stream brings it before the answer to sending it", () => {
  const waiting = [outgoing("k1", "hi", 1), outgoing("k2", "hi", 2), outgoing("k3", "bye", 0)];
  const left = (...live: Message[]) => notArrived(waiting, live, "1").map((o) => o.key);
  expect(left(sent("a", "hi"))).toEqual(["k1", "k2", "k3"]);
  expect(left(sent("a", "hi"), sent("b", "hi"))).toEqual(["k2", "k3"]);
  expect(left(sent("a", "hi"), sent("b", "hi"), sent("c", "hi"), sent("d", "bye", "9"))).toEqual(["k3"]);
});
