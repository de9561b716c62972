import { useSyncExternalStore } from "react";

/** Whether a media query holds, now and whenever that changes. */
export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}

/** The window is wide enough for a panel beside the stage. */
export const wideQuery = "(min-width: 1100px)";

/** Windows without room beside the video: below the breakpoint sm. */
export const phoneQuery = "(width < 720px)";
