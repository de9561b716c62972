import { useMutation, useQueryClient } from "@tanstack/react-query";
import { patchVideo, videosKey } from "../api/lists";
import { videoOf, type Visibility } from "../api/model";
import { videoClient } from "../api/transport";

export interface VideoChange {
  title: string;
  visibility: Visibility;
  /** The same for each try. */
  key: string;
}

/** Changes a video of the viewer. What is cached of it shows the change, and lists that may have it or not are read again. */
export function useUpdateVideo(videoId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ title, visibility, key }: VideoChange) => videoClient.updateVideo({ videoId, title, visibility, idempotencyKey: key }),
    onSuccess: ({ video }, { title, visibility }) => {
      // An answer that has the id alone says that the video was changed and could not be read.
      const now = video?.author ? videoOf(video) : null;
      patchVideo(client, videoId, (v) => (now ? { ...now, author: v.author } : { ...v, title, titleSpans: [], visibility }));
      void client.invalidateQueries({ queryKey: [videosKey], refetchType: "none" });
    },
  });
}
