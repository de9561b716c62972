import { X } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import { useTranslation } from "../i18n/i18n";
import { IconButton } from "./Button";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** "sheet" rises from the bottom of the window, "center" stands in its middle. */
  shape?: "center" | "sheet";
}

/**
 * A modal dialog on the browser's own <dialog>: it keeps the focus inside, closes on Escape and on a press beside it,
 * and gives the focus back.
 */
export function Dialog({ title, onClose, children, shape = "center" }: DialogProps) {
  const { t } = useTranslation();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (!dialog) return;
    const before = document.activeElement;
    if (!dialog.open) dialog.showModal();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const place =
    shape === "sheet"
      ? "mx-auto mt-auto mb-0 w-full max-w-xl rounded-t-[18px] h-[72dvh]"
      : "m-auto w-[min(92vw,420px)] rounded-[18px] max-h-[90dvh]";
  return (
    // A press on the backdrop closes it; the keyboard has Escape.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-noninteractive-element-interactions
    <dialog
      ref={ref}
      aria-label={title}
      onCancel={(e) => {
        e.preventDefault();
        onClose();
      }}
      onClick={(e) => {
        if (e.target === ref.current) onClose();
      }}
      className={`animate-rise overflow-hidden border border-line bg-surface p-0 text-ink shadow-2xl ${place}`}
    >
      <div className="flex h-full max-h-[inherit] flex-col">
        <header className="flex items-center justify-between py-2 pr-2 pl-5">
          <h2 className="text-l font-semibold">{title}</h2>
          <IconButton label={t("common.close")} onClick={onClose}>
            <X size={20} />
          </IconButton>
        </header>
        <div className="min-h-0 flex-1 overflow-y-auto">{children}</div>
      </div>
    </dialog>
  );
}
