import { useState } from "react";

/** The picture of users who chose none. */
const defaultPicture = "/static/avatar.svg";

/** A hue of a name, in degrees: always the same one. */
function hueOf(name: string): number {
  let hue = 0;
  for (const character of name.toLowerCase()) hue = (hue * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return hue;
}

/** A user's picture, or the first letter of the name on a colour of its own, where there is none of this origin. */
export function Avatar({ name, url, className = "size-11" }: { name: string; url: string; className?: string }) {
  const [failed, setFailed] = useState<string | null>(null);
  const ownOrigin = url.startsWith("/") || url.startsWith(`${location.origin}/`);
  if (!ownOrigin || failed === url || url.endsWith(defaultPicture)) {
    const hue = hueOf(name);
    return (
      <span
        aria-hidden
        style={{ backgroundImage: `linear-gradient(135deg, hsl(${hue} 60% 38%), hsl(${hue + 50} 65% 28%))` }}
        className={`grid shrink-0 place-items-center rounded-full font-semibold text-white ${className}`}
      >
        {[...name][0]?.toUpperCase() ?? ""}
      </span>
    );
  }
  return <img src={url} alt="" onError={() => setFailed(url)} className={`shrink-0 rounded-full bg-line object-cover ${className}`} />;
}
