export type KeyAction =
  | "next" | "previous" | "toggle" | "back" | "forward" | "mute" | "like" | "comments" | "share" | "search" | "fullscreen" | "help";

/** The keys of the stage, in the order in which the help shows them. */
export const keyBindings: { action: KeyAction; keys: string[] }[] = [
  { action: "next", keys: ["ArrowDown", "j", "PageDown"] },
  { action: "previous", keys: ["ArrowUp", "k", "PageUp"] },
  { action: "toggle", keys: [" "] },
  { action: "back", keys: ["ArrowLeft"] },
  { action: "forward", keys: ["ArrowRight"] },
  { action: "mute", keys: ["m"] },
  { action: "like", keys: ["l"] },
  { action: "comments", keys: ["c"] },
  { action: "share", keys: ["s"] },
  { action: "search", keys: ["/"] },
  { action: "fullscreen", keys: ["f"] },
  { action: "help", keys: ["?"] },
];

const byKey = new Map(keyBindings.flatMap(({ action, keys }) => keys.map((key) => [key, action] as const)));

/** The part of a keyboard event that decides. */
export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  target: EventTarget | null;
}

/** What a key does on the stage; null where it belongs to something else: a field, a button, a dialog, the browser. */
export function keyAction(press: KeyPress): KeyAction | null {
  if (press.ctrlKey || press.metaKey || press.altKey) return null;
  const action = byKey.get(press.key.length === 1 ? press.key.toLowerCase() : press.key) ?? null;
  const target = press.target as { closest?: (selector: string) => unknown } | null;
  if (target?.closest?.("input, textarea, select, [contenteditable], dialog, [role=slider]")) return null;
  if (action === "toggle" && target?.closest?.("button, a")) return null; // a space presses what has the focus
  return action;
}
