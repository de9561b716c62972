/** The place of the suggestion that a key chooses among count ones; -1 is the text itself. Arrow keys go round; other keys choose nothing and answer null. */
export function moveChoice(key: string, at: number, count: number): number | null {
  if (count === 0) return null;
  if (key === "ArrowDown") return at + 1 < count ? at + 1 : -1;
  if (key === "ArrowUp") return at < 0 ? count - 1 : at - 1;
  return null;
}
