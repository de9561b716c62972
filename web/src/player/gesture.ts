/** What a pointer did on the stage. Positions are those of the event, in pixels of the viewport. */
export type Gesture =
  | { kind: "tap" }
  | { kind: "doubleTap"; x: number; y: number }
  | { kind: "holdStart" }
  | { kind: "holdEnd" }
  | { kind: "swipeLeft" };

/** A second tap within this is a double tap, in ms. */
const doubleTapTime = 280;
/** Holding for this long speeds up, in ms. */
const holdTime = 450;
/** A pointer that moved less than this, in pixels, has not moved. */
const slack = 12;
/** A swipe to the left is at least this far, in pixels, and more sideways than up or down. */
const swipeDistance = 60;

/** Gestures recognises taps, double taps, holds and swipes to the left from pointer events. */
export class Gestures {
  readonly #emit: (gesture: Gesture) => void;
  #down: { x: number; y: number; at: number; moved: boolean } | null = null;
  #holding = false;
  #holdTimer: ReturnType<typeof setTimeout> | undefined;
  #tapTimer: ReturnType<typeof setTimeout> | undefined;
  #lastTap = Number.NEGATIVE_INFINITY;

  constructor(emit: (gesture: Gesture) => void) {
    this.#emit = emit;
  }

  pointerDown(x: number, y: number, at: number): void {
    this.#down = { x, y, at, moved: false };
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => {
      if (!this.#down || this.#down.moved) return;
      this.#holding = true;
      this.#emit({ kind: "holdStart" });
    }, holdTime);
  }

  pointerMove(x: number, y: number): void {
    if (this.#down && Math.hypot(x - this.#down.x, y - this.#down.y) > slack) this.#down.moved = true;
  }

  pointerUp(x: number, y: number, at: number): void {
    this.pointerMove(x, y);
    const down = this.#down;
    const held = this.#holding;
    this.cancel();
    if (!down || held) return;
    const [dx, dy] = [x - down.x, y - down.y];
    if (down.moved) {
      if (dx < -swipeDistance && Math.abs(dx) > 1.5 * Math.abs(dy)) this.#emit({ kind: "swipeLeft" });
      return;
    }
    if (at - this.#lastTap < doubleTapTime) {
      clearTimeout(this.#tapTimer);
      this.#emit({ kind: "doubleTap", x, y }); // a third tap in time is another heart
      this.#lastTap = at;
      return;
    }
    this.#lastTap = at;
    this.#tapTimer = setTimeout(() => this.#emit({ kind: "tap" }), doubleTapTime);
  }

  /** The browser took the pointer, to scroll. */
  cancel(): void {
    clearTimeout(this.#holdTimer);
    this.#down = null;
    if (!this.#holding) return;
    this.#holding = false;
    this.#emit({ kind: "holdEnd" });
  }

  dispose(): void {
    clearTimeout(this.#holdTimer);
    clearTimeout(this.#tapTimer);
  }
}
