import { useTranslation } from "../i18n/i18n";
import type { User } from "../api/model";
import { useSession, withSession } from "../session/session";
import { Button } from "../ui/Button";
import { useFollow } from "./queries";

/** Follows a user, or ends it; nothing on oneself. The look "video" is for over a picture. */
export function FollowButton({ user, look = "page" }: { user: User; look?: "page" | "video" }) {
  const { t } = useTranslation();
  const session = useSession();
  const follow = useFollow();
  if (user.id === session?.userId) return null;
  const wanted = !user.isFollowed;
  const press = () => withSession(() => follow.mutate({ id: user.id, wanted }));
  const label = t(wanted ? "profile.follow" : "profile.followed");
  const name = t(wanted ? "profile.followName" : "profile.unfollowName", { name: user.name });
  if (look === "video") {
    return (
      <button type="button" onClick={press} aria-label={name} className="relative shrink-0 rounded-full border border-white/60 px-3 py-0.5 text-s font-medium after:absolute after:-inset-2.5">
        {label}
      </button>
    );
  }
  return (
    <Button look={wanted ? "primary" : "quiet"} onClick={press} aria-label={name}>
      {label}
    </Button>
  );
}
