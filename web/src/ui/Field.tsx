import { useId, type InputHTMLAttributes } from "react";

/** A labelled line of text. */
export function Field({ label, hint, ...rest }: InputHTMLAttributes<HTMLInputElement> & { label: string; hint?: string }) {
  const id = useId();
  return (
    <div className="grid gap-1.5">
      <label htmlFor={id} className="text-s text-muted">
        {label}
      </label>
      <input
        id={id}
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="min-h-11 rounded-m border border-line bg-raised px-4 outline-offset-0"
        {...rest}
      />
      {hint && (
        <p id={`${id}-hint`} className="text-s text-muted">
          {hint}
        </p>
      )}
    </div>
  );
}
