import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Hash } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import { shortCount } from "../ui/format";
import { EmptyState } from "../ui/Status";
import { CoverGrid } from "../video/CoverGrid";
import { tagVideos } from "./queries";

const route = getRouteApi("/t/$tag");

/** The videos of a tag: the newest, or those with the most likes and views. */
export function TagPage() {
  const { t, i18n } = useTranslation();
  const { tag: name } = route.useParams();
  const { order = "newest" } = route.useSearch();
  const query = useInfiniteQuery(tagVideos(name, order));
  const tag = query.data?.pages[0]?.tag;
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto max-w-5xl pb-20">
        <header className="flex items-center gap-4 px-4 pt-8 pb-4">
          <span aria-hidden className="grid size-16 shrink-0 place-items-center rounded-m bg-raised text-accent">
            <Hash size={30} />
          </span>
          <div className="min-w-0">
            <h1 className="text-xl font-semibold break-words">#{tag?.name ?? name}</h1>
            <p className="text-muted">{tag ? t("search.tagVideos", { count: tag.videoCount, shown: shortCount(tag.videoCount, i18n.language) }) : "\u00a0"}</p>
          </div>
        </header>
        <nav aria-label={t("search.order")} className="sticky top-0 z-10 flex justify-center gap-8 border-b border-line bg-surface">
          {(["newest", "top"] as const).map((one) => (
            <Link
              key={one}
              to="."
              search={one === "newest" ? {} : { order: one }}
              aria-current={order === one ? "page" : undefined}
              className={`border-b-2 px-2 py-3 font-medium ${order === one ? "border-accent text-ink" : "border-transparent text-muted"}`}
            >
              {t(`search.${one}`)}
            </Link>
          ))}
        </nav>
        <CoverGrid key={`${name} ${order}`} query={query} empty={<EmptyState icon={Hash} title={t("search.noTagVideos")} />} titled />
      </div>
    </div>
  );
}
