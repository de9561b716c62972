import { titleLength, type Visibility } from "../api/model";
import { sessionHeader } from "../api/transport";

/** What the platform takes. The server decides; this only spares an upload that it would refuse. */
export const limits = { bytes: 256 << 20, seconds: 600, titleLength };

export type ClipProblem = "notVideo" | "tooLarge" | "tooLong" | "empty";

/** What is wrong with a file before a byte is sent; null when nothing is. seconds is NaN where the browser cannot tell. */
export function clipProblem(file: { size: number; type: string }, seconds: number): ClipProblem | null {
  if (file.size === 0) return "empty";
  if (file.type !== "" && !file.type.startsWith("video/")) return "notVideo";
  if (file.size > limits.bytes) return "tooLarge";
  if (seconds > limits.seconds) return "tooLong";
  return null;
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

/** Publishes a complete upload by its address and answers the video's id. Repeated, it answers the same. */
export async function publishUpload(url: string, title: string, visibility: Visibility): Promise<string> {
  const form = new FormData();
  form.append("title", title);
  form.append("visibility", visibility);
  form.append("upload_id", url.slice(url.lastIndexOf("/") + 1));
  const response = await fetch("/douyin/publish/action/", { method: "POST", body: form, headers: { [sessionHeader.name]: sessionHeader.value } });
  const answer = (await response.json()) as Answer;
  if (answer.status_code !== 0) throw new PublishRefused(answer.status_code, answer.status_msg);
  return String(answer.video?.id);
}
