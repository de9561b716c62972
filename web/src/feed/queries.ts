import { infiniteQueryOptions, type InfiniteData } from "@tanstack/react-query";
import { type Page, videosKey } from "../api/lists";
import { type Video, videoOf } from "../api/model";
import { feedClient, interactionClient, videoClient } from "../api/transport";

/** Videos a page asks for. */
const pageSize = 12;

type VideoPage<Cursor> = Page<Video, Cursor>;

/** Everybody's videos, newest first, from a time on: Unix milliseconds, or 0 for now. */
export function newestFeed(from = 0) {
  return infiniteQueryOptions<VideoPage<number>, Error, InfiniteData<VideoPage<number>>, readonly unknown[], number>({
    queryKey: [videosKey, "newest", from],
    initialPageParam: from,
    queryFn: async ({ pageParam, signal }) => {
      const page = await feedClient.getFeed({ latestTime: BigInt(pageParam) }, { signal });
      const items = page.videoList.map(videoOf);
      return { items, next: items.length > 0 ? Number(page.nextTime) : null };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** A list that pages by token. */
export function tokenPages(key: readonly unknown[], fetchPage: (pageToken: string, signal: AbortSignal) => Promise<{ videoList: Parameters<typeof videoOf>[0][]; nextPageToken: string }>) {
  return infiniteQueryOptions<VideoPage<string>, Error, InfiniteData<VideoPage<string>>, readonly unknown[], string>({
    queryKey: [videosKey, ...key],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const page = await fetchPage(pageParam, signal);
      return { items: page.videoList.map(videoOf), next: page.nextPageToken || null };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** The newest videos of those the viewer follows. */
export const followingFeed = () =>
  tokenPages(["following"], (pageToken, signal) => feedClient.listFollowingFeed({ pageSize, pageToken }, { signal }));

/** A user's videos, newest first. */
export const worksOf = (userId: string) =>
  tokenPages(["works", userId], (pageToken, signal) => videoClient.listPublishedVideos({ userId, pageSize, pageToken }, { signal }));

/** The videos a user likes, most recently liked first. */
export const likedBy = (userId: string) =>
  tokenPages(["liked", userId], (pageToken, signal) => interactionClient.listLikedVideos({ userId, pageSize, pageToken }, { signal }));
