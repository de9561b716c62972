import { Link } from "@tanstack/react-router";
import type { TextSpan } from "../api/model";
import { partsOf } from "./spans";

const look = "font-semibold hover:underline";

/** A text whose tags lead to their pages, and whose mentions lead to profiles. */
export function LinkedText({ text, spans }: { text: string; spans: TextSpan[] }) {
  return partsOf(text, spans).map(({ start, text: words, span }) => {
    if (span?.kind === "tag") {
      return (
        <Link key={start} to="/t/$tag" params={{ tag: span.value }} className={look}>
          {words}
        </Link>
      );
    }
    if (span?.kind === "mention") {
      return (
        <Link key={start} to="/@{$name}" params={{ name: span.value }} className={look}>
          {words}
        </Link>
      );
    }
    return words;
  });
}
