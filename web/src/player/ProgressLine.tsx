import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import { clock } from "../ui/format";
import type { Deck } from "./deck";

/** Where the current clip is and how long, in seconds; zeros while that is not known. */
export function timesOf(deck: Deck): { now: number; length: number } {
  const video = deck.currentVideo() as HTMLVideoElement | null;
  return { now: video?.currentTime ?? 0, length: Number.isFinite(video?.duration) ? (video?.duration ?? 0) : 0 };
}

/** A clip is not moved to its very end, where it would start again, but this far before, in seconds. */
const endMargin = 0.05;
/** An arrow key on the line moves the clip by this, in seconds. */
const keyStep = 5;

/** A thin line that shows how far the clip is, and grows to a scrubber under the pointer, the finger or the focus. */
export function ProgressLine({ deck, clipId }: { deck: Deck; clipId: string }) {
  const { t } = useTranslation();
  const line = useRef<HTMLDivElement>(null);
  const filled = useRef<HTMLDivElement>(null);
  const [scrubAt, setScrubAt] = useState<number | null>(null);

  // The line follows the video by itself: rendering it sixty times a second would cost more than playing does.
  useEffect(() => {
    let request = 0;
    const draw = () => {
      const { now, length } = timesOf(deck);
      const share = length > 0 ? now / length : 0;
      if (filled.current) filled.current.style.transform = `scaleX(${share})`;
      line.current?.setAttribute("aria-valuenow", String(Math.round(now)));
      line.current?.setAttribute("aria-valuemax", String(Math.round(length)));
      line.current?.setAttribute("aria-valuetext", t("player.position", { at: clock(now), of: clock(length) }));
      request = requestAnimationFrame(draw);
    };
    draw();
    return () => cancelAnimationFrame(request);
  }, [deck, clipId, t]);

  function scrub(event: PointerEvent<HTMLDivElement>) {
    const box = event.currentTarget.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const { length } = timesOf(deck);
    setScrubAt(share * length);
    deck.seek(Math.min(share * length, Math.max(0, length - endMargin)));
  }

  function onKeyDown(event: KeyboardEvent) {
    const { now, length } = timesOf(deck);
    const moves: Record<string, number> = { ArrowLeft: -keyStep, ArrowRight: keyStep, Home: -length, End: length };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    deck.seek(Math.min(Math.max(0, now + move), Math.max(0, length - endMargin)));
  }

  return (
    <div
      ref={line}
      role="slider"
      tabIndex={0}
      aria-label={t("player.progress")}
      aria-valuemin={0}
      aria-valuenow={0}
      aria-valuemax={0}
      onKeyDown={onKeyDown}
      onPointerDown={(e) => {
        e.currentTarget.setPointerCapture(e.pointerId);
        scrub(e);
      }}
      onPointerMove={(e) => e.currentTarget.hasPointerCapture(e.pointerId) && scrub(e)}
      onPointerUp={() => setScrubAt(null)}
      onPointerCancel={() => setScrubAt(null)}
      className="group absolute inset-x-0 bottom-0 flex h-5 cursor-pointer touch-none items-end outline-offset-[-2px]"
    >
      {scrubAt !== null && (
        <span className="glass absolute bottom-8 left-1/2 -translate-x-1/2 rounded-full px-4 py-1.5 text-l font-medium text-white">
          {clock(scrubAt)} / {clock(timesOf(deck).length)}
        </span>
      )}
      <div className="h-[3px] w-full overflow-hidden bg-white/30 transition-[height] duration-150 ease-calm group-hover:h-2 group-focus-visible:h-2 group-active:h-2">
        <div ref={filled} className="h-full origin-left bg-white" style={{ transform: "scaleX(0)" }} />
      </div>
    </div>
  );
}
