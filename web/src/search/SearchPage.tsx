import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Clock, Hash, Search, SearchX, X } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import { itemsOf } from "../api/lists";
import { FollowButton } from "../profile/FollowButton";
import { Avatar } from "../ui/Avatar";
import { IconButton } from "../ui/Button";
import { shortCount } from "../ui/format";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/Status";
import { useMoreWhenSeen } from "../ui/useMoreWhenSeen";
import { CoverGrid } from "../video/CoverGrid";
import { kinds, placeOf, type Kind } from "./place";
import { foundTags, foundUsers, foundVideos } from "./queries";
import { forgetSearch, forgetSearches, rememberSearch, useRecentSearches } from "./recent";
import { SearchBox } from "./SearchBox";

const route = getRouteApi("/search");

/** Finds videos, people and tags; before that, what was searched for lately. */
export function SearchPage() {
  const { t } = useTranslation();
  const { q: keyword = "", type: kind = "video" } = route.useSearch();
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto max-w-5xl pb-20">
        <h1 className="sr-only">{t("search.label")}</h1>
        <div className="mx-auto max-w-xl px-4 pt-4 pb-2">
          <SearchBox keyword={keyword} kind={kind} />
        </div>
        {keyword === "" ? (
          <RecentSearches />
        ) : (
          <>
            <nav aria-label={t("search.tabs")} className="sticky top-0 z-10 flex justify-center gap-8 border-b border-line bg-surface">
              {kinds.map((name) => (
                <Link
                  key={name}
                  to="/search"
                  search={placeOf(keyword, name)}
                  aria-current={kind === name ? "page" : undefined}
                  className={`border-b-2 px-2 py-3 font-medium ${kind === name ? "border-accent text-ink" : "border-transparent text-muted"}`}
                >
                  {t(name === "tag" ? "search.tagTab" : `search.${name}`)}
                </Link>
              ))}
            </nav>
            <Results key={`${kind} ${keyword}`} keyword={keyword} kind={kind} />
          </>
        )}
      </div>
    </div>
  );
}

function Results({ keyword, kind }: { keyword: string; kind: Kind }) {
  if (kind === "user") return <Users keyword={keyword} />;
  if (kind === "tag") return <Tags keyword={keyword} />;
  return <Videos keyword={keyword} />;
}

function Nothing({ keyword }: { keyword: string }) {
  const { t } = useTranslation();
  return <EmptyState icon={SearchX} title={t("search.nothing", { keyword })} />;
}

function Videos({ keyword }: { keyword: string }) {
  const query = useInfiniteQuery(foundVideos(keyword));
  return <CoverGrid query={query} empty={<Nothing keyword={keyword} />} titled />;
}

function Users({ keyword }: { keyword: string }) {
  const query = useInfiniteQuery(foundUsers(keyword));
  const users = itemsOf(query.data);
  const end = useMoreWhenSeen(() => void query.fetchNextPage(), query.hasNextPage);
  if (query.error && users.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) return <RowSkeletons />;
  if (users.length === 0 && !query.hasNextPage) return <Nothing keyword={keyword} />;
  return (
    <>
      <ul className="mx-auto max-w-xl px-4 pt-2">
        {users.map((user) => (
          <li key={user.id} className="flex items-center gap-3 py-2">
            <Link to="/u/$userId" params={{ userId: user.id }} className="flex min-w-0 flex-1 items-center gap-3">
              <Avatar name={user.name} url={user.avatar} />
              <span className="min-w-0">
                <span className="block truncate font-medium">@{user.name}</span>
                <Followers count={user.followerCount} />
              </span>
            </Link>
            <FollowButton user={user} />
          </li>
        ))}
      </ul>
      <div ref={end} />
    </>
  );
}

function Followers({ count }: { count: number }) {
  const { t, i18n } = useTranslation();
  return (
    <span className="block text-s text-muted">
      {shortCount(count, i18n.language)} {t("profile.followerCount")}
    </span>
  );
}

function Tags({ keyword }: { keyword: string }) {
  const { t, i18n } = useTranslation();
  const query = useQuery(foundTags(keyword));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <RowSkeletons />;
  if (query.data.length === 0) return <Nothing keyword={keyword} />;
  return (
    <ul className="mx-auto max-w-xl px-4 pt-2">
      {query.data.map((tag) => (
        <li key={tag.name}>
          <Link to="/t/$tag" params={{ tag: tag.name }} className="flex items-center gap-3 py-2">
            <span aria-hidden className="grid size-11 shrink-0 place-items-center rounded-full bg-raised">
              <Hash size={20} />
            </span>
            <span className="min-w-0">
              <span className="block truncate font-medium">#{tag.name}</span>
              <span className="block text-s text-muted">{t("search.tagVideos", { count: tag.videoCount, shown: shortCount(tag.videoCount, i18n.language) })}</span>
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

function RecentSearches() {
  const { t } = useTranslation();
  const recent = useRecentSearches();
  if (recent.length === 0) return <EmptyState icon={Search} title={t("search.start")} />;
  return (
    <section className="mx-auto max-w-xl px-4 pt-4">
      <header className="flex items-center justify-between">
        <h2 className="font-semibold">{t("search.recent")}</h2>
        <button type="button" onClick={forgetSearches} className="min-h-11 text-s font-medium text-muted">
          {t("search.forgetAll")}
        </button>
      </header>
      <ul>
        {recent.map((keyword) => (
          <li key={keyword} className="flex items-center">
            <Link to="/search" search={placeOf(keyword, "video")} onClick={() => rememberSearch(keyword)} className="flex min-h-11 min-w-0 flex-1 items-center gap-3">
              <Clock size={18} aria-hidden className="shrink-0 text-muted" />
              <span className="truncate">{keyword}</span>
            </Link>
            <IconButton label={t("search.forget", { keyword })} onClick={() => forgetSearch(keyword)} className="text-muted">
              <X size={18} />
            </IconButton>
          </li>
        ))}
      </ul>
    </section>
  );
}
