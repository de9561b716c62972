import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { MessageCircle } from "lucide-react";
import { useTranslation } from "../i18n/i18n";
import type { Friend } from "../api/model";
import { askForLogin, useSession, type Session } from "../session/session";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/Status";
import { friendsOf } from "./queries";
import { useChat } from "./store";

/** Friends on one side, the open conversation on the other; on a phone one of the two. */
export function MessagesPage() {
  const { t } = useTranslation();
  const session = useSession();
  const { userId } = useParams({ strict: false });
  if (!session) {
    return (
      <EmptyState icon={MessageCircle} title={t("chat.needsLogin")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </EmptyState>
    );
  }
  return (
    <div className="flex h-full">
      <section aria-label={t("chat.friends")} className={`h-full w-full overflow-y-auto border-line pb-16 sm:block sm:w-80 sm:border-r sm:pb-0 ${userId ? "hidden" : ""}`}>
        <h1 className="px-5 pt-6 pb-3 text-xl font-semibold">{t("nav.messages")}</h1>
        <Friends session={session} open={userId} />
      </section>
      <section className={`h-full min-w-0 flex-1 sm:block ${userId ? "" : "hidden"}`}>
        {userId ? <Outlet /> : <EmptyState icon={MessageCircle} title={t("chat.choose")} />}
      </section>
    </div>
  );
}

function Friends({ session, open }: { session: Session; open: string | undefined }) {
  const { t } = useTranslation();
  const query = useQuery(friendsOf(session.userId));
  if (query.error) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <RowSkeletons />;
  if (query.data.length === 0) return <EmptyState icon={MessageCircle} title={t("chat.noFriends")} />;
  return (
    <ul>
      {query.data.map((friend) => (
        <FriendRow key={friend.user.id} friend={friend} isOpen={friend.user.id === open} />
      ))}
    </ul>
  );
}

function FriendRow({ friend, isOpen }: { friend: Friend; isOpen: boolean }) {
  const { t } = useTranslation();
  const { live, unread } = useChat();
  const newest = live.get(friend.user.id)?.at(-1);
  const text = newest?.text ?? friend.lastMessage;
  const isMine = newest ? newest.to === friend.user.id : friend.lastIsMine;
  const isUnread = unread.has(friend.user.id);
  return (
    <li>
      <Link to="/messages/$userId" params={{ userId: friend.user.id }} aria-current={isOpen ? "page" : undefined} className={`flex items-center gap-3 px-5 py-3 ${isOpen ? "bg-raised" : "hover:bg-raised"}`}>
        <Avatar name={friend.user.name} url={friend.user.avatar} className="size-12" />
        <span className="min-w-0 flex-1">
          <span className="block truncate font-medium">{friend.user.name}</span>
          <span className={`block truncate text-s ${isUnread ? "font-medium text-ink" : "text-muted"}`}>{text && isMine ? t("chat.mine", { text }) : text}</span>
        </span>
        {isUnread && <span role="img" aria-label={t("chat.unread")} className="size-2.5 rounded-full bg-accent" />}
      </Link>
    </li>
  );
}
