/** What is searched for: videos where no kind is named. */
export const kinds = ["video", "user", "tag"] as const;
export type Kind = (typeof kinds)[number];

/** Most characters of what is searched for. */
export const keywordLength = 100;

/** What the address of the search page says. */
export interface SearchPlace {
  q?: string;
  type?: Exclude<Kind, "video">;
}

/** Reads an address. A number in it is a keyword, too. */
export function readSearch(search: Record<string, unknown>): SearchPlace {
  const keyword = typeof search.q === "string" || typeof search.q === "number" ? String(search.q).trim().slice(0, keywordLength) : "";
  const place: SearchPlace = {};
  if (keyword) place.q = keyword;
  if (search.type === "user" || search.type === "tag") place.type = search.type;
  return place;
}

/** The address of a keyword and a kind. */
export function placeOf(keyword: string, kind: Kind): SearchPlace {
  return kind === "video" ? { q: keyword } : { q: keyword, type: kind };
}
