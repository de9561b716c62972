import { useSyncExternalStore } from "react";

/** Most searches that are kept. */
const most = 10;
const key = "recent-searches";
const listeners = new Set<() => void>();
let recent: readonly string[] = load();

/** What was searched for on this device, newest first. */
function load(): readonly string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((keyword): keyword is string => typeof keyword === "string").slice(0, most) : [];
  } catch {
    return []; // storage is off, or holds something else
  }
}

function set(next: readonly string[]) {
  recent = next;
  try {
    if (next.length > 0) localStorage.setItem(key, JSON.stringify(next));
    else localStorage.removeItem(key);
  } catch {
    // Without storage they are kept until the page is closed.
  }
  for (const listener of listeners) listener();
}

/** The searches with a keyword in front; another spelling of it goes, and so does the oldest beyond the limit. */
export function withKeyword(before: readonly string[], keyword: string): readonly string[] {
  const same = keyword.toLowerCase();
  return [keyword, ...before.filter((other) => other.toLowerCase() !== same)].slice(0, most);
}

export function rememberSearch(keyword: string): void {
  set(withKeyword(recent, keyword));
}

export function forgetSearch(keyword: string): void {
  set(recent.filter((other) => other !== keyword));
}

export function forgetSearches(): void {
  set([]);
}

export function useRecentSearches(): readonly string[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => recent,
  );
}
