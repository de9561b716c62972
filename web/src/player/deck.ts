/** A clip the deck can play. */
export interface Clip {
  id: string;
  /** One file of all of it. */
  playUrl: string;
  /** A playlist of its qualities; "" while there is none. */
  hlsUrl: string;
}

/**
 * What the current clip is doing: "loading" until its first frame, "blocked" when the browser wants a gesture before it
 * plays, "stalled" when nothing arrived for a while, "failed" when it cannot be played.
 */
export type Phase = "loading" | "playing" | "paused" | "blocked" | "stalled" | "failed";

/** What a page shows of the deck. A new object for each change. */
export interface DeckState {
  current: number;
  phase: Phase;
  muted: boolean;
  rate: number;
  /** Indexes whose element shows a frame of its clip; the others show their cover. */
  withFrame: readonly number[];
}

/** The part of HTMLVideoElement that the deck uses; tests bring a smaller one. */
export type VideoElement = Pick<
  HTMLVideoElement,
  | "src" | "muted" | "loop" | "preload" | "playbackRate" | "currentTime" | "paused" | "readyState"
  | "play" | "pause" | "load" | "remove" | "removeAttribute" | "setAttribute" | "addEventListener"
> & { requestVideoFrameCallback?: HTMLVideoElement["requestVideoFrameCallback"] };

/** Where a slot wants its video element. */
export interface Host {
  append(element: VideoElement): void;
}

/** A playlist that an element plays. */
export interface HlsPlayback {
  /** Says whether its clip is the current one; one that waits loads less. */
  setActive(active: boolean): void;
  /** Ends it, and takes it off the element. */
  close(): void;
}

/** Gives an element a playlist, and calls onFailed when that cannot be played; null where the clip's file has to do. */
export type OpenHls = (video: VideoElement, url: string, active: boolean, onFailed: () => void) => HlsPlayback | null;

export interface DeckOptions {
  createVideo: () => VideoElement;
  /** Fetches what openHls needs. The deck waits for it before it loads the second clip, never with the first. */
  loadHls?: () => Promise<void>;
  openHls: OpenHls;
  muted: boolean;
  /** Whether clips play by themselves; false with reduced motion or Save-Data. */
  autoplay: boolean;
}

/** Elements that exist: previous, current and next. */
export const elementCount = 3;
/** The next clip begins to load when the current one can play, or after this, in ms. */
const nextLoadDelay = 1000;
/** Nothing arrived for this long, in ms: the page offers to skip. */
const stallTimeout = 8000;

interface Station {
  video: VideoElement;
  index: number | null;
  clip: Clip | null;
  loaded: boolean;
  /** null while it plays the clip's file. */
  hls: HlsPlayback | null;
  hasFrame: boolean;
  failed: boolean;
  /** Counts the clips this element has had, so that late answers for an earlier one are ignored. */
  use: number;
}

/**
 * Deck plays a list of clips with three video elements that are made once and used again. The clip at index i is always
 * on element i mod 3, so that the neighbours of the current clip never compete for one. The current clip loads first;
 * the next one loads when the current can play and waits, paused, on its first frame; the previous one is kept.
 */
export class Deck {
  readonly #stations: Station[];
  readonly #hosts = new Map<number, Host>();
  readonly #listeners = new Set<() => void>();
  readonly #autoplay: boolean;
  readonly #openHls: OpenHls;
  /** null once it was called. */
  #loadHls: (() => Promise<void>) | null;
  #hlsSettled: boolean;
  #clips: readonly Clip[] = [];
  #wantsToPlay: boolean;
  #nextTimer: ReturnType<typeof setTimeout> | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #state: DeckState;

  constructor(options: DeckOptions) {
    this.#autoplay = options.autoplay;
    this.#openHls = options.openHls;
    this.#loadHls = options.loadHls ?? null;
    this.#hlsSettled = this.#loadHls === null;
    this.#wantsToPlay = options.autoplay;
    this.#state = { current: 0, phase: "loading", muted: options.muted, rate: 1, withFrame: [] };
    this.#stations = Array.from({ length: elementCount }, () => this.#createStation(options.createVideo()));
  }

  readonly state = (): DeckState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** The element of the current clip, for its time and duration. */
  currentVideo(): VideoElement | null {
    const station = this.#stationOf(this.#state.current);
    return station.index === this.#state.current ? station.video : null;
  }

  /** Replaces the list. Clips that stay at their index are not touched. */
  setClips(clips: readonly Clip[]): void {
    this.#clips = clips;
    this.show(Math.min(this.#state.current, Math.max(0, clips.length - 1)));
  }

  /** Gives the deck the place of an index's video. The returned function takes it away. */
  attach(index: number, host: Host): () => void {
    this.#hosts.set(index, host);
    const station = this.#stationOf(index);
    if (station.index === index) host.append(station.video);
    return () => {
      if (this.#hosts.get(index) === host) this.#hosts.delete(index);
    };
  }

  /** Makes an index current. */
  show(index: number): void {
    const moved = index !== this.#state.current;
    for (const station of this.#stations) {
      if (station.index !== index) this.#rest(station);
    }
    for (const near of [index, index + 1, index - 1]) this.#assign(near);
    for (const station of this.#stations) station.hls?.setActive(station.index === index);
    if (moved) this.#wantsToPlay = this.#autoplay || this.#wantsToPlay;
    this.#update({ current: index, phase: this.#phaseAtRest(index), rate: moved ? 1 : this.#state.rate });
    this.#load(index);
    this.#scheduleNext();
    if (this.#wantsToPlay) this.#play();
  }

  /** Plays or pauses the current clip. */
  toggle(): void {
    if (this.#state.phase === "playing" || this.#state.phase === "stalled") this.pause();
    else this.play();
  }

  play(): void {
    this.#wantsToPlay = true;
    this.#load(this.#state.current);
    this.#play();
  }

  pause(): void {
    this.#wantsToPlay = false;
    this.currentVideo()?.pause();
  }

  /** Pauses while the page is hidden, and goes on where the viewer had not paused. */
  setVisible(visible: boolean): void {
    if (!visible) this.currentVideo()?.pause();
    else if (this.#wantsToPlay) this.#play();
  }

  /** Loads the current clip again after a failure. */
  retry(): void {
    const station = this.#stationOf(this.#state.current);
    this.#recycle(station, this.#state.current, station.clip);
    this.play();
  }

  setMuted(muted: boolean): void {
    for (const { video } of this.#stations) video.muted = muted;
    this.#update({ muted });
  }

  setRate(rate: number): void {
    const video = this.currentVideo();
    if (video) video.playbackRate = rate;
    this.#update({ rate });
  }

  /** Moves the current clip by seconds; the caller keeps it within the clip. */
  seek(seconds: number): void {
    const video = this.currentVideo();
    if (video) video.currentTime = Math.max(0, seconds);
  }

  /** Gives the elements back to the browser. The deck is not used again. */
  dispose(): void {
    clearTimeout(this.#nextTimer);
    clearTimeout(this.#stallTimer);
    this.#listeners.clear();
    for (const station of this.#stations) {
      this.#recycle(station, null, null);
      station.video.remove();
    }
  }

  #stationOf(index: number): Station {
    const station = this.#stations[((index % elementCount) + elementCount) % elementCount];
    if (!station) throw new Error("the deck has no elements");
    return station;
  }

  #createStation(video: VideoElement): Station {
    const station: Station = { video, index: null, clip: null, loaded: false, hls: null, hasFrame: false, failed: false, use: 0 };
    video.setAttribute("playsinline", "");
    video.muted = this.#state.muted; // before src, or a browser may refuse to play
    video.loop = true;
    video.preload = "none";
    const ifCurrent = (change: () => void) => () => {
      if (station.index === this.#state.current) change();
    };
    video.addEventListener("canplay", ifCurrent(() => this.#loadNext()));
    video.addEventListener("playing", ifCurrent(() => this.#arrived("playing")));
    video.addEventListener("timeupdate", ifCurrent(() => {
      if (this.#state.phase === "stalled" || this.#stallTimer !== undefined) this.#arrived(video.paused ? this.#state.phase : "playing");
    }));
    video.addEventListener("pause", ifCurrent(() => {
      if (this.#state.phase === "playing" || this.#state.phase === "stalled") this.#arrived("paused");
    }));
    video.addEventListener("waiting", ifCurrent(() => this.#watchForStall()));
    video.addEventListener("loadeddata", () => {
      if (!video.requestVideoFrameCallback) this.#frameShown(station, station.use);
    });
    video.addEventListener("error", () => {
      if (station.clip === null) return; // its source was taken away
      if (station.hls) {
        this.#playFile(station);
        return;
      }
      station.failed = true;
      if (station.index === this.#state.current) this.#arrived("failed");
    });
    return station;
  }

  /** Puts the clip of an index on its element, unless it is there. */
  #assign(index: number): void {
    const clip = this.#clips[index];
    if (!clip) return;
    const station = this.#stationOf(index);
    if (station.index === index && station.clip?.id === clip.id) return;
    this.#recycle(station, index, clip);
    this.#hosts.get(index)?.append(station.video);
  }

  #recycle(station: Station, index: number | null, clip: Clip | null): void {
    const { video } = station;
    station.use++;
    station.index = index;
    station.clip = clip;
    station.hasFrame = false;
    station.failed = false;
    video.pause();
    if (station.loaded) {
      station.loaded = false;
      video.preload = "none";
      this.#closeHls(station);
      video.removeAttribute("src");
      video.load(); // ends the download
    }
    this.#updateFrames();
  }

  /** Leaves an element that is not current on the first frame of its clip. */
  #rest({ video }: Station): void {
    video.pause();
    video.playbackRate = 1;
    if (video.currentTime > 0) video.currentTime = 0;
  }

  #load(index: number): void {
    const station = this.#stationOf(index);
    if (station.index !== index || station.clip === null || station.loaded) return;
    station.loaded = true;
    station.video.muted = this.#state.muted;
    station.video.preload = "auto";
    this.#watchForFrame(station);
    this.#open(station, station.clip);
    if (index === this.#state.current) this.#watchForStall();
  }

  /** Gives an element the playlist of its clip, or its file. */
  #open(station: Station, clip: Clip): void {
    const { use, video } = station;
    const failed = () => {
      if (station.use === use) this.#playFile(station);
    };
    if (clip.hlsUrl) station.hls = this.#openHls(video, clip.hlsUrl, station.index === this.#state.current, failed);
    if (!station.hls) video.src = clip.playUrl;
  }

  /** Plays a clip's file, from where its playlist failed. */
  #playFile(station: Station): void {
    const { clip, video } = station;
    if (!clip) return;
    const at = video.currentTime;
    this.#closeHls(station);
    if (!station.hasFrame) this.#watchForFrame(station);
    video.src = clip.playUrl;
    if (at > 0) video.currentTime = at;
    if (station.index === this.#state.current && this.#wantsToPlay) this.#play();
  }

  #closeHls(station: Station): void {
    station.hls?.close();
    station.hls = null;
  }

  #scheduleNext(): void {
    clearTimeout(this.#nextTimer);
    const current = this.currentVideo();
    if (current && current.readyState >= 3) this.#loadNext();
    else this.#nextTimer = setTimeout(() => this.#loadNext(), nextLoadDelay);
  }

  #loadNext(): void {
    clearTimeout(this.#nextTimer);
    if (!this.#autoplay) return;
    if (this.#hlsSettled) {
      this.#load(this.#state.current + 1);
      return;
    }
    const settled = () => {
      this.#hlsSettled = true;
      this.#loadNext();
    };
    void this.#loadHls?.().then(settled, settled); // without it clips play their files
    this.#loadHls = null;
  }

  #play(): void {
    const index = this.#state.current;
    const station = this.#stationOf(index);
    if (station.index !== index || !station.loaded || station.failed) return;
    const { use, video } = station;
    video.play().catch((error: unknown) => {
      if (station.use !== use || this.#state.current !== index) return;
      if (!(error instanceof Error) || error.name !== "NotAllowedError") return; // a pause in between, or the error event says it
      if (this.#state.muted) {
        this.#arrived("blocked");
        return;
      }
      this.setMuted(true); // sound needs a gesture first, pictures do not
      this.#play();
    });
  }

  #phaseAtRest(index: number): Phase {
    const station = this.#stationOf(index);
    if (station.index === index && station.failed) return "failed";
    if (station.index === index && !station.video.paused) return "playing";
    return this.#wantsToPlay ? "loading" : "paused";
  }

  /**
   * Reports the first frame of the clip that is about to load. It asks before there is one: a clip that waits off the
   * screen, paused, shows one frame only, and who asks after it hears of none until the clip plays.
   */
  #watchForFrame(station: Station): void {
    const { use, video } = station;
    video.requestVideoFrameCallback?.(() => this.#frameShown(station, use));
  }

  #frameShown(station: Station, use: number): void {
    if (station.use !== use || station.hasFrame) return;
    station.hasFrame = true;
    this.#updateFrames();
  }

  #watchForStall(): void {
    if (this.#stallTimer !== undefined) return;
    const watched = this.#state.current;
    this.#stallTimer = setTimeout(() => {
      this.#stallTimer = undefined;
      if (this.#state.current === watched && this.#wantsToPlay && this.#state.phase !== "failed") this.#update({ phase: "stalled" });
    }, stallTimeout);
  }

  #arrived(phase: Phase): void {
    clearTimeout(this.#stallTimer);
    this.#stallTimer = undefined;
    if (this.#state.phase !== phase) this.#update({ phase });
  }

  #updateFrames(): void {
    const withFrame = this.#stations.filter((s) => s.hasFrame && s.index !== null).map((s) => s.index as number);
    this.#update({ withFrame });
  }

  #update(change: Partial<DeckState>): void {
    if (change.current !== undefined && change.current !== this.#state.current) {
      clearTimeout(this.#stallTimer);
      this.#stallTimer = undefined;
    }
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
