import { Speed } from "./upload";

/**
 * How an upload is: "sending", "paused" by the person, "broken" when the connection did not come back, "refused" when
 * the platform does not want it, "sent" when all of it is there.
 */
export type SendingPhase = "sending" | "paused" | "broken" | "refused" | "sent";

export interface SendingState {
  phase: SendingPhase;
  sent: number;
  total: number;
  /** Bytes per second over the last seconds; 0 at first. */
  speed: number;
  /** Where the bytes go; null before the platform said so. */
  url: string | null;
  /** Why it was refused; "" where nothing is known. */
  message: string;
}

/** What an upload reports. */
export interface UploadEvents {
  onUrl(url: string): void;
  onProgress(sent: number): void;
  onSent(): void;
  /** message is null where trying again may help. */
  onFailed(message: string | null): void;
}

/** An upload that goes on where it was. */
export interface ResumableUpload {
  start(): void;
  /** Stops it; what was sent stays, unless it is given up. */
  stop(giveUp: boolean): Promise<void>;
}

export type OpenUpload = (file: File, url: string | null, events: UploadEvents) => Promise<ResumableUpload>;

/** Sending sends one file, piece by piece, and can be stopped and go on. Safe to start more than once. */
export class Sending {
  readonly #file: File;
  readonly #open: OpenUpload;
  readonly #listeners = new Set<() => void>();
  #speed = new Speed();
  #upload: Promise<ResumableUpload> | null = null;
  /** Counts starts and stops, so that what was stopped before it began does not begin, and reports of it are ignored. */
  #run = 0;
  #state: SendingState;

  constructor(file: File, url: string | null, open: OpenUpload) {
    this.#file = file;
    this.#open = open;
    this.#state = { phase: "paused", sent: 0, total: file.size, speed: 0, url, message: "" };
  }

  readonly state = (): SendingState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Begins, or goes on where it was. */
  start(): void {
    if (this.#state.phase === "sending" || this.#state.phase === "sent") return;
    const run = ++this.#run;
    this.#speed = new Speed();
    this.#update({ phase: "sending", speed: 0, message: "" });
    const now = (report: () => void) => {
      if (this.#run === run) report();
    };
    const upload = this.#open(this.#file, this.#state.url, {
      onUrl: (url) => now(() => this.#update({ url })),
      onProgress: (sent) => now(() => this.#update({ sent, speed: this.#speed.add(performance.now(), sent) })),
      onSent: () => now(() => this.#update({ phase: "sent", sent: this.#file.size })),
      onFailed: (message) => now(() => this.#update({ phase: message === null ? "broken" : "refused", message: message ?? "" })),
    });
    this.#upload = upload;
    upload.then(
      (opened) => now(() => opened.start()),
      () => now(() => this.#update({ phase: "broken" })),
    );
  }

  /** Stops; start goes on from there. */
  pause(): void {
    if (this.#state.phase !== "sending") return;
    this.#run++;
    void this.#upload?.then((upload) => upload.stop(false));
    this.#update({ phase: "paused", speed: 0 });
  }

  /** Stops for good: the platform forgets what it has. */
  async giveUp(): Promise<void> {
    this.#run++;
    this.#upload ??= this.#state.url === null ? null : this.#open(this.#file, this.#state.url, { onUrl() {}, onProgress() {}, onSent() {}, onFailed() {} });
    try {
      await (await this.#upload)?.stop(true);
    } catch {
      // The platform drops it by itself after a day.
    }
  }

  /** Resolves when all of the file is there; never, when it does not come that far. */
  whenSent(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#state.phase !== "sent") return;
        this.#listeners.delete(look);
        resolve();
      };
      this.#listeners.add(look);
      look();
    });
  }

  #update(change: Partial<SendingState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
