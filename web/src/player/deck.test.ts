import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Deck, elementCount, type Clip, type OpenHls, type VideoElement } from "./deck";

/** A video element without a browser: it loads and plays when the test says so. */
class FakeVideo extends EventTarget {
  src = "";
  muted = false;
  loop = false;
  preload = "";
  playbackRate = 1;
  currentTime = 0;
  paused = true;
  readyState = 0;
  host: string | null = null;
  requestVideoFrameCallback: ((show: () => void) => void) | undefined;
  refuses: (video: FakeVideo) => boolean = () => false;
  load() {
    this.readyState = 0;
  }
  remove() {
    this.host = null;
  }
  setAttribute() {}
  removeAttribute(name: string) {
    if (name === "src") this.src = "";
  }
  async play() {
    if (this.refuses(this)) throw Object.assign(new Error("gesture needed"), { name: "NotAllowedError" });
    this.paused = false;
  }
  pause() {
    if (this.paused) return;
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }
  emit(...names: string[]) {
    if (names.includes("canplay")) this.readyState = 3;
    for (const name of names) this.dispatchEvent(new Event(name));
  }
}

const clips = (n: number): Clip[] => Array.from({ length: n }, (_, i) => ({ id: `v${i}`, playUrl: `/media/${i}.mp4`, hlsUrl: "" }));

function setup({ count = 10, muted = true, autoplay = true, refuses = (_video: FakeVideo): boolean => false } = {}) {
  const videos: FakeVideo[] = [];
  const deck = new Deck({
    muted,
    autoplay,
    openHls: () => null,
    createVideo: () => {
      const video = new FakeVideo();
      video.refuses = refuses;
      videos.push(video);
      return video as unknown as VideoElement;
    },
  });
  for (let i = 0; i < count; i++) {
    deck.attach(i, { append: (v) => ((v as unknown as FakeVideo).host = `slot ${i}`) });
  }
  deck.setClips(clips(count));
  const at = (index: number): FakeVideo => {
    const video = videos[index % elementCount];
    if (!video) throw new Error("no element");
    return video;
  };
  return { deck, videos, at };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("hears of the first frame of a clip that shows it before it says that it has loaded", () => {
  const { deck, at } = setup();
  const asked: (() => void)[] = [];
  at(1).requestVideoFrameCallback = (show) => void asked.push(show);
  at(0).emit("canplay");
  expect(asked).toHaveLength(1);
  asked[0]?.();
  at(1).emit("loadeddata");
  expect(deck.state().withFrame).toEqual([1]);
  deck.show(4); // the element has another clip now
  asked[0]?.();
  expect(deck.state().withFrame).toEqual([]);
});

describe("which element plays which clip", () => {
  it("makes three elements and no more over a thousand swipes", () => {
    const { deck, videos } = setup({ count: 1000 });
    for (let i = 0; i < 1000; i++) deck.show(i);
    expect(videos).toHaveLength(3);
  });
  it("puts previous, current and next into their own slots", () => {
    const { deck, at } = setup();
    deck.show(5);
    expect([at(4).host, at(5).host, at(6).host]).toEqual(["slot 4", "slot 5", "slot 6"]);
  });
  it("keeps the previous clip loaded and takes only the farthest element for the new next", () => {
    const { deck, at } = setup();
    at(0).emit("canplay", "playing");
    deck.show(1);
    at(1).emit("canplay", "playing");
    expect(at(0).src).toBe("/media/0.mp4");
    expect(at(2).src).toBe("/media/2.mp4");
    deck.show(2);
    at(2).emit("canplay");
    expect([at(1).src, at(2).src, at(3).src]).toEqual(["/media/1.mp4", "/media/2.mp4", "/media/3.mp4"]);
  });
  it("leaves clips alone when the list grows", () => {
    const { deck, at } = setup({ count: 3 });
    at(0).emit("loadeddata", "canplay", "playing");
    deck.setClips(clips(6));
    expect(at(0).src).toBe("/media/0.mp4");
    expect(deck.state()).toMatchObject({ current: 0, phase: "playing", withFrame: [0] });
  });
});

describe("what loads when", () => {
  it("loads the current clip first and the next when the current can play", () => {
    const { at } = setup();
    expect([at(0).src, at(1).src]).toEqual(["/media/0.mp4", ""]);
    at(0).emit("canplay");
    expect(at(1).src).toBe("/media/1.mp4");
    expect(at(1).paused).toBe(true);
  });
  it("loads the next after a second when the current is slow", () => {
    const { at } = setup();
    vi.advanceTimersByTime(999);
    expect(at(1).src).toBe("");
    vi.advanceTimersByTime(1);
    expect(at(1).src).toBe("/media/1.mp4");
  });
  it("loads and plays nothing but what one asks for without autoplay", () => {
    const { deck, at } = setup({ autoplay: false });
    at(0).emit("canplay");
    vi.advanceTimersByTime(5000);
    expect([at(0).paused, at(1).src, deck.state().phase]).toEqual([true, "", "paused"]);
    deck.play();
    expect(at(0).paused).toBe(false);
  });
});

describe("frames and covers", () => {
  it("shows a clip's picture from its first frame on, and its cover again when the element is used for another", () => {
    const { deck, at } = setup();
    expect(deck.state().withFrame).toEqual([]);
    at(0).emit("loadeddata");
    expect(deck.state().withFrame).toEqual([0]);
    deck.show(2);
    expect(deck.state().withFrame).not.toContain(0);
  });
  it("starts a clip that one comes back to from its beginning", () => {
    const { deck, at } = setup();
    at(0).currentTime = 4;
    deck.show(1);
    expect(at(0).currentTime).toBe(0);
  });
});

describe("sound and gestures", () => {
  it("plays on without sound when the browser refuses sound", async () => {
    const { deck, at } = setup({ muted: false, refuses: (v) => !v.muted });
    await vi.advanceTimersByTimeAsync(0);
    expect([deck.state().muted, at(0).paused]).toEqual([true, false]);
  });
  it("says that a gesture is needed when the browser refuses even that", async () => {
    const { deck } = setup({ refuses: () => true });
    await vi.advanceTimersByTimeAsync(0);
    expect(deck.state().phase).toBe("blocked");
  });
  it("keeps sound over clips once it is on", () => {
    const { deck, at } = setup();
    deck.setMuted(false);
    deck.show(4);
    expect([at(3).muted, at(4).muted, at(5).muted]).toEqual([false, false, false]);
  });
});

describe("pause, stall and failure", () => {
  it("pauses and goes on", () => {
    const { deck, at } = setup();
    at(0).emit("canplay", "playing");
    deck.toggle();
    expect([deck.state().phase, at(0).paused]).toEqual(["paused", true]);
    deck.toggle();
    at(0).emit("playing");
    expect(deck.state().phase).toBe("playing");
  });
  it("pauses while hidden and goes on after, unless the viewer paused", () => {
    const { deck, at } = setup();
    at(0).emit("canplay", "playing");
    deck.setVisible(false);
    expect(at(0).paused).toBe(true);
    deck.setVisible(true);
    expect(at(0).paused).toBe(false);
    deck.pause();
    deck.setVisible(true);
    expect(at(0).paused).toBe(true);
  });
  it("is stalled after eight seconds without data and recovers", () => {
    const { deck, at } = setup();
    at(0).emit("canplay", "playing");
    at(0).emit("waiting");
    vi.advanceTimersByTime(7999);
    expect(deck.state().phase).toBe("playing");
    vi.advanceTimersByTime(1);
    expect(deck.state().phase).toBe("stalled");
    at(0).emit("timeupdate");
    expect(deck.state().phase).toBe("playing");
  });
  it("does not call the next clip stalled for the one before", () => {
    const { deck, at } = setup();
    at(1).emit("canplay");
    at(0).emit("waiting");
    vi.advanceTimersByTime(7000);
    deck.show(1);
    at(1).emit("canplay", "playing");
    vi.advanceTimersByTime(2000);
    expect(deck.state().phase).toBe("playing");
  });
  it("says that a clip failed, and loads it again on retry", () => {
    const { deck, at } = setup();
    at(0).emit("error");
    expect(deck.state().phase).toBe("failed");
    deck.retry();
    expect(at(0).src).toBe("/media/0.mp4");
    at(0).emit("playing");
    expect(deck.state().phase).toBe("playing");
  });
  it("keeps a failure of the next clip for when it is shown", () => {
    const { deck, at } = setup();
    at(0).emit("canplay", "playing");
    at(1).emit("error");
    expect(deck.state().phase).toBe("playing");
    deck.show(1);
    expect(deck.state().phase).toBe("failed");
  });
});

it("gives everything back when it is disposed", () => {
  const { deck, videos } = setup();
  deck.dispose();
  expect(videos.map((v) => [v.src, v.host, v.paused])).toEqual([["", null, true], ["", null, true], ["", null, true]]);
});

/** A deck whose clips have playlists, and what became of each that was opened. */
function setupHls({ ready = true, loadHls }: { ready?: boolean; loadHls?: () => Promise<void> } = {}) {
  const opened: { url: string; active: boolean; closed: boolean; fail: () => void }[] = [];
  const openHls: OpenHls = (video, url, active, onFailed) => {
    if (!ready) return null;
    const playback = { url, active, closed: false, fail: onFailed };
    opened.push(playback);
    video.src = `blob:${url}`;
    return {
      setActive: (now) => void (playback.active = now),
      close: () => void (playback.closed = true),
    };
  };
  const videos: FakeVideo[] = [];
  const createVideo = () => videos[videos.push(new FakeVideo()) - 1] as unknown as VideoElement;
  const deck = new Deck({ muted: true, autoplay: true, createVideo, openHls, ...(loadHls && { loadHls }) });
  deck.setClips(clips(10).map((clip, i) => ({ ...clip, hlsUrl: `/media/${i}.m3u8` })));
  const at = (index: number) => videos[index % elementCount] as FakeVideo;
  return { deck, opened, at };
}

describe("a clip with a playlist", () => {
  it("plays it, and the next one loads less while it waits", () => {
    const { deck, opened, at } = setupHls();
    at(0).emit("canplay", "playing");
    expect(opened.map((o) => [o.url, o.active])).toEqual([["/media/0.m3u8", true], ["/media/1.m3u8", false]]);
    deck.show(1);
    expect(opened.map((o) => o.active)).toEqual([false, true]);
  });
  it("closes a playlist when its element gets another clip, and all when the deck goes", () => {
    const { deck, opened, at } = setupHls();
    for (let i = 0; i < 5; i++) {
      deck.show(i);
      at(i).emit("canplay", "playing");
      expect(opened.filter((o) => !o.closed).length).toBeLessThanOrEqual(elementCount);
    }
    deck.dispose();
    expect(opened.every((o) => o.closed)).toBe(true);
  });
  it("plays the file from the same position when the playlist fails", () => {
    const { opened, at } = setupHls();
    at(0).emit("canplay", "playing");
    at(0).currentTime = 3;
    at(0).paused = true; // as an element is that gets another source
    opened[0]?.fail();
    expect(opened[0]?.closed).toBe(true);
    expect(at(0)).toMatchObject({ src: "/media/0.mp4", currentTime: 3, paused: false });
  });
  it("plays the file when the element itself refuses the playlist, and only then fails", () => {
    const { deck, at } = setupHls();
    at(0).emit("error");
    expect(at(0).src).toBe("/media/0.mp4");
    expect(deck.state().phase).not.toBe("failed");
    at(0).emit("error");
    expect(deck.state().phase).toBe("failed");
  });
  it("ignores a failure that comes after its element got another clip", () => {
    const { deck, opened, at } = setupHls();
    deck.show(3);
    opened[0]?.fail();
    expect(at(3).src).toBe("blob:/media/3.m3u8");
  });
  it("loads the first clip at once, and the second when what plays playlists has come or cannot come", async () => {
    for (const loadHls of [() => Promise.resolve(), () => Promise.reject(new Error("offline"))]) {
      const load = vi.fn(loadHls);
      const { opened, at } = setupHls({ loadHls: load });
      expect(load).not.toHaveBeenCalled();
      at(0).emit("canplay");
      expect(opened).toHaveLength(1);
      await vi.advanceTimersByTimeAsync(0);
      expect(opened).toHaveLength(2);
      at(0).emit("canplay");
      expect(load).toHaveBeenCalledTimes(1);
    }
  });
  it("plays the file while what plays playlists is not there", () => {
    const { at } = setupHls({ ready: false });
    expect(at(0).src).toBe("/media/0.mp4");
  });
});
