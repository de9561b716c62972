import { useInfiniteQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowUp, Clapperboard, UserPlus } from "lucide-react";
import { useState } from "react";
import { useTranslation } from "../i18n/i18n";
import { itemsOf } from "../api/lists";
import { ClipStage } from "../player/ClipStage";
import { askForLogin, useSession } from "../session/session";
import { Button } from "../ui/Button";
import { EmptyState, ErrorState } from "../ui/Status";
import { phoneQuery, useMedia } from "../ui/useMedia";
import { followingFeed, newestFeed } from "./queries";
import { forgetPlace, keepPlace, keptPlace } from "./place";

const route = getRouteApi("/");

/** The feeds, one video at a time. */
export function HomePage() {
  const { t } = useTranslation();
  const { feed = "newest" } = route.useSearch();
  // On a phone the stage is all there is behind the tabs, also of a feed without videos.
  const phone = useMedia(phoneQuery);
  return (
    <div data-theme={phone ? "dark" : undefined} className="relative h-full text-ink max-sm:bg-stage">
      <nav aria-label={t("feed.tabs")} className="pointer-events-none absolute inset-x-0 top-0 z-20 flex justify-center gap-6 pt-3 sm:pt-0">
        {(["newest", "following"] as const).map((name) => (
          <Link
            key={name}
            to="/"
            search={name === "newest" ? {} : { feed: name }}
            aria-current={feed === name ? "page" : undefined}
            className={`on-video pointer-events-auto border-b-2 px-1 py-2 text-m font-medium sm:text-ink sm:[text-shadow:none] ${feed === name ? "border-accent" : "border-transparent opacity-80 sm:text-muted sm:opacity-100"}`}
          >
            {t(`feed.${name}`)}
          </Link>
        ))}
      </nav>
      {feed === "following" ? <FollowingFeed /> : <NewestFeed />}
    </div>
  );
}

function NewestFeed() {
  const { t } = useTranslation();
  const [place, setPlace] = useState(() => keptPlace("newest"));
  // From the kept video on: the feed answers what is strictly older than the time it is asked for.
  const query = useInfiniteQuery(newestFeed(place ? place.publishedAt + 1 : 0));
  const videos = itemsOf(query.data);
  if (query.error && videos.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data && videos.length === 0) {
    return (
      <EmptyState icon={Clapperboard} title={t("feed.empty")}>
        <Link to="/publish" className="font-medium text-accent">
          {t("feed.publishFirst")}
        </Link>
      </EmptyState>
    );
  }
  return (
    <>
      <ClipStage
        key={place?.videoId ?? "now"}
        videos={videos}
        source="feed"
        startAt={place?.videoId}
        hasMore={query.hasNextPage}
        onNearEnd={() => void query.fetchNextPage()}
        onCurrent={(video) => keepPlace("newest", { videoId: video.id, publishedAt: video.publishedAt })}
      />
      {place && (
        <button
          type="button"
          onClick={() => {
            forgetPlace("newest");
            setPlace(null);
          }}
          className="glass absolute top-16 left-1/2 z-20 flex min-h-11 -translate-x-1/2 items-center gap-2 rounded-full px-4 text-s font-medium text-white"
        >
          <ArrowUp size={16} aria-hidden />
          {t("feed.toNewest")}
        </button>
      )}
    </>
  );
}

function FollowingFeed() {
  const { t } = useTranslation();
  const session = useSession();
  const query = useInfiniteQuery({ ...followingFeed(), enabled: session !== null });
  const videos = itemsOf(query.data);
  if (!session) {
    return (
      <EmptyState icon={UserPlus} title={t("feed.followingNeedsLogin")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </EmptyState>
    );
  }
  if (query.error && videos.length === 0) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (query.data && videos.length === 0) {
    return (
      <EmptyState icon={UserPlus} title={t("feed.followingEmpty")}>
        <Link to="/" className="font-medium text-accent">
          {t("feed.findPeople")}
        </Link>
      </EmptyState>
    );
  }
  return <ClipStage videos={videos} source="following" hasMore={query.hasNextPage} onNearEnd={() => void query.fetchNextPage()} />;
}
