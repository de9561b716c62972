/** Where somebody was in a feed: the video they saw and when it was published, in Unix milliseconds. */
export interface FeedPlace {
  videoId: string;
  publishedAt: number;
}

const key = (feed: string) => `feed-place-${feed}`;

/** Keeps the place for as long as the browser's tab is open, also over a reload. */
export function keepPlace(feed: string, place: FeedPlace): void {
  try {
    sessionStorage.setItem(key(feed), JSON.stringify(place));
  } catch {
    // Without storage a reload begins at the newest video.
  }
}

export function keptPlace(feed: string): FeedPlace | null {
  try {
    const place = JSON.parse(sessionStorage.getItem(key(feed)) ?? "null") as FeedPlace | null;
    return place && typeof place.videoId === "string" && Number.isFinite(place.publishedAt) ? place : null;
  } catch {
    return null;
  }
}

export function forgetPlace(feed: string): void {
  try {
    sessionStorage.removeItem(key(feed));
  } catch {
    // There is nothing to forget without storage.
  }
}
