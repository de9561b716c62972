import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Message } from "../api/model";
import { followMessages, type OpenStream } from "./live";

const message = (id: string): Message => ({ id, from: "1", to: "2", text: id, sentAt: Number(id) });

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A server that plays one script per connection and remembers what each asked for. */
function server(...scripts: (() => AsyncGenerator<{ message: Message | null; cursor: bigint }>)[]) {
  const asked: (bigint | undefined)[] = [];
  const open: OpenStream = (after) => {
    asked.push(after);
    const script = scripts[asked.length - 1];
    return script ? script() : hang();
  };
  return { asked, open };
}

/** A connection on which nothing happens. */
async function* hang(): AsyncGenerator<never> {
  yield await new Promise<never>(() => {});
}

/** A connection that ends with an error. */
function failing(code: Code) {
  return async function* (): AsyncGenerator<never> {
    yield await Promise.reject<never>(new ConnectError("gone", code));
  };
}

function follow(open: OpenStream) {
  const got: string[] = [];
  const connected: boolean[] = [];
  let expired = false;
  const stop = followMessages({ open, onMessage: (m) => got.push(m.id), onConnected: (c) => connected.push(c), onExpired: () => (expired = true) });
  return { got, connected, stop, expired: () => expired };
}

it("goes on from the last cursor after a break, also one without a message", async () => {
  const { asked, open } = server(
    async function* () {
      yield { message: message("1"), cursor: 1n };
      yield { message: null, cursor: 5n };
      throw new ConnectError("gone", Code.Unavailable);
    },
    async function* () {
      yield { message: message("6"), cursor: 6n };
      yield* hang();
    },
  );
  const { got, connected, stop } = follow(open);
  await vi.advanceTimersByTimeAsync(500);
  expect(asked).toEqual([undefined, 5n]);
  expect(got).toEqual(["1", "6"]);
  expect(connected).toEqual([true, true, false, true]);
  stop();
});

it("waits longer with each failure in a row, and comes back at once when the network does", async () => {
  const { asked, open } = server(failing(Code.Unavailable), failing(Code.Unavailable), failing(Code.Unavailable));
  const { stop } = follow(open);
  await vi.advanceTimersByTimeAsync(499);
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toHaveLength(3);
  stop();
});

it("takes a connection that says nothing for dead", async () => {
  let ended = false;
  const open: OpenStream = async function* (_, signal) {
    yield { message: null, cursor: 1n };
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => { ended = true; reject(new ConnectError("aborted", Code.Canceled)); }));
  };
  const { stop } = follow(open);
  await vi.advanceTimersByTimeAsync(39_000);
  expect(ended).toBe(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(ended).toBe(true);
  stop();
});

it("ends with the session", async () => {
  const { asked, open } = server(failing(Code.Unauthenticated));
  const { expired } = follow(open);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([expired(), asked.length]).toEqual([true, 1]);
});
