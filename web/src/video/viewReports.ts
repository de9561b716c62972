/** One time that somebody watched a video. */
export interface View {
  videoId: string;
  watchedMs: number;
  loops: number;
  /** Where it was shown. */
  source: ViewSource;
  /** Its place there, from 0. */
  position: number;
  /** The list it was part of: the same for all views of one visit to it. */
  slateId: string;
}

export type ViewSource = "feed" | "following" | "link";

/** The API takes this many views at once. */
export const mostViews = 50;
/** A view waits for others this long, in ms. */
export const reportDelay = 10_000;
/** Reports that failed and wait for the next one; of more the oldest is given up. */
export const mostUnsent = 4;

/** Sends a report. It fails where another try may help. */
export type SendViews = (views: readonly View[], idempotencyKey: string) => Promise<void>;

interface Report {
  views: View[];
  /** The same for each try, so that its views count once. */
  key: string;
}

/** ViewReports sends views together: those of ten seconds, or fifty. */
export class ViewReports {
  readonly #send: SendViews;
  readonly #newKey: () => string;
  #waiting: View[] = [];
  #unsent: Report[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: SendViews, newKey: () => string) {
    this.#send = send;
    this.#newKey = newKey;
  }

  add(view: View): void {
    this.#waiting.push(view);
    if (this.#waiting.length >= mostViews) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), reportDelay);
  }

  /** Sends what waits now, and what failed before. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const reports = this.#unsent;
    if (this.#waiting.length > 0) reports.push({ views: this.#waiting, key: this.#newKey() });
    this.#waiting = [];
    this.#unsent = [];
    for (const report of reports) {
      this.#send(report.views, report.key).catch(() => {
        this.#unsent = [...this.#unsent, report].slice(-mostUnsent);
      });
    }
  }
}
