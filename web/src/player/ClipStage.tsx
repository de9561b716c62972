import { lazy, Suspense, useCallback, useEffect, useEffectEvent, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "../i18n/i18n";
import { newKey } from "../api/key";
import type { Video } from "../api/model";
import { useLike } from "../video/useLike";
import { prepareReports, reportView, sendViews } from "../video/reportViews";
import { shareVideo } from "../video/share";
import type { ViewSource } from "../video/viewReports";
import { changeSettings, useSettings } from "../settings/settings";
import { Skeleton } from "../ui/Status";
import { useMedia, wideQuery } from "../ui/useMedia";
import { timesOf } from "./ProgressLine";
import { ClipSlot } from "./ClipSlot";
import { Deck } from "./deck";
import { loadHls, openHls } from "./hls";
import { keyAction, type KeyAction } from "./keys";
import { WatchMeter } from "./watching";
import { WheelSteps } from "./wheel";

// They come when they are opened.
const CommentsPanel = lazy(async () => ({ default: (await import("../comments/CommentsPanel")).CommentsPanel }));
const EditVideoDialog = lazy(async () => ({ default: (await import("../video/EditVideoDialog")).EditVideoDialog }));
const KeysDialog = lazy(async () => ({ default: (await import("./KeysDialog")).KeysDialog }));

/** Slots that exist on either side of the current one. */
const slotsAround = 2;
/** A page is asked for when this many videos are left. */
const nearEnd = 5;
/** The arrow keys move the clip by this, in seconds. */
const seekStep = 5;

interface ClipStageProps {
  videos: Video[];
  /** Where the videos are shown, for reports of views. */
  source: ViewSource;
  /** The video to begin with; the first where it is not in the list. */
  startAt?: string | undefined;
  hasMore: boolean;
  onNearEnd: () => void;
  onCurrent?: (video: Video) => void;
}

/** Whether clips may play by themselves: not with reduced motion, nor when the browser is told to save data. */
function mayAutoplay(): boolean {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean } };
  return !matchMedia("(prefers-reduced-motion: reduce)").matches && connection?.saveData !== true;
}

/** Plays a list of videos, one to a screen: by wheel, keyboard, finger and mouse. */
export function ClipStage({ videos, source, startAt, hasMore, onNearEnd, onCurrent }: ClipStageProps) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const settings = useSettings();
  const muted = settings.alwaysMuted || !settings.sound;
  const [deck] = useState(() => new Deck({ createVideo: () => document.createElement("video"), loadHls, openHls, muted, autoplay: mayAutoplay() }));
  const state = useSyncExternalStore(deck.subscribe, deck.state);
  const scroller = useRef<HTMLDivElement>(null);
  const wheel = useRef(new WheelSteps());
  const [panel, setPanel] = useState<"comments" | "keys" | "edit" | null>(null);
  const wide = useMedia(wideQuery);
  const like = useLike();
  const current = videos[state.current];
  const [slateId] = useState(newKey);
  const [meter] = useState(() => new WatchMeter(() => performance.now(), (watched) => reportView({ ...watched, source, slateId })));

  useEffect(() => deck.setClips(videos), [deck, videos]);
  useEffect(() => deck.setMuted(muted), [deck, muted]);
  useEffect(() => {
    const leave = () => {
      meter.leave();
      sendViews();
    };
    const visible = () => {
      if (document.hidden) leave();
      deck.setVisible(!document.hidden);
    };
    document.addEventListener("visibilitychange", visible);
    addEventListener("pagehide", leave);
    return () => {
      document.removeEventListener("visibilitychange", visible);
      removeEventListener("pagehide", leave);
      meter.leave();
      deck.dispose();
    };
  }, [deck, meter]);
  const reportCurrent = useEffectEvent(() => current && onCurrent?.(current));
  const currentId = current?.id;
  useEffect(() => {
    if (currentId !== undefined) reportCurrent();
  }, [currentId]);
  const playing = state.phase === "playing";
  useEffect(() => {
    if (playing) prepareReports().catch(() => undefined); // tried again with the report
  }, [playing]);
  useEffect(() => {
    const { length } = timesOf(deck);
    meter.show({ videoId: currentId ?? null, position: state.current, playing, length: length * 1000 });
  }, [deck, meter, currentId, state, playing]);
  const loadMore = useEffectEvent(onNearEnd);
  const needsMore = hasMore && state.current >= videos.length - nearEnd;
  useEffect(() => {
    if (needsMore) loadMore();
  }, [needsMore, videos.length]);

  const goTo = useCallback(
    (index: number, behavior: ScrollBehavior = "smooth") => {
      const element = scroller.current;
      if (!element) return;
      const target = Math.max(0, Math.min(index, videos.length - 1));
      element.scrollTo({ top: target * element.clientHeight, behavior });
    },
    [videos.length],
  );

  // The list begins at the wanted video, before anything is painted.
  const started = useRef(false);
  useLayoutEffect(() => {
    if (started.current || videos.length === 0) return;
    started.current = true;
    const index = startAt === undefined ? 0 : Math.max(0, videos.findIndex((v) => v.id === startAt));
    goTo(index, "instant");
    if (index > 0) deck.show(index);
  }, [deck, goTo, startAt, videos]);

  // One notch of the wheel is one video. React listens passively, so preventDefault needs a listener of its own.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      if (event.ctrlKey || event.shiftKey) return; // zoom, and sideways scrolling
      event.preventDefault();
      const step = wheel.current.step(event.deltaY, event.timeStamp);
      if (step !== 0) goTo(deck.state().current + step);
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [deck, goTo]);

  // The current video keeps its place when the window changes its height.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => goTo(deck.state().current, "instant"));
    observer.observe(element);
    return () => observer.disconnect();
  }, [deck, goTo]);

  function onScroll() {
    const element = scroller.current;
    if (!element || element.clientHeight === 0) return;
    const index = Math.round(element.scrollTop / element.clientHeight);
    if (index !== deck.state().current && index >= 0 && index < videos.length) deck.show(index);
  }

  function toggleSound() {
    changeSettings({ sound: muted, alwaysMuted: false });
  }

  const actions: Record<KeyAction, () => void> = {
    next: () => goTo(state.current + 1),
    previous: () => goTo(state.current - 1),
    toggle: () => deck.toggle(),
    back: () => deck.seek((deck.currentVideo()?.currentTime ?? 0) - seekStep),
    forward: () => deck.seek((deck.currentVideo()?.currentTime ?? 0) + seekStep),
    mute: toggleSound,
    like: () => current && like(current, !current.isLiked),
    comments: () => setPanel((open) => (open === "comments" ? null : "comments")),
    share: () => current && void shareVideo(current),
    search: () => void navigate({ to: "/search" }),
    fullscreen: () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen()),
    help: () => setPanel("keys"),
  };

  // Keys work wherever the focus is, but for what has keys of its own.
  const pressKey = useEffectEvent((event: KeyboardEvent) => {
    const action = event.defaultPrevented ? null : keyAction(event);
    if (!action) return;
    event.preventDefault();
    actions[action]();
  });
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => pressKey(event);
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
  const pressMediaKey = useEffectEvent((action: KeyAction) => actions[action]());
  useEffect(() => {
    const session = navigator.mediaSession as MediaSession | undefined;
    if (!session || !current) return;
    session.metadata = new MediaMetadata({ title: current.title, artist: current.author.name, artwork: [{ src: current.coverUrl }] });
    session.setActionHandler("play", () => deck.play());
    session.setActionHandler("pause", () => deck.pause());
    session.setActionHandler("nexttrack", () => pressMediaKey("next"));
    session.setActionHandler("previoustrack", () => pressMediaKey("previous"));
  }, [deck, current]);

  const first = Math.max(0, state.current - slotsAround);
  const slots = videos.slice(first, state.current + slotsAround + 1);
  return (
    <div className="flex h-full">
      <div
        ref={scroller}
        onScroll={onScroll}
        // The region scrolls, so it can be focused: its keys are those of the help.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="feed"
        aria-label={t("feed.label")}
        aria-busy={videos.length === 0}
        className="relative h-full min-w-0 flex-1 snap-y snap-mandatory overflow-y-scroll bg-stage outline-offset-[-2px] [scrollbar-width:none] sm:bg-surface"
      >
        <div style={{ height: `${Math.max(1, videos.length) * 100}%` }} className="relative">
          {videos.length === 0 && <Skeleton className="mx-auto h-full max-w-[calc((100dvh-88px)*9/16)] rounded-[18px]" />}
          {slots.map((video, i) => (
            <div
              key={video.id}
              className="absolute inset-x-0 snap-start snap-always"
              style={{ top: `${((first + i) / videos.length) * 100}%`, height: `${100 / videos.length}%` }}
            >
              <ClipSlot
                video={video}
                index={first + i}
                total={hasMore ? -1 : videos.length}
                deck={deck}
                state={state}
                onSkip={() => goTo(first + i + 1)}
                onToggleSound={toggleSound}
                onComments={() => setPanel("comments")}
                onEdit={() => setPanel("edit")}
                onAuthor={() => void navigate({ to: "/u/$userId", params: { userId: video.author.id } })}
              />
            </div>
          ))}
        </div>
      </div>
      <Suspense>
        {panel === "comments" && current && <CommentsPanel video={current} beside={wide} onClose={() => setPanel(null)} />}
        {panel === "edit" && current && <EditVideoDialog key={current.id} video={current} onClose={() => setPanel(null)} />}
        {panel === "keys" && <KeysDialog onClose={() => setPanel(null)} />}
      </Suspense>
      <p className="sr-only" aria-live="polite">
        {current ? t("feed.now", { title: current.title, author: current.author.name }) : ""}
      </p>
    </div>
  );
}
