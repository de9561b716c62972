import { type Message, messageOf } from "../api/model";
import { messageStreamClient } from "./clients";
import { failureOf } from "../api/failure";

/** Pauses before the stream is opened again after a failure, in ms: the n-th failure in a row waits the n-th. */
const pauses = [500, 1000, 2000, 5000, 10_000];
/** The server says something at least every 15 s. Nothing for this long, in ms, is a dead connection. */
const silence = 40_000;

/** The part of the message stream that Live uses. */
export type OpenStream = (after: bigint | undefined, signal: AbortSignal) => AsyncIterable<{ message: Message | null; cursor: bigint }>;

export interface LiveOptions {
  open?: OpenStream;
  onMessage: (message: Message) => void;
  onConnected: (connected: boolean) => void;
  /** The session is over: the stream is not opened again. */
  onExpired: () => void;
}

async function* openStream(after: bigint | undefined, signal: AbortSignal) {
  const request = after === undefined ? {} : { after };
  for await (const { message, cursor } of messageStreamClient.subscribe(request, { signal })) {
    yield { message: message ? messageOf(message) : null, cursor };
  }
}

/**
 * Follows the viewer's messages until the returned function is called. After a break it goes on from the last cursor,
 * so that no message is missing; the caller drops what it knows already.
 */
export function followMessages({ open = openStream, onMessage, onConnected, onExpired }: LiveOptions): () => void {
  const stop = new AbortController();
  void run();
  return () => stop.abort();

  async function run() {
    let cursor: bigint | undefined;
    let failures = 0;
    while (!stop.signal.aborted) {
      const attempt = new AbortController();
      const end = () => attempt.abort();
      stop.signal.addEventListener("abort", end, { once: true });
      let timer = setTimeout(end, silence);
      try {
        for await (const item of open(cursor, attempt.signal)) {
          clearTimeout(timer);
          timer = setTimeout(end, silence);
          failures = 0;
          cursor = item.cursor;
          onConnected(true);
          if (item.message) onMessage(item.message);
        }
      } catch (error) {
        if (failureOf(error).kind === "login") {
          onExpired();
          return;
        }
      } finally {
        clearTimeout(timer);
        stop.signal.removeEventListener("abort", end);
      }
      if (stop.signal.aborted) return;
      onConnected(false);
      await pause(pauses[Math.min(failures++, pauses.length - 1)] ?? 0);
    }
  }

  /** Waits, but not longer than until the network is back or the end. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      stop.signal.addEventListener("abort", done, { once: true });
      globalThis.addEventListener?.("online", done, { once: true });
      function done() {
        clearTimeout(timer);
        resolve();
      }
    });
  }
}
