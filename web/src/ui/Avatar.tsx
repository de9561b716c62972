import { useState } from "react";

/** A user's picture, or the first letter of the name where there is none of this origin. */
export function Avatar({ name, url, className = "size-11" }: { name: string; url: string; className?: string }) {
  const [failed, setFailed] = useState<string | null>(null);
  const ownOrigin = url.startsWith("/") || url.startsWith(`${location.origin}/`);
  if (!ownOrigin || failed === url) {
    return (
      <span aria-hidden className={`grid shrink-0 place-items-center rounded-full bg-line font-semibold text-ink ${className}`}>
        {[...name][0]?.toUpperCase() ?? ""}
      </span>
    );
  }
  return <img src={url} alt="" onError={() => setFailed(url)} className={`shrink-0 rounded-full bg-line object-cover ${className}`} />;
}
