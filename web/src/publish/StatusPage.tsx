import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Check, CircleAlert, LoaderCircle, Upload } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import { newKey } from "../api/key";
import { videoClient } from "../api/transport";
import { askForLogin, useSession } from "../session/session";
import { Button } from "../ui/Button";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/Status";
import { notifyFailure } from "../ui/toast";
import { useVideoStatus, videoOfStatus, type VideoState } from "./status";

const route = getRouteApi("/publish/$videoId");

/** What happens to a video after it was published. */
export function StatusPage() {
  const { t } = useTranslation();
  const { videoId } = route.useParams();
  const session = useSession();
  const status = useVideoStatus(videoId, session !== null);
  const video = useQuery({ ...videoOfStatus(videoId), enabled: session !== null });
  const retry = useMutation({
    mutationFn: () => videoClient.retryTranscode({ videoId, idempotencyKey: newKey() }),
    onSuccess: () => void status.refetch(),
    onError: notifyFailure,
  });
  if (!session) {
    return (
      <EmptyState icon={Upload} title={t("publish.needsLogin")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </EmptyState>
    );
  }
  const error = status.error ?? video.error;
  if (error) return <ErrorState error={error} onRetry={() => void Promise.all([status.refetch(), video.refetch()])} />;
  if (!status.data || !video.data) return <RowSkeletons count={2} />;
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto grid max-w-3xl gap-6 px-4 pt-8 pb-24">
        <h1 className="text-xl font-semibold">{t("status.title")}</h1>
        <section className="grid gap-6 sm:grid-cols-[240px_1fr]">
          <img src={video.data.coverUrl} alt="" className="aspect-[9/16] max-h-[50dvh] w-full rounded-m bg-stage object-contain sm:max-h-none" />
          <div className="grid content-start gap-4">
            <p className="text-l font-medium break-words">{video.data.title}</p>
            <StateLine status={status.data} />
            {status.data.renditions.length > 0 && <p className="text-s text-muted">{t("status.qualities", { list: status.data.renditions.join(" · ") })}</p>}
            <div className="flex flex-wrap gap-3">
              <Link to="/v/$videoId" params={{ videoId }} className="inline-flex min-h-11 items-center rounded-full bg-accent px-5 font-medium text-accent-ink">
                {t("status.watch")}
              </Link>
              {status.data.retryable && (
                <Button look="quiet" disabled={retry.isPending} onClick={() => retry.mutate()}>
                  {t("common.retry")}
                </Button>
              )}
              <Link
                to="/u/$userId"
                params={{ userId: session.userId }}
                className="inline-flex min-h-11 items-center rounded-full border border-line bg-raised px-5 font-medium"
              >
                {t("status.works")}
              </Link>
            </div>
          </div>
        </section>
      </div>
    </div>
  );
}

/** What is done now, with a bar while there is something to wait for. */
function StateLine({ status }: { status: VideoState }) {
  const { t } = useTranslation();
  const waits = status.state !== "ready" && status.state !== "failed";
  const Icon = waits ? LoaderCircle : status.state === "ready" ? Check : CircleAlert;
  const sentences = {
    uploading: t("status.processing", { percent: status.percent }),
    queued: status.queuePosition > 0 ? t("status.queued", { count: status.queuePosition }) : t("status.queuedNext"),
    processing: t(status.stage === "" ? "status.processing" : `status.stage.${status.stage}`, { percent: status.percent }),
    ready: t("status.ready"),
    failed: status.message || t("status.failed"),
  };
  return (
    <div className="grid gap-2">
      <p role="status" className={`flex items-start gap-2 ${status.state === "failed" ? "text-danger" : ""}`}>
        <Icon size={20} aria-hidden className={`mt-0.5 shrink-0 ${waits ? "animate-spin" : ""}`} />
        {sentences[status.state]}
      </p>
      {waits && (
        <>
          <div role="progressbar" aria-label={t("status.progress")} aria-valuenow={status.percent} aria-valuemin={0} aria-valuemax={100} className="h-2 overflow-hidden rounded-full bg-line">
            <div className="h-full origin-left bg-accent transition-transform duration-150" style={{ transform: `scaleX(${status.percent / 100})` }} />
          </div>
          <p className="text-s text-muted">{t("status.playsAlready")}</p>
        </>
      )}
      {status.state === "failed" && <p className="text-s text-muted">{t("status.playsAnyway")}</p>}
    </div>
  );
}
