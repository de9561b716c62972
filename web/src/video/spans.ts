import type { TextSpan } from "../api/model";

/** A piece of a text: plain, or one that leads somewhere. */
export interface Part {
  /** Where it begins in the text. */
  start: number;
  text: string;
  span: TextSpan | null;
}

/** A text in pieces, in order; joined they are the text. Spans that lie outside of it, or over an earlier one, are left out. */
export function partsOf(text: string, spans: TextSpan[]): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    const end = span.start + span.length;
    if (span.start < at || span.length < 1 || end > text.length) continue;
    if (span.start > at) parts.push({ start: at, text: text.slice(at, span.start), span: null });
    parts.push({ start: span.start, text: text.slice(span.start, end), span });
    at = end;
  }
  if (at < text.length) parts.push({ start: at, text: text.slice(at), span: null });
  return parts;
}
