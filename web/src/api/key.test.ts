import { afterEach, expect, test, vi } from "vitest";
import { newKey } from "./key";

afterEach(() => vi.unstubAllGlobals());

test("keys differ and fit what the platform takes", () => {
  const keys = Array.from({ length: 1000 }, newKey);
  expect(new Set(keys).size).toBe(1000);
  for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
});

// Browsers have crypto.randomUUID for pages that came over TLS or from this machine, and not for
// those from another machine of the house.
test("keys are made on a page without TLS", () => {
  const { crypto } = globalThis;
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(newKey()).toHaveLength(32);
});
