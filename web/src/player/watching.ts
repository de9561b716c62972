/** A video that was watched, from when it became the current one until the next did. */
export interface Watched {
  videoId: string;
  /** Its place in the list, from 0. */
  position: number;
  /** How long it played, in ms, all loops together. */
  watchedMs: number;
  /** How often it began again. */
  loops: number;
}

/** What the stage shows at a moment. */
export interface Showing {
  /** null while there is no video. */
  videoId: string | null;
  position: number;
  playing: boolean;
  /** In ms; 0 while it is not known. */
  length: number;
}

/** What played shorter than this was passed by, not watched, in ms. */
export const leastWatched = 1000;
/** The API takes no view that is longer, in ms, or has more loops. */
const mostWatched = 86_400_000;
const mostLoops = 10_000;

/** WatchMeter measures how long each video plays and reports it once, when the next video comes or the page is left. */
export class WatchMeter {
  readonly #now: () => number;
  readonly #report: (watched: Watched) => void;
  #showing: Showing = { videoId: null, position: 0, playing: false, length: 0 };
  #watchedMs = 0;
  /** When the time that is not yet in watchedMs began. */
  #since = 0;
  #reported = false;

  constructor(now: () => number, report: (watched: Watched) => void) {
    this.#now = now;
    this.#report = report;
  }

  /** Says what the stage shows from now on. */
  show(showing: Showing): void {
    this.#measure();
    if (showing.videoId !== this.#showing.videoId) {
      this.leave();
      this.#watchedMs = 0;
      this.#reported = false;
    }
    this.#showing = showing;
  }

  /** Reports the current video: nobody knows whether the page comes back. If it does, the same video is not reported again. */
  leave(): void {
    this.#measure();
    const { videoId, position, length } = this.#showing;
    if (videoId === null || this.#reported || this.#watchedMs < leastWatched) return;
    this.#reported = true;
    const watchedMs = Math.min(Math.round(this.#watchedMs), mostWatched);
    this.#report({ videoId, position, watchedMs, loops: length > 0 ? Math.min(Math.floor(watchedMs / length), mostLoops) : 0 });
  }

  #measure(): void {
    const now = this.#now();
    if (this.#showing.playing) this.#watchedMs += now - this.#since;
    this.#since = now;
  }
}
