import { useId } from "react";
import { visibilities, type Visibility } from "../api/model";
import { useTranslation } from "../i18n/i18n";

interface VisibilityFieldProps {
  value: Visibility;
  onChange: (value: Visibility) => void;
  disabled?: boolean;
}

/** Chooses who may see a video, and says what the choice means. */
export function VisibilityField({ value, onChange, disabled }: VisibilityFieldProps) {
  const { t } = useTranslation();
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-s text-muted">
        {t("visibility.label")}
      </label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        aria-describedby={`${id}-hint`}
        onChange={(e) => {
          const chosen = visibilities.find((v) => v === e.target.value);
          if (chosen) onChange(chosen);
        }}
        className="min-h-11 rounded-m border border-line bg-raised px-4 text-ink outline-offset-0"
      >
        {visibilities.map((v) => (
          <option key={v} value={v}>
            {t(`visibility.${v}`)}
          </option>
        ))}
      </select>
      <p id={`${id}-hint`} className="text-s text-muted">
        {t(`visibility.hint.${value}`)}
      </p>
    </div>
  );
}
