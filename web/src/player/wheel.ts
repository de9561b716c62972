/** A pause this long between wheel events ends a turn of the wheel, in ms. */
const turnGap = 160;
/** Within one turn of the wheel nothing more happens for this long after a step, in ms. */
const stepPause = 420;
/** A later event this many times stronger than the weakest since the step is a new push, not inertia. */
const newPush = 2.2;
/** Movements below this, in pixels, are noise. */
const threshold = 4;

/**
 * WheelSteps turns wheel events into steps of one clip: one notch of a mouse wheel, or one push on a trackpad, is one
 * step. The inertia that follows a push, a long tail of ever weaker events, is ignored.
 */
export class WheelSteps {
  #lastEvent = Number.NEGATIVE_INFINITY;
  #lastStep = Number.NEGATIVE_INFINITY;
  #weakest = 0;

  /** Takes an event's vertical movement at a time in ms and returns the step: 1, -1 or 0. */
  step(deltaY: number, at: number): -1 | 0 | 1 {
    const strength = Math.abs(deltaY);
    const newTurn = at - this.#lastEvent > turnGap;
    this.#lastEvent = at;
    if (strength < threshold) return 0;
    const pushedAgain = at - this.#lastStep > stepPause && strength > this.#weakest * newPush;
    this.#weakest = Math.min(this.#weakest, strength);
    if (!newTurn && !pushedAgain) return 0;
    if (at - this.#lastStep < stepPause / 2) return 0;
    this.#lastStep = at;
    this.#weakest = strength;
    return deltaY > 0 ? 1 : -1;
  }
}
