import { sessionHeader } from "../api/transport";

/** What the platform takes. The server decides; this only spares an upload that it would refuse. */
export const limits = { bytes: 256 << 20, seconds: 600, titleLength: 100 };

export type ClipProblem = "notVideo" | "tooLarge" | "tooLong" | "empty";

/** What is wrong with a file before a byte is sent; null when nothing is. seconds is NaN where the browser cannot tell. */
export function clipProblem(file: { size: number; type: string }, seconds: number): ClipProblem | null {
  if (file.size === 0) return "empty";
  if (file.type !== "" && !file.type.startsWith("video/")) return "notVideo";
  if (file.size > limits.bytes) return "tooLarge";
  if (seconds > limits.seconds) return "tooLong";
  return null;
}

/** How an upload goes. speed is in bytes per second, over the last seconds; 0 at first. */
export interface Progress {
  sent: number;
  total: number;
  speed: number;
}

/** Speed measures bytes per second over a window, from how many were sent in all at each moment. */
export class Speed {
  #samples: { at: number; sent: number }[] = [];

  /** Takes a sample at a time in ms and returns the speed. */
  add(at: number, sent: number): number {
    this.#samples.push({ at, sent });
    const oldest = this.#samples.findIndex((s) => at - s.at <= 3000);
    this.#samples = this.#samples.slice(Math.max(0, oldest));
    const first = this.#samples[0];
    return first && at > first.at ? ((sent - first.sent) * 1000) / (at - first.at) : 0;
  }
}

/** An answer of the platform's REST API that says no. */
export class PublishRefused extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

interface Answer {
  status_code: number;
  status_msg: string;
  video?: { id: number } | null;
}

/** Publishes a file; resolves when the video is there. Abort by the signal. */
export function publishVideo(file: File, title: string, signal: AbortSignal, onProgress: (p: Progress) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    // fetch cannot say how far an upload is.
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("title", title); // before the file, so that a refusal comes before the bytes
    form.append("data", file);
    const speed = new Speed();
    request.upload.addEventListener("progress", (e) => onProgress({ sent: e.loaded, total: e.total, speed: speed.add(e.timeStamp, e.loaded) }));
    request.addEventListener("load", () => {
      const answer = readAnswer(request.responseText);
      if (answer.status_code === 0) resolve();
      else reject(new PublishRefused(answer.status_code, answer.status_msg));
    });
    request.addEventListener("error", () => reject(new Error("the connection broke")));
    request.addEventListener("abort", () => reject(new DOMException("the upload was stopped", "AbortError")));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", "/douyin/publish/action/");
    request.setRequestHeader(sessionHeader.name, sessionHeader.value);
    request.setRequestHeader("Idempotency-Key", crypto.randomUUID());
    request.send(form);
  });
}

function readAnswer(text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return { status_code: 50001, status_msg: "" };
  }
}
