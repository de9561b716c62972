import { infiniteQueryOptions, type InfiniteData } from "@tanstack/react-query";
import { type Page, videosKey } from "../api/lists";
import { type Video, videoOf } from "../api/model";
import { videoClient } from "../api/transport";

/** A cursor of the list below a video: none for the video itself, then the pages of its author's works. */
type Cursor = { authorId: string; pageToken: string } | null;

/** One video, then its author's others, newest first. */
export function oneVideo(id: string) {
  return infiniteQueryOptions<Page<Video, Cursor>, Error, InfiniteData<Page<Video, Cursor>>, readonly unknown[], Cursor>({
    queryKey: [videosKey, "one", id],
    initialPageParam: null,
    queryFn: async ({ pageParam, signal }) => {
      if (pageParam === null) {
        const { video } = await videoClient.getVideo({ videoId: id }, { signal });
        const items = video ? [videoOf(video)] : [];
        return { items, next: video?.author ? { authorId: video.author.id, pageToken: "" } : null };
      }
      const page = await videoClient.listPublishedVideos({ userId: pageParam.authorId, pageSize: 12, pageToken: pageParam.pageToken }, { signal });
      return { items: page.videoList.map(videoOf), next: page.nextPageToken ? { ...pageParam, pageToken: page.nextPageToken } : null };
    },
    getNextPageParam: (page) => page.next,
  });
}
