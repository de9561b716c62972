import type { Message } from "../api/model";

/** Messages by time, each once: a page, the live stream and an answer to sending may all bring the same one. */
export function mergeMessages(known: readonly Message[], more: readonly Message[]): Message[] {
  const byId = new Map(known.map((m) => [m.id, m]));
  for (const m of more) byId.set(m.id, m);
  return [...byId.values()].toSorted((a, b) => a.sentAt - b.sentAt || a.id.localeCompare(b.id));
}

/** Messages of one minute from one person, shown under one time. */
export interface MessageGroup {
  from: string;
  at: number;
  messages: Message[];
}

export function groupByMinute(messages: readonly Message[]): MessageGroup[] {
  const groups: MessageGroup[] = [];
  for (const m of messages) {
    const last = groups.at(-1);
    if (last && last.from === m.from && Math.floor(last.at / 60_000) === Math.floor(m.sentAt / 60_000)) last.messages.push(m);
    else groups.push({ from: m.from, at: m.sentAt, messages: [m] });
  }
  return groups;
}

/** A message that is on its way, or could not be sent. */
export interface Outgoing {
  key: string;
  text: string;
  failed: boolean;
  /** How many messages of this text the viewer had sent or begun to send before it, as far as the page had followed. */
  before: number;
}

/**
 * The messages that have not arrived. The stream may bring a message before the answer to sending it, and also one whose
 * sending seemed to fail; live are the conversation's messages that came while the page was open.
 */
export function notArrived(outgoing: readonly Outgoing[], live: readonly Message[], viewer: string): Outgoing[] {
  return outgoing.filter((o) => live.filter((m) => m.from === viewer && m.text === o.text).length <= o.before);
}
