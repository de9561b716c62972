import { useEffect, useSyncExternalStore } from "react";
import { failureOf } from "../api/failure";
import { currentTranslations, useTranslation } from "../i18n/i18n";

/** How long a notice stays, in ms. */
const shownFor = 4000;

let notice: { text: string; at: number } | null = null;
const listeners = new Set<() => void>();

function set(next: typeof notice) {
  notice = next;
  for (const listener of listeners) listener();
}

/** Shows one sentence for a moment. */
export function notify(text: string): void {
  set({ text, at: Date.now() });
}

/** Shows what went wrong with something the person just did. */
export function notifyFailure(error: unknown): void {
  const failure = failureOf(error);
  notify(failure.message ?? currentTranslations().t(`failure.${failure.kind}`));
}

/** The place where notices appear: above the dock on phones, else at the top, where no words of a video are. Screen readers hear them. */
export function Toaster() {
  const { t } = useTranslation();
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notice,
  );
  useEffect(() => {
    if (!shown) return;
    const timer = setTimeout(() => set(null), shownFor);
    return () => clearTimeout(timer);
  }, [shown]);
  return (
    <div role="status" aria-live="polite" aria-label={t("common.notices")} className="pointer-events-none fixed inset-x-0 bottom-20 z-50 sm:top-3 sm:bottom-auto grid justify-items-center px-4">
      {shown && <p key={shown.at} className="animate-rise glass rounded-full px-5 py-2.5 text-m text-white shadow-lg">{shown.text}</p>}
    </div>
  );
}
