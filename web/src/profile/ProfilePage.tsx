import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Clapperboard, Heart, MessageCircle, Pencil } from "lucide-react";
import { useState, type FormEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import type { User } from "../api/model";
import { likedBy, worksOf } from "../feed/queries";
import { useSession } from "../session/session";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { shortCount } from "../ui/format";
import { EmptyState, ErrorState, Skeleton } from "../ui/Status";
import { notifyFailure } from "../ui/toast";
import { CoverGrid } from "../video/CoverGrid";
import { FollowButton } from "./FollowButton";
import { profileNamed, profileOf, useUpdateSignature, type Relation } from "./queries";
import { RelationsDialog } from "./RelationsDialog";

const byId = getRouteApi("/u/$userId");
const byName = getRouteApi("/@{$name}");

export type ProfileTab = "works" | "liked";

/** The profile of a user by id, where one comes to from within the page. */
export function ProfilePage() {
  const { userId } = byId.useParams();
  const { tab = "works" } = byId.useSearch();
  return <Profile userId={userId} tab={tab} />;
}

/** The profile of a user by name, which is the link that people pass on. */
export function NamedProfilePage() {
  const { name } = byName.useParams();
  const { tab = "works" } = byName.useSearch();
  const user = useQuery(profileNamed(name));
  if (user.error) return <ErrorState error={user.error} onRetry={() => void user.refetch()} />;
  return user.data ? <Profile userId={user.data.id} tab={tab} /> : <HeaderSkeleton />;
}

/** A user: who they are, their videos and what they like. */
function Profile({ userId, tab }: { userId: string; tab: ProfileTab }) {
  const { t } = useTranslation();
  const user = useQuery(profileOf(userId));
  if (user.error) return <ErrorState error={user.error} onRetry={() => void user.refetch()} />;
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto max-w-5xl pb-20">
        {user.data ? <ProfileHeader user={user.data} /> : <HeaderSkeleton />}
        <nav aria-label={t("profile.tabs")} className="sticky top-0 z-10 flex justify-center gap-8 border-b border-line bg-surface">
          {(["works", "liked"] as const).map((name) => (
            <Link
              key={name}
              to="."
              search={name === "works" ? {} : { tab: name }}
              aria-current={tab === name ? "page" : undefined}
              className={`border-b-2 px-2 py-3 font-medium ${tab === name ? "border-accent text-ink" : "border-transparent text-muted"}`}
            >
              {t(`profile.${name}`)}
            </Link>
          ))}
        </nav>
        <Covers key={`${userId} ${tab}`} userId={userId} tab={tab} />
      </div>
    </div>
  );
}

function ProfileHeader({ user }: { user: User }) {
  const { t } = useTranslation();
  const session = useSession();
  const [open, setOpen] = useState<Relation | "edit" | null>(null);
  const isOwn = session?.userId === user.id;
  return (
    <header className="grid justify-items-center gap-3 px-4 pt-10 pb-6 text-center">
      <Avatar name={user.name} url={user.avatar} className="size-24 text-xl" />
      <h1 className="max-w-full truncate text-xl font-semibold">@{user.name}</h1>
      <div className="flex gap-6">
        <Count value={user.followingCount} label={t("profile.followingCount")} onClick={() => setOpen("following")} />
        <Count value={user.followerCount} label={t("profile.followerCount")} onClick={() => setOpen("followers")} />
        <Count value={user.likeCount} label={t("profile.likeCount")} />
      </div>
      {user.signature && <p className="max-w-prose whitespace-pre-line break-words text-muted">{user.signature}</p>}
      <div className="flex gap-3">
        <FollowButton user={user} />
        {session && !isOwn && (
          <Link to="/messages/$userId" params={{ userId: user.id }} className="inline-flex min-h-11 items-center gap-2 rounded-full border border-line bg-raised px-5 font-medium">
            <MessageCircle size={18} aria-hidden />
            {t("profile.message")}
          </Link>
        )}
        {isOwn && (
          <Button look="quiet" onClick={() => setOpen("edit")}>
            <Pencil size={16} aria-hidden />
            {t("profile.edit")}
          </Button>
        )}
      </div>
      {(open === "following" || open === "followers") && <RelationsDialog userId={user.id} relation={open} onClose={() => setOpen(null)} />}
      {open === "edit" && <EditDialog user={user} onClose={() => setOpen(null)} />}
    </header>
  );
}

function Count({ value, label, onClick }: { value: number; label: string; onClick?: () => void }) {
  const { i18n } = useTranslation();
  const content = (
    <>
      <span className="block text-l font-semibold">{shortCount(value, i18n.language)}</span>
      <span className="text-s text-muted">{label}</span>
    </>
  );
  return onClick ? (
    <button type="button" onClick={onClick} className="min-w-16">
      {content}
    </button>
  ) : (
    <div className="min-w-16">{content}</div>
  );
}

function EditDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useTranslation();
  const update = useUpdateSignature();
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const signature = String(new FormData(event.currentTarget).get("signature"));
    update.mutate(signature, { onSuccess: onClose, onError: notifyFailure });
  }
  return (
    <Dialog title={t("profile.edit")} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 px-5 pt-2 pb-5 text-left">
        <Field label={t("profile.signature")} name="signature" defaultValue={user.signature} maxLength={200} />
        <Button type="submit" disabled={update.isPending}>
          {t("common.save")}
        </Button>
      </form>
    </Dialog>
  );
}

function Covers({ userId, tab }: { userId: string; tab: ProfileTab }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(tab === "works" ? worksOf(userId) : likedBy(userId));
  return <CoverGrid query={query} empty={<EmptyState icon={tab === "works" ? Clapperboard : Heart} title={t(tab === "works" ? "profile.noWorks" : "profile.noLiked")} />} />;
}

function HeaderSkeleton() {
  return (
    <div className="grid justify-items-center gap-4 pt-10 pb-6" aria-busy>
      <Skeleton className="size-24 rounded-full" />
      <Skeleton className="h-6 w-40" />
      <Skeleton className="h-10 w-60" />
    </div>
  );
}
