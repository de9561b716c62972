import { useTranslation } from "../i18n/i18n";
import { Dialog } from "../ui/Dialog";
import { keyBindings } from "./keys";

const symbols: Record<string, string> = { ArrowDown: "↓", ArrowUp: "↑", ArrowLeft: "←", ArrowRight: "→", PageDown: "PgDn", PageUp: "PgUp" };

/** All keys of the stage. */
export function KeysDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-6 gap-y-3 px-5 pt-2 pb-6">
        {keyBindings.map(({ action, keys }) => (
          <div key={action} className="contents">
            <dt className="flex gap-1.5">
              {keys.map((key) => (
                <kbd key={key} className="min-w-8 rounded-s border border-line bg-raised px-2 py-0.5 text-center text-s">
                  {key === " " ? t("keys.space") : (symbols[key] ?? key.toUpperCase())}
                </kbd>
              ))}
            </dt>
            <dd>{t(`keys.${action}`)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
