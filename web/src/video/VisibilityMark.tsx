import { Link2, Lock, Users } from "lucide-react";
import type { Visibility } from "../api/model";
import { useTranslation } from "../i18n/i18n";

const icons = { followers: Users, friends: Users, unlisted: Link2, private: Lock };

/** Says who may see a video; nothing for one that everybody may see. */
export function VisibilityMark({ visibility }: { visibility: Visibility }) {
  const { t } = useTranslation();
  if (visibility === "public") return null;
  const Icon = icons[visibility];
  return (
    <span className="inline-flex items-center gap-1">
      <Icon size={14} aria-hidden />
      {t(`visibility.${visibility}`)}
    </span>
  );
}
