import { useSyncExternalStore } from "react";
import type { Message } from "../api/model";
import { currentSession } from "../session/session";
import { mergeMessages } from "./conversation";

/** What the page knows of the viewer's messages: conversations by the other user's id. */
interface ChatState {
  /** Messages that came while the page is open, by the other user's id. */
  live: ReadonlyMap<string, readonly Message[]>;
  /** Users whose newest message has not been seen. */
  unread: ReadonlySet<string>;
  connected: boolean;
}

let state: ChatState = { live: new Map(), unread: new Set(), connected: true };
let openPeer: string | null = null;
const listeners = new Set<() => void>();

function update(change: Partial<ChatState>) {
  state = { ...state, ...change };
  for (const listener of listeners) listener();
}

export function useChat(): ChatState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}

/** Adds a message of the viewer's: one that came, or one that was sent. */
export function addMessage(message: Message): void {
  const own = currentSession()?.userId;
  const peer = message.from === own ? message.to : message.from;
  const live = new Map(state.live);
  live.set(peer, mergeMessages(live.get(peer) ?? [], [message]));
  const unread = new Set(state.unread);
  if (message.from !== own && peer !== openPeer) unread.add(peer);
  update({ live, unread });
}

/** Says which conversation is on the screen, so that it counts as seen; null for none. */
export function setOpenPeer(peer: string | null): void {
  openPeer = peer;
  if (peer === null || !state.unread.has(peer)) return;
  const unread = new Set(state.unread);
  unread.delete(peer);
  update({ unread });
}

/** Forgets what was known of another viewer. */
export function resetChat(): void {
  update({ live: new Map(), unread: new Set(), connected: true });
}

export function setConnected(connected: boolean): void {
  if (connected !== state.connected) update({ connected });
}
