import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { patchVideo } from "../api/lists";
import type { Video } from "../api/model";
import { interactionClient } from "../api/transport";
import { withSession } from "../session/session";
import { notifyFailure } from "../ui/toast";

/** Returns a function that likes a video or takes the like back: shown at once, and undone when the server refuses. */
export function useLike(): (video: Video, wanted: boolean) => void {
  const client = useQueryClient();
  const show = useCallback(
    (id: string, wanted: boolean) =>
      patchVideo(client, id, (v) => (v.isLiked === wanted ? v : { ...v, isLiked: wanted, likeCount: v.likeCount + (wanted ? 1 : -1) })),
    [client],
  );
  const { mutate } = useMutation({
    mutationFn: async ({ id, wanted }: { id: string; wanted: boolean }) => {
      await (wanted ? interactionClient.likeVideo({ videoId: id }) : interactionClient.unlikeVideo({ videoId: id }));
    },
    onMutate: ({ id, wanted }) => show(id, wanted),
    onError: (error, { id, wanted }) => {
      show(id, !wanted);
      notifyFailure(error);
    },
  });
  return useCallback((video, wanted) => withSession(() => mutate({ id: video.id, wanted })), [mutate]);
}
