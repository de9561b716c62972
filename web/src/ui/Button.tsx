import type { ButtonHTMLAttributes } from "react";

type Look = "primary" | "quiet" | "danger";

const looks: Record<Look, string> = {
  primary: "bg-accent text-accent-ink hover:brightness-110",
  quiet: "border border-line bg-raised text-ink hover:border-muted",
  danger: "border border-line bg-raised text-danger hover:border-danger",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
}

/** A button with words, at least 44 px high. */
export function Button({ look = "primary", className = "", type = "button", ...rest }: ButtonProps) {
  return (
    <button
      type={type}
      className={`inline-flex min-h-11 items-center justify-center gap-2 rounded-full px-5 text-m font-medium transition duration-150 ease-calm active:scale-[0.98] disabled:opacity-50 ${looks[look]} ${className}`}
      {...rest}
    />
  );
}

/** A round button with an icon; label is its name. */
export function IconButton({ label, className = "", ...rest }: ButtonHTMLAttributes<HTMLButtonElement> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`grid size-11 shrink-0 place-items-center rounded-full text-current transition duration-150 ease-calm hover:bg-ink/10 active:scale-95 ${className}`}
      {...rest}
    />
  );
}
