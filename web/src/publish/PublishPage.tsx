import { useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate } from "@tanstack/react-router";
import { Clapperboard, Upload } from "lucide-react";
import { useEffect, useId, useRef, useState, type DragEvent, type FormEvent } from "react";
import { useTranslation } from "react-i18next";
import { usersKey, videosKey } from "../api/lists";
import { forgetPlace } from "../feed/place";
import { askForLogin, useSession } from "../session/session";
import { Button } from "../ui/Button";
import { clock, fileSize } from "../ui/format";
import { EmptyState } from "../ui/Status";
import { notify } from "../ui/toast";
import { clipProblem, limits, publishVideo, PublishRefused, type ClipProblem, type Progress } from "./upload";

/** Publishes a video: choose or drop, look at it, name it, send it. */
export function PublishPage() {
  const { t } = useTranslation();
  const session = useSession();
  const [file, setFile] = useState<File | null>(null);
  if (!session) {
    return (
      <EmptyState icon={Upload} title={t("publish.needsLogin")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </EmptyState>
    );
  }
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto grid max-w-3xl gap-6 px-4 pt-8 pb-24">
        <h1 className="text-xl font-semibold">{t("publish.title")}</h1>
        {file ? <ClipForm key={`${file.name} ${file.size}`} file={file} onOther={() => setFile(null)} /> : <DropZone onFile={setFile} />}
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

type Stage = { name: "ready" } | { name: "sending"; progress: Progress } | { name: "failed"; message: string };

function ClipForm({ file, onOther }: { file: File; onOther: () => void }) {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const client = useQueryClient();
  const session = useSession();
  const titleId = useId();
  const [url] = useState(() => URL.createObjectURL(file));
  const [problem, setProblem] = useState<ClipProblem | null>(() => clipProblem(file, Number.NaN));
  const [title, setTitle] = useState("");
  const [stage, setStage] = useState<Stage>({ name: "ready" });
  const abort = useRef<AbortController | null>(null);
  const sending = stage.name === "sending";
  useEffect(() => () => abort.current?.abort(), []);
  useBlocker({ shouldBlockFn: () => sending && !confirm(t("publish.leave")), enableBeforeUnload: sending });

  async function submit(event: FormEvent) {
    event.preventDefault();
    abort.current = new AbortController();
    setStage({ name: "sending", progress: { sent: 0, total: file.size, speed: 0 } });
    try {
      await publishVideo(file, title.trim(), abort.current.signal, (progress) => setStage({ name: "sending", progress }));
    } catch (error) {
      if (error instanceof DOMException) setStage({ name: "ready" });
      else setStage({ name: "failed", message: error instanceof PublishRefused && error.message ? error.message : t("publish.broken") });
      return;
    }
    await Promise.all([client.invalidateQueries({ queryKey: [videosKey] }), client.invalidateQueries({ queryKey: [usersKey] })]);
    forgetPlace("newest"); // the next look at the feed begins with this video
    notify(t("publish.done"));
    setStage({ name: "ready" });
    if (session) setTimeout(() => void navigate({ to: "/u/$userId", params: { userId: session.userId } }));
  }

  return (
    <form onSubmit={submit} className="grid gap-6 sm:grid-cols-[240px_1fr]">
      <video
        src={url}
        muted
        loop
        playsInline
        controls
        autoPlay
        aria-label={t("publish.preview")}
        onLoadedMetadata={(e) => setProblem(clipProblem(file, e.currentTarget.duration))}
        className="aspect-[9/16] max-h-[50dvh] w-full rounded-m bg-stage object-contain sm:max-h-none"
      />
      <div className="grid content-start gap-4">
        <p className="text-s break-all text-muted">
          {file.name} · {fileSize(file.size, i18n.language)}
        </p>
        {problem && (
          <p role="alert" className="text-danger">
            {t(`publish.problem.${problem}`)}
          </p>
        )}
        <div className="grid gap-1.5">
          <label htmlFor={titleId} className="text-s text-muted">
            {t("publish.name")}
          </label>
          <textarea
            id={titleId}
            value={title}
            onChange={(e) => setTitle(e.target.value)}
            maxLength={limits.titleLength}
            rows={3}
            required
            className="resize-none rounded-m border border-line bg-raised p-4"
          />
          <p className="text-right text-s text-muted">
            {[...title].length}/{limits.titleLength}
          </p>
        </div>
        {stage.name === "sending" && <Bar progress={stage.progress} />}
        {stage.name === "failed" && (
          <p role="alert" className="text-danger">
            {stage.message}
          </p>
        )}
        <div className="flex flex-wrap gap-3">
          <Button type="submit" disabled={sending || problem !== null || title.trim() === ""}>
            {t(stage.name === "failed" ? "common.retry" : "publish.send")}
          </Button>
          <Button look="quiet" onClick={() => (sending ? abort.current?.abort() : onOther())}>
            {t(sending ? "publish.stop" : "publish.other")}
          </Button>
        </div>
      </div>
    </form>
  );
}

function Bar({ progress }: { progress: Progress }) {
  const { t, i18n } = useTranslation();
  const percent = progress.total > 0 ? Math.floor((progress.sent / progress.total) * 100) : 0;
  const left = progress.speed > 0 ? (progress.total - progress.sent) / progress.speed : null;
  const checking = progress.sent === progress.total && progress.total > 0;
  return (
    <div className="grid gap-1.5">
      <div role="progressbar" aria-label={t("publish.progress")} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} className="h-2 overflow-hidden rounded-full bg-line">
        <div className="h-full origin-left bg-accent transition-transform duration-150" style={{ transform: `scaleX(${percent / 100})` }} />
      </div>
      <p className="text-s text-muted" aria-live="polite">
        {checking ? t("publish.checking") : t("publish.percent", { percent, speed: fileSize(progress.speed, i18n.language) })}
        {!checking && left !== null && ` · ${t("publish.left", { time: clock(left) })}`}
      </p>
    </div>
  );
}
