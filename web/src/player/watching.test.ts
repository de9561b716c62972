import { expect, it } from "vitest";
import { leastWatched, WatchMeter, type Watched } from "./watching";

function setup() {
  const clock = { now: 5000 };
  const reported: Watched[] = [];
  const meter = new WatchMeter(() => clock.now, (watched) => reported.push(watched));
  const show = (videoId: string | null, playing: boolean, position = 0) => meter.show({ videoId, position, playing, length: 2000 });
  return { clock, reported, meter, show };
}

it("reports how long a video played and how often it began again, when the next one comes", () => {
  const { clock, reported, show } = setup();
  show("a", false, 3);
  clock.now += 10_000; // it loads
  show("a", true, 3);
  clock.now += 3000;
  show("a", false, 3); // paused
  clock.now += 10_000;
  show("a", true, 3);
  clock.now += 1500;
  expect(reported).toEqual([]);
  show("b", false, 4);
  expect(reported).toEqual([{ videoId: "a", position: 3, watchedMs: 4500, loops: 2 }]);
});

it("reports nothing of a video that was passed by", () => {
  const { clock, reported, show } = setup();
  for (const id of ["a", "b", "c"]) {
    show(id, true);
    clock.now += leastWatched - 1;
  }
  show(null, false);
  expect(reported).toEqual([]);
});

it("reports a video once, also when the page is left and comes back on it", () => {
  const { clock, reported, meter, show } = setup();
  show("a", true);
  clock.now += 1000;
  meter.leave();
  meter.leave();
  clock.now += 1000;
  show("b", true);
  clock.now += 1000;
  show("a", true); // again, later: that is another view
  clock.now += 1000;
  meter.leave();
  expect(reported.map((w) => w.videoId)).toEqual(["a", "b", "a"]);
});
