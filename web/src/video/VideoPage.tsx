import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { itemsOf } from "../api/lists";
import { ClipStage } from "../player/ClipStage";
import { ErrorState } from "../ui/Status";
import { oneVideo } from "./queries";

const route = getRouteApi("/v/$videoId");

/** A video by its link, with what its author published before it below. */
export function VideoPage() {
  const { videoId } = route.useParams();
  const query = useInfiniteQuery(oneVideo(videoId));
  const videos = itemsOf(query.data);
  if (query.error && videos.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <ClipStage key={videoId} videos={videos} source="link" startAt={videoId} hasMore={query.hasNextPage} onNearEnd={() => void query.fetchNextPage()} />;
}
