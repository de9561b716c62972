import { Heart, LoaderCircle, MessageCircle, Pencil, Play, Share2, Volume2, VolumeX } from "lucide-react";
import { Link } from "@tanstack/react-router";
import { memo, useEffect, useEffectEvent, useLayoutEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "../i18n/i18n";
import type { TextSpan, Video } from "../api/model";
import { FollowButton } from "../profile/FollowButton";
import { useSession } from "../session/session";
import { shareVideo } from "../video/share";
import { LinkedText } from "../video/LinkedText";
import { useLike } from "../video/useLike";
import { VisibilityMark } from "../video/VisibilityMark";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { exactTime, shortCount, timeAgo } from "../ui/format";
import type { Deck, DeckState, VideoElement } from "./deck";
import { Gestures, type Gesture } from "./gesture";
import { ProgressLine } from "./ProgressLine";

/** How much faster a clip plays while it is held. */
const holdRate = 2;
/** A picture wider than this, by its height, keeps its shape on a blurred copy of its cover. */
const wideShape = 0.75;

interface ClipSlotProps {
  video: Video;
  index: number;
  /** How many there are; -1 while that is not known. */
  total: number;
  deck: Deck;
  state: DeckState;
  onSkip: () => void;
  onToggleSound: () => void;
  onComments: () => void;
  onEdit: () => void;
  onAuthor: () => void;
}

interface Burst {
  id: number;
  x: number;
  y: number;
}

/** One video of the stage: its cover, its element while it is near, and everything that floats over it. */
export const ClipSlot = memo(function ClipSlot({ video, index, total, deck, state, onSkip, onToggleSound, onComments, onEdit, onAuthor }: ClipSlotProps) {
  const { t, i18n } = useTranslation();
  const host = useRef<HTMLDivElement>(null);
  const frame = useRef<HTMLElement>(null);
  const [wide, setWide] = useState(false);
  const [bursts, setBursts] = useState<Burst[]>([]);
  const like = useLike();
  const isCurrent = state.current === index;
  const isOwn = useSession()?.userId === video.author.id;
  const hasFrame = state.withFrame.includes(index);

  useLayoutEffect(() => {
    const element = host.current;
    if (!element) return;
    return deck.attach(index, { append: (v: VideoElement) => element.append(v as HTMLVideoElement) });
  }, [deck, index]);

  const onGesture = useEffectEvent((gesture: Gesture) => {
    if (!isCurrent) return;
    switch (gesture.kind) {
      case "tap":
        deck.toggle();
        break;
      case "doubleTap": {
        const box = frame.current?.getBoundingClientRect();
        if (box) setBursts((all) => [...all.slice(-4), { id: Date.now() + Math.random(), x: gesture.x - box.left, y: gesture.y - box.top }]);
        if (!video.isLiked) like(video, true);
        break;
      }
      case "holdStart":
        deck.setRate(holdRate);
        break;
      case "holdEnd":
        deck.setRate(1);
        break;
      case "swipeLeft":
        onAuthor();
    }
  });
  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const gestures = new Gestures(onGesture);
    const down = (e: PointerEvent) => e.isPrimary && e.button === 0 && gestures.pointerDown(e.clientX, e.clientY, e.timeStamp);
    const move = (e: PointerEvent) => e.isPrimary && gestures.pointerMove(e.clientX, e.clientY);
    const up = (e: PointerEvent) => e.isPrimary && gestures.pointerUp(e.clientX, e.clientY, e.timeStamp);
    const cancel = () => gestures.cancel();
    element.addEventListener("pointerdown", down);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", up);
    element.addEventListener("pointercancel", cancel);
    return () => {
      gestures.dispose();
      element.removeEventListener("pointerdown", down);
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", up);
      element.removeEventListener("pointercancel", cancel);
    };
  }, []);

  return (
    <article
      ref={frame}
      aria-setsize={total}
      aria-posinset={index + 1}
      aria-label={t("feed.video", { title: video.title, author: video.author.name })}
      inert={!isCurrent}
      className="relative mx-auto h-full overflow-hidden bg-stage select-none sm:mt-[52px] sm:h-[calc(100%-72px)] sm:max-w-[calc((100dvh-72px)*9/16)] sm:rounded-[18px]"
    >
      {wide && <img src={video.coverUrl} alt="" className="absolute inset-0 size-full scale-125 object-cover opacity-60 blur-2xl" />}
      <img
        src={video.coverUrl}
        alt=""
        onLoad={(e) => setWide(e.currentTarget.naturalWidth > e.currentTarget.naturalHeight * wideShape)}
        className={`absolute inset-0 size-full ${wide ? "object-contain" : "object-cover"}`}
      />
      <div
        ref={host}
        aria-hidden
        onContextMenu={(e) => e.preventDefault()}
        className={`absolute inset-0 touch-pan-y [&>video]:size-full ${wide ? "[&>video]:object-contain" : "[&>video]:object-cover"} ${hasFrame ? "[&>video]:opacity-100" : "[&>video]:opacity-0"}`}
      />
      <div aria-hidden className="scrim pointer-events-none absolute inset-0" />

      {bursts.map((b) => (
        <Heart
          key={b.id}
          aria-hidden
          onAnimationEnd={() => setBursts((all) => all.filter((other) => other.id !== b.id))}
          className="pointer-events-none absolute size-24 animate-fly fill-accent text-accent"
          style={{ left: b.x, top: b.y }}
        />
      ))}
      {isCurrent && <PhaseOverlay deck={deck} state={state} onSkip={onSkip} />}

      <button
        type="button"
        onClick={onToggleSound}
        aria-label={t(state.muted ? "player.soundOn" : "player.soundOff")}
        aria-pressed={!state.muted}
        className="glass absolute top-3 right-3 grid size-11 place-items-center rounded-full text-white"
      >
        {state.muted ? <VolumeX size={20} /> : <Volume2 size={20} />}
      </button>

      <div className="on-video pointer-events-none absolute right-20 bottom-6 left-4">
        <div className="pointer-events-auto flex items-center gap-2">
          <Link to="/u/$userId" params={{ userId: video.author.id }} className="truncate py-2 font-semibold">
            @{video.author.name}
          </Link>
          <FollowButton user={video.author} look="video" />
        </div>
        <Title text={video.title} spans={video.titleSpans} />
        <p className="flex flex-wrap gap-x-2 text-s opacity-85">
          <PublishedAt at={video.publishedAt} />
          <VisibilityMark visibility={video.visibility} />
          <span>{t("player.views", { count: video.viewCount, shown: shortCount(video.viewCount, i18n.language) })}</span>
        </p>
      </div>

      <div className="on-video absolute right-2 bottom-6 grid justify-items-center gap-3">
        <Link to="/u/$userId" params={{ userId: video.author.id }} aria-label={t("player.author", { name: video.author.name })}>
          <Avatar name={video.author.name} url={video.author.avatar} className="size-12 border-2 border-white" />
        </Link>
        <LikeAction video={video} onLike={(wanted) => like(video, wanted)} />
        <Action label={t("player.comments", { count: video.commentCount })} count={video.commentCount} onClick={onComments}>
          <MessageCircle size={25} className="fill-white" />
        </Action>
        {isOwn && (
          <Action label={t("video.edit")} words={t("video.editShort")} onClick={onEdit}>
            <Pencil size={22} className="fill-white" />
          </Action>
        )}
        <Action label={t("player.share")} words={t("player.shareShort")} onClick={() => void shareVideo(video)}>
          <Share2 size={23} className="fill-white" />
        </Action>
      </div>
      {isCurrent && <ProgressLine deck={deck} clipId={video.id} />}
    </article>
  );
});

function LikeAction({ video, onLike }: { video: Video; onLike: (wanted: boolean) => void }) {
  const { t } = useTranslation();
  return (
    <Action label={t(video.isLiked ? "player.unlike" : "player.like")} pressed={video.isLiked} count={video.likeCount} onClick={() => onLike(!video.isLiked)}>
      <Heart key={String(video.isLiked)} size={25} className={video.isLiked ? "animate-spring fill-accent text-accent" : "fill-white"} />
    </Action>
  );
}

interface ActionProps {
  label: string;
  count?: number;
  /** What stands below where there is no count. */
  words?: string;
  pressed?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Action({ label, count, words, pressed, onClick, children }: ActionProps) {
  const { i18n } = useTranslation();
  return (
    <button type="button" aria-label={label} aria-pressed={pressed} onClick={onClick} className="grid w-15 justify-items-center gap-0.5 text-[12px] font-medium">
      <span className="glass grid size-12 place-items-center rounded-full">{children}</span>
      {count === undefined ? words : shortCount(count, i18n.language)}
    </button>
  );
}

/** At most two lines, then "more". */
function Title({ text, spans }: { text: string; spans: TextSpan[] }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [cut, setCut] = useState(false);
  const ref = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    const p = ref.current;
    if (p) setCut(p.scrollHeight > p.clientHeight + 1);
  }, [text]);
  return (
    <div className="pointer-events-auto">
      <p ref={ref} className={`whitespace-pre-line break-words ${open ? "max-h-[40dvh] overflow-y-auto" : "line-clamp-2"}`}>
        <LinkedText text={text} spans={spans} />
      </p>
      {(cut || open) && (
        <button type="button" onClick={() => setOpen(!open)} aria-expanded={open} className="py-1 text-s font-semibold">
          {t(open ? "player.less" : "player.more")}
        </button>
      )}
    </div>
  );
}

function PublishedAt({ at }: { at: number }) {
  const { i18n } = useTranslation();
  const [now] = useState(() => Date.now());
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at, i18n.language)}>
      {timeAgo(at, now, i18n.language)}
    </time>
  );
}

/** What the middle of the picture says: paused, waiting, or what to do when a clip does not come. */
function PhaseOverlay({ deck, state, onSkip }: { deck: Deck; state: DeckState; onSkip: () => void }) {
  const { t } = useTranslation();
  if (state.phase === "paused" || state.phase === "blocked") {
    return (
      <button type="button" aria-label={t("player.play")} onClick={() => deck.play()} className="glass absolute top-1/2 left-1/2 grid size-20 -translate-1/2 place-items-center rounded-full text-white">
        <Play size={36} className="ml-1 fill-white" />
      </button>
    );
  }
  if (state.phase === "stalled" || state.phase === "failed") {
    return (
      <div role="alert" className="glass absolute top-1/2 left-1/2 grid w-64 -translate-1/2 gap-3 rounded-m p-5 text-center text-white">
        <p>{t(state.phase === "stalled" ? "player.stalled" : "player.failed")}</p>
        <Button onClick={onSkip}>{t("player.skip")}</Button>
        <button type="button" onClick={() => deck.retry()} className="min-h-11 text-m font-medium">
          {t("common.retry")}
        </button>
      </div>
    );
  }
  if (state.rate > 1) {
    return <p className="glass absolute top-16 left-1/2 -translate-x-1/2 rounded-full px-4 py-1.5 text-s font-medium text-white">{t("player.fast", { rate: state.rate })}</p>;
  }
  if (state.phase === "loading" && !state.withFrame.includes(state.current)) {
    return <LoaderCircle aria-label={t("player.loading")} className="absolute top-1/2 left-1/2 size-10 -translate-1/2 animate-spin text-white/80 [animation-delay:400ms]" />;
  }
  return null;
}
