import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { User, Video } from "./model";

/** One page of any list: its items, and where the next page begins; null at the end. */
export interface Page<Item, Cursor> {
  items: Item[];
  next: Cursor | null;
}

type Pages<Item> = InfiniteData<Page<Item, unknown>>;

/** All items of the pages that were loaded; an item that two pages hold appears once. */
export function itemsOf<Item extends { id: string }>(data: { pages: Page<Item, unknown>[] } | undefined): Item[] {
  const seen = new Set<string>();
  const items: Item[] = [];
  for (const page of data?.pages ?? []) {
    for (const item of page.items) {
      if (seen.has(item.id)) continue;
      seen.add(item.id);
      items.push(item);
    }
  }
  return items;
}

/** Applies change to each item of cached pages; pages without a changed item stay the same objects. */
function changeItems<Item>(data: Pages<Item> | undefined, change: (item: Item) => Item): Pages<Item> | undefined {
  if (!data) return data;
  let changed = false;
  const pages = data.pages.map((page) => {
    const items = page.items.map(change);
    if (items.every((item, i) => item === page.items[i])) return page;
    changed = true;
    return { ...page, items };
  });
  return changed ? { ...data, pages } : data;
}

/** Query keys of every list of videos begin with this. */
export const videosKey = "videos";
/** Query keys of every list of users begin with this. */
export const usersKey = "users";
/** The key of one user's profile. */
export const userKey = (id: string) => ["user", id] as const;

/** Changes a video wherever it is cached. */
export function patchVideo(client: QueryClient, id: string, change: (video: Video) => Video): void {
  client.setQueriesData<Pages<Video>>({ queryKey: [videosKey] }, (data) => changeItems(data, (v) => (v.id === id ? change(v) : v)));
}

/** Removes a video wherever it is cached. */
export function dropVideo(client: QueryClient, id: string): void {
  client.setQueriesData<Pages<Video>>({ queryKey: [videosKey] }, (data) =>
    data ? { ...data, pages: data.pages.map((page) => ({ ...page, items: page.items.filter((v) => v.id !== id) })) } : data,
  );
}

/** Changes a user wherever one is cached: profiles, lists, and authors of videos. */
export function patchUser(client: QueryClient, id: string, change: (user: User) => User): void {
  client.setQueryData<User>(userKey(id), (user) => (user ? change(user) : user));
  client.setQueriesData<Pages<User>>({ queryKey: [usersKey] }, (data) => changeItems(data, (u) => (u.id === id ? change(u) : u)));
  client.setQueriesData<Pages<Video>>({ queryKey: [videosKey] }, (data) =>
    changeItems(data, (v) => (v.author.id === id ? { ...v, author: change(v.author) } : v)),
  );
}
