import { queryOptions } from "@tanstack/react-query";
import { videoOf } from "../api/model";
import { videoClient } from "../api/transport";

/** How far a video is, in the page's own terms. */
export interface VideoState {
  state: "queued" | "processing" | "ready" | "failed";
  /** Of all the work, 0 to 100. */
  percent: number;
  stage: "" | "inspect" | "encode" | "store";
  /** How many videos are done first. */
  queuePosition: number;
  /** Names of the qualities that are ready, the best last. */
  renditions: string[];
  /** The platform's sentence for people, or "". */
  message: string;
  retryable: boolean;
}

/** A video that is worked on is asked for again after this, in ms. */
const pollInterval = 1000;

/** How long to wait before a video's status is asked for again; false when it will not change by itself. */
export function nextPoll(state: VideoState["state"] | undefined): number | false {
  return state === "ready" || state === "failed" ? false : pollInterval;
}

export const statusOf = (videoId: string) =>
  queryOptions({
    queryKey: ["video status", videoId],
    queryFn: async ({ signal }): Promise<VideoState> => {
      const { status } = await videoClient.getVideoStatus({ videoId }, { signal });
      return {
        state: (status?.state ?? "queued") as VideoState["state"],
        percent: status?.percent ?? 0,
        stage: (status?.stage ?? "") as VideoState["stage"],
        queuePosition: status?.queuePosition ?? 0,
        renditions: (status?.renditions ?? []).filter((r) => r.name !== "progressive").toSorted((a, b) => a.width - b.width).map((r) => r.name),
        message: status?.message ?? "",
        retryable: status?.retryable ?? false,
      };
    },
    staleTime: 0,
    refetchInterval: (query) => nextPoll(query.state.data?.state),
  });

/** The video itself, for its title and cover. */
export const videoOfStatus = (videoId: string) =>
  queryOptions({
    queryKey: ["video", videoId],
    queryFn: async ({ signal }) => {
      const { video } = await videoClient.getVideo({ videoId }, { signal });
      return video ? videoOf(video) : null;
    },
  });
