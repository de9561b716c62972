import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Play } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "../i18n/i18n";
import { itemsOf, type Page } from "../api/lists";
import type { Video } from "../api/model";
import { shortCount } from "../ui/format";
import { ErrorState, Skeleton } from "../ui/Status";
import { useMoreWhenSeen } from "../ui/useMoreWhenSeen";
import { VisibilityMark } from "./VisibilityMark";

interface CoverGridProps {
  query: UseInfiniteQueryResult<InfiniteData<Page<Video, string>>>;
  /** What stands there when there are no videos. */
  empty: ReactNode;
  /** Whether titles and authors stand below the covers. */
  titled?: boolean;
}

/** A list of videos as covers with how often each was viewed; the next page comes when the end is near. */
export function CoverGrid({ query, empty, titled = false }: CoverGridProps) {
  const { t, i18n } = useTranslation();
  const videos = itemsOf(query.data);
  const end = useMoreWhenSeen(() => void query.fetchNextPage(), query.hasNextPage);
  if (query.error && videos.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data && videos.length === 0 && !query.hasNextPage) return empty;
  return (
    <>
      <ul className={`grid gap-0.5 sm:gap-2 sm:pt-2 lg:grid-cols-5 ${titled ? "grid-cols-2 sm:grid-cols-4" : "grid-cols-3"}`}>
        {query.isPending && Array.from({ length: 6 }, (_, i) => <Skeleton key={i} className="aspect-[3/4]" />)}
        {videos.map((video) => (
          <li key={video.id}>
            <Link to="/v/$videoId" params={{ videoId: video.id }} aria-label={coverLabel(t, video)} className="group block">
              <span className="relative block aspect-[3/4] overflow-hidden bg-stage sm:rounded-s">
                <img src={video.coverUrl} alt="" loading="lazy" className="size-full object-cover transition duration-240 ease-calm group-hover:scale-105" />
                <span className="scrim absolute inset-0" />
                <span className="on-video absolute top-2 left-2 text-s font-medium">
                  <VisibilityMark visibility={video.visibility} />
                </span>
                <span className="on-video absolute bottom-2 left-2 flex items-center gap-1 text-s font-medium">
                  <Play size={14} className="fill-white" aria-hidden />
                  {shortCount(video.viewCount, i18n.language)}
                </span>
              </span>
              {titled && (
                <span className="block px-2 pt-1.5 pb-3 sm:px-0">
                  <span className="line-clamp-2 break-words">{video.title}</span>
                  <span className="block truncate text-s text-muted">@{video.author.name}</span>
                </span>
              )}
            </Link>
          </li>
        ))}
      </ul>
      <div ref={end} />
    </>
  );
}

/** What a cover leads to, with who may see it where that is not everybody. */
function coverLabel(t: ReturnType<typeof useTranslation>["t"], video: Video): string {
  const name = t("feed.video", { title: video.title, author: video.author.name });
  return video.visibility === "public" ? name : `${name}, ${t(`visibility.${video.visibility}`)}`;
}
