import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Clapperboard, Pause, Play, Upload } from "lucide-react";
import { useEffect, useId, useState, useSyncExternalStore, type DragEvent, type FormEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import { usersKey, videosKey } from "../api/lists";
import type { Visibility } from "../api/model";
import { forgetPlace } from "../feed/place";
import { askForLogin, useSession } from "../session/session";
import { Button, IconButton } from "../ui/Button";
import { clock, fileSize } from "../ui/format";
import { EmptyState, Skeleton } from "../ui/Status";
import { notify } from "../ui/toast";
import { VisibilityField } from "../video/VisibilityField";
import { forgetPending, keepPending, readPending, updatePending, type Pending } from "./pending";
import { Sending, type OpenUpload, type SendingState } from "./sending";
import { clipProblem, limits, publishUpload, PublishRefused, type ClipProblem } from "./upload";

// Only an upload needs it.
const openUpload: OpenUpload = async (file, url, events) => (await import("./tus")).openUpload(file, url, events);

/** Publishes a video: choose or drop, look at it, name it while it is sent. What is not published is here again later. */
export function PublishPage() {
  const { t } = useTranslation();
  const session = useSession();
  const userId = session?.userId;
  // undefined until the browser has said whether there is one.
  const [pending, setPending] = useState<Pending | null | undefined>(undefined);
  useEffect(() => {
    if (userId !== undefined) void readPending(userId).then(setPending);
  }, [userId]);
  if (!session) {
    return (
      <EmptyState icon={Upload} title={t("publish.needsLogin")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </EmptyState>
    );
  }
  function choose(file: File) {
    const chosen: Pending = { userId: session?.userId ?? "", file, title: "", uploadUrl: null, paused: false };
    if (clipProblem(file, Number.NaN) === null) void keepPending(chosen);
    setPending(chosen);
  }
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto grid max-w-3xl gap-6 px-4 pt-8 pb-24">
        <h1 className="text-xl font-semibold">{t("publish.title")}</h1>
        {pending === undefined && <Skeleton className="min-h-80 rounded-[18px]" />}
        {pending && <ClipForm pending={pending} onOther={() => setPending(null)} />}
        {pending === null && <DropZone onFile={choose} />}
      </div>
    </div>
  );
}

function DropZone({ onFile }: { onFile: (file: File) => void }) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const [over, setOver] = useState(false);
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file) onFile(file);
  }
  return (
    <div
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
      className={`grid min-h-80 place-content-center justify-items-center gap-3 rounded-[18px] border-2 border-dashed p-8 text-center transition duration-150 ${over ? "border-accent bg-raised" : "border-line"}`}
    >
      <Clapperboard size={40} strokeWidth={1.5} aria-hidden className="text-muted" />
      <p className="text-l font-medium">{t("publish.drop")}</p>
      <p className="text-s text-muted">{t("publish.limits", { size: fileSize(limits.bytes, i18n.language), minutes: limits.seconds / 60 })}</p>
      <label htmlFor={id} className="inline-flex min-h-11 cursor-pointer items-center rounded-full bg-accent px-6 font-medium text-accent-ink has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent">
        {t("publish.choose")}
        <input id={id} type="file" accept="video/*" className="sr-only" onChange={(e) => e.target.files?.[0] && onFile(e.target.files[0])} />
      </label>
    </div>
  );
}

/** What the person wants done with the clip, beside sending it. */
type Stage = { name: "writing" } | { name: "publishing" } | { name: "failed"; message: string };

function ClipForm({ pending, onOther }: { pending: Pending; onOther: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const titleId = useId();
  const { file } = pending;
  const [url] = useState(() => URL.createObjectURL(file));
  const [problem, setProblem] = useState<ClipProblem | null>(() => clipProblem(file, Number.NaN));
  /** Whether the browser has looked at the clip, so that none is sent that it knows to be too long. */
  const [checked, setChecked] = useState(false);
  const [title, setTitle] = useState(pending.title);
  const [visibility, setVisibility] = useState<Visibility>(pending.visibility ?? "public");
  const [paused, setPaused] = useState(pending.paused);
  const [stage, setStage] = useState<Stage>({ name: "writing" });
  const [sending] = useState(() => new Sending(file, pending.uploadUrl, openUpload));
  const state = useSyncExternalStore(sending.subscribe, sending.state);
  const publishing = stage.name === "publishing";
  const goes = checked && problem === null && !paused;

  useEffect(() => {
    if (!goes) return;
    sending.start();
    return () => sending.pause();
  }, [sending, goes]);
  useEffect(() => {
    if (problem === null) void updatePending({ title, visibility, uploadUrl: state.url, paused });
  }, [problem, title, visibility, state.url, paused]);

  async function publish(event: FormEvent) {
    event.preventDefault();
    setStage({ name: "publishing" });
    await sending.whenSent();
    try {
      const videoId = await publishUpload(sending.state().url ?? "", title.trim(), visibility);
      await forgetPending();
      void client.invalidateQueries({ queryKey: [videosKey] });
      void client.invalidateQueries({ queryKey: [usersKey] });
      forgetPlace("newest"); // the next look at the feed begins with this video
      notify(t("publish.done"));
      void navigate({ to: "/publish/$videoId", params: { videoId }, replace: true });
    } catch (error) {
      setStage({ name: "failed", message: error instanceof PublishRefused && error.message ? error.message : t("publish.broken") });
    }
  }

  async function other() {
    await Promise.all([sending.giveUp(), forgetPending()]);
    onOther();
  }

  function retry() {
    setPaused(false);
    sending.start();
  }

  return (
    <form onSubmit={publish} className="grid gap-6 sm:grid-cols-[240px_1fr]">
      <video
        src={url}
        muted
        loop
        playsInline
        controls
        autoPlay
        aria-label={t("publish.preview")}
        onLoadedMetadata={(e) => {
          setProblem(clipProblem(file, e.currentTarget.duration));
          setChecked(true);
        }}
        onError={() => setChecked(true)} // what this browser cannot play, the platform may
        className="aspect-[9/16] max-h-[50dvh] w-full rounded-m bg-stage object-contain sm:max-h-none"
      />
      <div className="grid content-start gap-4">
        <p className="text-s break-all text-muted">
          {file.name} · {fileSize(file.size, i18n.language)}
        </p>
        {problem ? (
          <p role="alert" className="text-danger">
            {t(`publish.problem.${problem}`)}
          </p>
        ) : (
          <Bar state={state} onPause={() => setPaused(true)} onResume={retry} />
        )}
        <div className="grid gap-1.5">
          <label htmlFor={titleId} className="text-s text-muted">
            {t("publish.name")}
          </label>
          <textarea
            id={titleId}
            value={title}
            onChange={(e) => setTitle(e.target.value)}
            readOnly={publishing}
            maxLength={limits.titleLength}
            rows={3}
            required
            className="resize-none rounded-m border border-line bg-raised p-4"
          />
          <p className="text-right text-s text-muted">
            {[...title].length}/{limits.titleLength}
          </p>
        </div>
        <VisibilityField value={visibility} onChange={setVisibility} disabled={publishing} />
        {publishing && (
          <p role="status" className="text-s text-muted">
            {t(state.phase === "sent" ? "publish.checking" : "publish.whenSent")}
          </p>
        )}
        {stage.name === "failed" && (
          <p role="alert" className="text-danger">
            {stage.message}
          </p>
        )}
        <div className="flex flex-wrap gap-3">
          <Button type="submit" disabled={publishing || problem !== null || title.trim() === ""}>
            {t(stage.name === "failed" ? "common.retry" : "publish.send")}
          </Button>
          <Button look="quiet" disabled={publishing && state.phase === "sent"} onClick={() => void other()}>
            {t("publish.other")}
          </Button>
        </div>
      </div>
    </form>
  );
}

/** How far the upload is, with what one can do about it. */
function Bar({ state, onPause, onResume }: { state: SendingState; onPause: () => void; onResume: () => void }) {
  const { t } = useTranslation();
  const percent = state.total > 0 ? Math.floor((state.sent / state.total) * 100) : 0;
  const stopped = state.phase === "paused" || state.phase === "broken" || state.phase === "refused";
  return (
    <div className="grid grid-cols-[1fr_auto] items-center gap-x-2">
      <div role="progressbar" aria-label={t("publish.progress")} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} className="h-2 overflow-hidden rounded-full bg-line">
        <div className="h-full origin-left bg-accent transition-transform duration-150" style={{ transform: `scaleX(${percent / 100})` }} />
      </div>
      {state.phase !== "sent" && (
        <IconButton label={t(stopped ? "publish.resume" : "publish.pause")} onClick={stopped ? onResume : onPause}>
          {stopped ? <Play size={20} /> : <Pause size={20} />}
        </IconButton>
      )}
      <SendingWords state={state} percent={percent} />
    </div>
  );
}

function SendingWords({ state, percent }: { state: SendingState; percent: number }) {
  const { t, i18n } = useTranslation();
  if (state.phase === "broken" || state.phase === "refused") {
    return (
      <p role="alert" className="col-span-2 text-s text-danger">
        {state.message || t("publish.lost")}
      </p>
    );
  }
  const left = state.speed > 0 ? (state.total - state.sent) / state.speed : null;
  const words = {
    sending: t("publish.percent", { percent, speed: fileSize(state.speed, i18n.language) }) + (left === null ? "" : ` · ${t("publish.left", { time: clock(left) })}`),
    paused: t("publish.paused", { percent }),
    sent: t("publish.sent"),
  };
  return (
    <p className="col-span-2 text-s text-muted" aria-live="polite">
      {words[state.phase]}
    </p>
  );
}
