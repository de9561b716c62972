import type { LucideIcon } from "lucide-react";
import { CloudOff, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { useTranslation } from "../i18n/i18n";
import { failureOf } from "../api/failure";
import { Button } from "./Button";

/** What a page says when it has nothing to show: a picture, a sentence, and what to do. */
export function EmptyState({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children?: ReactNode }) {
  return (
    <div className="grid h-full min-h-60 place-content-center justify-items-center gap-3 p-8 text-center text-muted">
      <Icon size={36} strokeWidth={1.5} aria-hidden />
      <p className="max-w-80 text-m">{title}</p>
      {children}
    </div>
  );
}

/** Says what went wrong, what to do, and the id to report. */
export function ErrorState({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  const failure = failureOf(error);
  return (
    <div role="alert" className="h-full">
      <EmptyState icon={failure.kind === "offline" ? CloudOff : TriangleAlert} title={failure.message ?? t(`failure.${failure.kind}`)}>
        {onRetry && (
          <Button look="quiet" onClick={onRetry}>
            {t("common.retry")}
          </Button>
        )}
        {failure.requestId && <code className="text-s select-all">{t("failure.requestId", { id: failure.requestId })}</code>}
      </EmptyState>
    </div>
  );
}

/** A block in the shape of what is about to come. */
export function Skeleton({ className = "" }: { className?: string }) {
  return <div aria-hidden className={`animate-shimmer rounded-s bg-line ${className}`} />;
}

/** Skeletons of a list of people, messages or comments. */
export function RowSkeletons({ count = 6 }: { count?: number }) {
  return (
    <div className="grid gap-4 p-4" aria-busy>
      {Array.from({ length: count }, (_, i) => (
        <div key={i} className="flex items-center gap-3">
          <Skeleton className="size-11 rounded-full" />
          <div className="grid flex-1 gap-2">
            <Skeleton className="h-3 w-1/3" />
            <Skeleton className="h-3 w-2/3" />
          </div>
        </div>
      ))}
    </div>
  );
}
