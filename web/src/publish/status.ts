import { createClient } from "@connectrpc/connect";
import type { VideoStatus } from "@douyin/api/objects_pb";
import { VideoStatusService } from "@douyin/api/video_pb";
import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { videoOf } from "../api/model";
import { streams, videoClient } from "../api/transport";

/** How far a video is, in the page's own terms. */
export interface VideoState {
  state: "uploading" | "queued" | "processing" | "ready" | "failed";
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

/** A video that is worked on is asked for again after this, in ms, while its status is not pushed. */
const pollInterval = 1000;
/** A stream that broke is opened again after this, in ms; until then the status is polled. */
const reopenAfter = 5000;
/** The server sends something at least every 15 s. Nothing for this long, in ms, is a dead connection. */
const silence = 40_000;

/** Whether a video changes no more by itself. */
const ended = (state: VideoState["state"] | undefined) => state === "ready" || state === "failed";

/** How long to wait before a video's status is asked for again; false when it is pushed or will not change by itself. */
export function nextPoll(state: VideoState["state"] | undefined, pushed: boolean): number | false {
  return pushed || ended(state) ? false : pollInterval;
}

const stateOf = (status: VideoStatus | undefined): VideoState => ({
  state: (status?.state ?? "queued") as VideoState["state"],
  percent: status?.percent ?? 0,
  stage: (status?.stage ?? "") as VideoState["stage"],
  queuePosition: status?.queuePosition ?? 0,
  renditions: (status?.renditions ?? []).filter((r) => r.name !== "progressive").toSorted((a, b) => a.width - b.width).map((r) => r.name),
  message: status?.message ?? "",
  retryable: status?.retryable ?? false,
});

const statusOf = (videoId: string, pushed: boolean) =>
  queryOptions({
    queryKey: ["video status", videoId],
    queryFn: async ({ signal }): Promise<VideoState> => stateOf((await videoClient.getVideoStatus({ videoId }, { signal })).status),
    staleTime: 0,
    refetchInterval: (query) => nextPoll(query.state.data?.state, pushed),
  });

/** The statuses of a video as the platform pushes them; null is a sign of life. */
export type OpenStatuses = (videoId: string, signal: AbortSignal) => AsyncIterable<VideoState | null>;

async function* openStatuses(videoId: string, signal: AbortSignal) {
  for await (const { status } of createClient(VideoStatusService, streams).watchVideoStatus({ videoId }, { signal })) {
    yield status ? stateOf(status) : null;
  }
}

export interface StatusListener {
  open?: OpenStatuses;
  onStatus: (state: VideoState) => void;
  /** Whether statuses are pushed now: while they are not, the caller polls. */
  onPushed: (pushed: boolean) => void;
}

/** Follows a video's status until it changes no more or the returned function is called. */
export function followStatus(videoId: string, { open = openStatuses, onStatus, onPushed }: StatusListener): () => void {
  const stop = new AbortController();
  void run();
  return () => stop.abort();

  async function run() {
    while (!(await attempt())) {
      if (stop.signal.aborted) return;
      onPushed(false);
      await new Promise((resolve) => setTimeout(resolve, reopenAfter));
      if (stop.signal.aborted) return;
    }
  }

  /** Opens a stream and reads it to its end; true when there is nothing more to follow. */
  async function attempt(): Promise<boolean> {
    const connection = new AbortController();
    const end = () => connection.abort();
    stop.signal.addEventListener("abort", end, { once: true });
    let timer = setTimeout(end, silence);
    try {
      for await (const state of open(videoId, connection.signal)) {
        if (stop.signal.aborted) return true;
        clearTimeout(timer);
        timer = setTimeout(end, silence);
        onPushed(true);
        if (state) onStatus(state);
        if (ended(state?.state)) return true;
      }
      return false;
    } catch {
      return false; // polling finds out what is wrong
    } finally {
      clearTimeout(timer);
      stop.signal.removeEventListener("abort", end);
    }
  }
}

/** How far a video is: pushed, and polled while it cannot be. */
export function useVideoStatus(videoId: string, enabled: boolean) {
  const client = useQueryClient();
  const [pushed, setPushed] = useState(false);
  const status = useQuery({ ...statusOf(videoId, pushed), enabled });
  const changes = enabled && status.data !== undefined && !ended(status.data.state);
  useEffect(() => {
    if (!changes) return;
    const stop = followStatus(videoId, {
      onStatus: (state) => client.setQueryData(statusOf(videoId, true).queryKey, state),
      onPushed: setPushed,
    });
    return () => {
      stop();
      setPushed(false);
    };
  }, [client, videoId, changes]);
  return status;
}

/** The video itself, for its title and cover. */
export const videoOfStatus = (videoId: string) =>
  queryOptions({
    queryKey: ["video", videoId],
    queryFn: async ({ signal }) => {
      const { video } = await videoClient.getVideo({ videoId }, { signal });
      return video ? videoOf(video) : null;
    },
  });
