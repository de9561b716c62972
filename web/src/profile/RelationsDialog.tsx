import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Users } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import { itemsOf } from "../api/lists";
import { Avatar } from "../ui/Avatar";
import { Dialog } from "../ui/Dialog";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/Status";
import { useMoreWhenSeen } from "../ui/useMoreWhenSeen";
import { FollowButton } from "./FollowButton";
import { relationsOf, type Relation } from "./queries";

/** Whom a user follows, or who follows them. */
export function RelationsDialog({ userId, relation, onClose }: { userId: string; relation: Relation; onClose: () => void }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(relationsOf(userId, relation));
  const users = itemsOf(query.data);
  const end = useMoreWhenSeen(() => void query.fetchNextPage(), query.hasNextPage);
  return (
    <Dialog title={t(`profile.${relation}`)} shape="sheet" onClose={onClose}>
      {query.isPending && <RowSkeletons />}
      {query.error && users.length === 0 && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
      {query.data && users.length === 0 && <EmptyState icon={Users} title={t("profile.nobody")} />}
      <ul className="px-4 text-left">
        {users.map((user) => (
          <li key={user.id} className="flex items-center gap-3 py-2">
            <Link to="/u/$userId" params={{ userId: user.id }} onClick={onClose} className="flex min-w-0 flex-1 items-center gap-3">
              <Avatar name={user.name} url={user.avatar} />
              <span className="truncate font-medium">{user.name}</span>
            </Link>
            <FollowButton user={user} />
          </li>
        ))}
      </ul>
      <div ref={end} />
    </Dialog>
  );
}
