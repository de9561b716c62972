import { infiniteQueryOptions, queryOptions, type InfiniteData } from "@tanstack/react-query";
import { type Page, usersKey, videosKey } from "../api/lists";
import { type Tag, tagOf, type User, userOf, type Video, videoOf } from "../api/model";
import { searchClient } from "../api/transport";
import { tokenPages } from "../feed/queries";

const pageSize = 30;

/** The videos that match a keyword, best first. */
export const foundVideos = (keyword: string) =>
  tokenPages(["search", keyword], (pageToken, signal) => searchClient.search({ keyword, type: "video", pageSize, pageToken }, { signal }));

/** The users whose name matches a keyword, best first. */
export function foundUsers(keyword: string) {
  return infiniteQueryOptions<Page<User, string>, Error, InfiniteData<Page<User, string>>, readonly unknown[], string>({
    queryKey: [usersKey, "search", keyword],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const page = await searchClient.search({ keyword, type: "user", pageSize, pageToken: pageParam }, { signal });
      return { items: page.userList.map(userOf), next: page.nextPageToken || null };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** The tags that begin with a keyword, the most used first. */
export function foundTags(keyword: string) {
  return queryOptions({
    queryKey: ["tags", keyword],
    queryFn: async ({ signal }): Promise<Tag[]> => (await searchClient.search({ keyword, type: "tag", pageSize }, { signal })).tagList.map(tagOf),
  });
}

/** A page of a tag's videos, with the tag. */
export interface TagPage extends Page<Video, string> {
  tag: Tag;
}

export type TagOrder = "newest" | "top";

/** The videos of a tag. */
export function tagVideos(name: string, order: TagOrder) {
  return infiniteQueryOptions<TagPage, Error, InfiniteData<TagPage>, readonly unknown[], string>({
    queryKey: [videosKey, "tag", name, order],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const page = await searchClient.listTagVideos({ tag: name, order, pageSize, pageToken: pageParam }, { signal });
      return { items: page.videoList.map(videoOf), next: page.nextPageToken || null, tag: { name: page.tag, videoCount: Number(page.videoCount) } };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** What a text that is being typed may become. */
export interface Suggestion {
  kind: "tag" | "user";
  text: string;
}

/** Tags and people that a text may become. One that is slow to come, or fails, is not waited for: typing goes on. */
export function suggestionsFor(text: string) {
  return queryOptions({
    queryKey: ["suggestions", text],
    queryFn: async ({ signal }): Promise<Suggestion[]> => {
      const { suggestionList } = await searchClient.suggestSearches({ keyword: text }, { signal });
      return suggestionList.flatMap(({ type, text: words }): Suggestion[] => (type === "tag" || type === "user" ? [{ kind: type, text: words }] : []));
    },
    enabled: text !== "",
    retry: false,
  });
}
