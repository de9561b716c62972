import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { mostUnsent, mostViews, reportDelay, ViewReports, type View } from "./viewReports";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const view = (videoId: string): View => ({ videoId, watchedMs: 1000, loops: 0, source: "feed", position: 0, slateId: "s" });

function setup() {
  const sent: { ids: string; key: string }[] = [];
  const network = { down: false };
  let keys = 0;
  const reports = new ViewReports(async (views, key) => {
    sent.push({ ids: views.map((v) => v.videoId).join(), key });
    if (network.down) throw new Error("down");
  }, () => `k${++keys}`);
  return { reports, sent, network };
}

it("sends the views of ten seconds together", () => {
  const { reports, sent } = setup();
  reports.add(view("a"));
  vi.advanceTimersByTime(reportDelay - 1);
  reports.add(view("b"));
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual([{ ids: "a,b", key: "k1" }]);
  vi.advanceTimersByTime(10 * reportDelay);
  expect(sent).toHaveLength(1);
  reports.add(view("c"));
  vi.advanceTimersByTime(reportDelay);
  expect(sent[1]).toEqual({ ids: "c", key: "k2" });
});

it("sends at once when the page is left, and when a report is full", () => {
  const { reports, sent } = setup();
  reports.flush();
  expect(sent).toEqual([]);
  reports.add(view("a"));
  reports.flush();
  expect(sent).toEqual([{ ids: "a", key: "k1" }]);
  for (let i = 0; i < mostViews; i++) reports.add(view("b"));
  expect(sent[1]?.ids.split(",")).toHaveLength(mostViews);
  vi.advanceTimersByTime(reportDelay);
  expect(sent).toHaveLength(2);
});

it("sends a report that failed again with its own key, and keeps few of them", async () => {
  const { reports, sent, network } = setup();
  network.down = true;
  for (let i = 0; i <= mostUnsent; i++) {
    reports.add(view(`v${i}`));
    reports.flush();
    await vi.advanceTimersByTimeAsync(0);
  }
  sent.length = 0;
  network.down = false;
  reports.add(view("last"));
  reports.flush();
  await vi.advanceTimersByTimeAsync(0);
  expect(sent).toEqual([
    ...Array.from({ length: mostUnsent }, (_, i) => ({ ids: `v${i + 1}`, key: `k${i + 2}` })),
    { ids: "last", key: `k${mostUnsent + 2}` },
  ]);
  sent.length = 0;
  reports.flush();
  expect(sent).toEqual([]);
});
