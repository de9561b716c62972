import { useId, useState, type FormEvent } from "react";
import { newKey } from "../api/key";
import { titleLength, type Video } from "../api/model";
import { useTranslation } from "../i18n/i18n";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { notifyFailure } from "../ui/toast";
import { useUpdateVideo } from "./useUpdateVideo";
import { VisibilityField } from "./VisibilityField";

/** Changes the title of one's own video, and who may see it. */
export function EditVideoDialog({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useTranslation();
  const titleId = useId();
  const [title, setTitle] = useState(video.title);
  const [visibility, setVisibility] = useState(video.visibility);
  // The same for each try, so that what is pressed twice is done once.
  const [change, setChange] = useState({ title, visibility, key: newKey() });
  const update = useUpdateVideo(video.id);
  function submit(event: FormEvent) {
    event.preventDefault();
    const wanted = title.trim();
    const next = change.title === wanted && change.visibility === visibility ? change : { title: wanted, visibility, key: newKey() };
    setChange(next);
    update.mutate(next, { onSuccess: onClose, onError: notifyFailure });
  }
  return (
    <Dialog title={t("video.edit")} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 px-5 pt-2 pb-5 text-left">
        <div className="grid gap-1.5">
          <label htmlFor={titleId} className="text-s text-muted">
            {t("publish.name")}
          </label>
          <textarea
            id={titleId}
            value={title}
            onChange={(e) => setTitle(e.target.value)}
            maxLength={titleLength}
            rows={3}
            required
            className="resize-none rounded-m border border-line bg-raised p-4"
          />
        </div>
        <VisibilityField value={visibility} onChange={setVisibility} />
        <Button type="submit" disabled={update.isPending || title.trim() === ""}>
          {t("common.save")}
        </Button>
      </form>
    </Dialog>
  );
}
