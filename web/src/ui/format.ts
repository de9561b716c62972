/** 12,345 as "12K" or "1.2万". */
export function shortCount(n: number, language: string): string {
  return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 }).format(n);
}

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60], ["minute", 60], ["hour", 24], ["day", 7], ["week", 4.35], ["month", 12], ["year", Number.POSITIVE_INFINITY],
];

/** How long ago a time was: "3 minutes ago", "3分钟前". Both times are Unix milliseconds. */
export function timeAgo(at: number, now: number, language: string): string {
  let amount = Math.min(0, Math.round((at - now) / 1000));
  for (const [unit, most] of steps) {
    if (Math.abs(amount) < most) return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(amount, unit);
    amount = Math.round(amount / most);
  }
  return "";
}

/** The exact time, for titles. */
export function exactTime(at: number, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** Seconds as "1:05". */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** Bytes as "12.3 MB", with 1024 of a unit to the next, as limits are set and systems show files. */
export function fileSize(bytes: number, language: string): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  let power = 0;
  let value = bytes;
  while (value >= 1024 && power < units.length - 1) {
    value /= 1024;
    power++;
  }
  return new Intl.NumberFormat(language, { style: "unit", unit: units[power] ?? "byte", maximumFractionDigits: 1 }).format(value);
}
