import type { Video } from "../api/model";
import { currentTranslations } from "../i18n/i18n";
import { notify } from "../ui/toast";

/** Shares a video's link by the system's own sheet, or copies it where there is none. */
export async function shareVideo(video: Video): Promise<void> {
  const url = `${location.origin}/v/${video.id}`;
  try {
    if (navigator.share) {
      await navigator.share({ title: video.title, url });
      return;
    }
    await navigator.clipboard.writeText(url);
    notify(currentTranslations().t("player.linkCopied"));
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") return; // the person closed the sheet
    notify(url);
  }
}
