import { useEffect, useEffectEvent, useRef } from "react";

/** Returns a ref for an element at the end of a list; load is called when it comes near the visible part. */
export function useMoreWhenSeen(load: () => void, enabled: boolean) {
  const ref = useRef<HTMLDivElement>(null);
  const loadMore = useEffectEvent(load);
  useEffect(() => {
    const end = ref.current;
    if (!end || !enabled) return;
    const observer = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && loadMore(), { rootMargin: "600px" });
    observer.observe(end);
    return () => observer.disconnect();
  }, [enabled]);
  return ref;
}
