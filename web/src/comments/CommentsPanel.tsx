import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { MessageCircle, SendHorizontal, Trash2, X } from "lucide-react";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import { newKey } from "../api/key";
import { itemsOf } from "../api/lists";
import type { Comment, Video } from "../api/model";
import { useSession, withSession } from "../session/session";
import { Avatar } from "../ui/Avatar";
import { IconButton } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { exactTime, timeAgo } from "../ui/format";
import { EmptyState, ErrorState, RowSkeletons } from "../ui/Status";
import { useMoreWhenSeen } from "../ui/useMoreWhenSeen";
import { commentsOf, isPending, useAddComment, useDeleteComment } from "./queries";

/** Most characters of a comment. */
const maxLength = 1000;

interface CommentsPanelProps {
  video: Video;
  /** Whether it stands beside the stage; else it is a sheet over it. */
  beside: boolean;
  onClose: () => void;
}

/** A video's comments and the field for one's own. */
export function CommentsPanel({ video, beside, onClose }: CommentsPanelProps) {
  const { t } = useTranslation();
  const title = t("comments.title", { count: video.commentCount });
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    if (beside) panel.current?.querySelector("input")?.focus();
  }, [beside]);
  if (!beside) {
    return (
      <Dialog title={title} shape="sheet" onClose={onClose}>
        <Comments video={video} />
      </Dialog>
    );
  }
  return (
    // Escape closes the panel wherever the focus is in it.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <aside
      ref={panel}
      aria-label={title}
      onKeyDown={(e) => {
        if (e.key === "Escape") onClose();
      }}
      className="flex h-full w-[380px] shrink-0 flex-col border-l border-line bg-surface"
    >
      <header className="flex items-center justify-between py-2 pr-2 pl-5">
        <h2 className="text-l font-semibold">{title}</h2>
        <IconButton label={t("common.close")} onClick={onClose}>
          <X size={20} />
        </IconButton>
      </header>
      <div className="min-h-0 flex-1">
        <Comments video={video} />
      </div>
    </aside>
  );
}

function Comments({ video }: { video: Video }) {
  const { t } = useTranslation();
  const query = useInfiniteQuery(commentsOf(video.id));
  const comments = itemsOf(query.data);
  const end = useMoreWhenSeen(() => void query.fetchNextPage(), query.hasNextPage);
  return (
    <div className="flex h-full flex-col">
      <div className="min-h-0 flex-1 overflow-y-auto">
        {query.isPending && <RowSkeletons />}
        {query.error && comments.length === 0 && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
        {query.data && comments.length === 0 && <EmptyState icon={MessageCircle} title={t("comments.empty")} />}
        <ul className="px-5">
          {comments.map((comment) => (
            <CommentRow key={comment.id} comment={comment} video={video} />
          ))}
        </ul>
        <div ref={end} />
      </div>
      <CommentForm videoId={video.id} />
    </div>
  );
}

function CommentRow({ comment, video }: { comment: Comment; video: Video }) {
  const { t, i18n } = useTranslation();
  const session = useSession();
  const remove = useDeleteComment(video.id);
  const [now] = useState(() => Date.now());
  const mayDelete = session !== null && !isPending(comment) && (comment.author.id === session.userId || video.author.id === session.userId);
  return (
    <li className={`grid grid-cols-[36px_1fr_auto] gap-3 py-3 ${isPending(comment) ? "opacity-60" : ""}`}>
      <Avatar name={comment.author.name} url={comment.author.avatar} className="size-9" />
      <div className="min-w-0">
        <Link to="/u/$userId" params={{ userId: comment.author.id }} className="text-s text-muted">
          {comment.author.name}
        </Link>
        <p className="whitespace-pre-wrap break-words">{comment.text}</p>
        <time dateTime={new Date(comment.createdAt).toISOString()} title={exactTime(comment.createdAt, i18n.language)} className="text-s text-muted">
          {timeAgo(comment.createdAt, now, i18n.language)}
        </time>
      </div>
      {mayDelete && (
        <IconButton label={t("comments.delete")} onClick={() => remove.mutate(comment)} className="text-muted">
          <Trash2 size={18} />
        </IconButton>
      )}
    </li>
  );
}

function CommentForm({ videoId }: { videoId: string }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const add = useAddComment(videoId);
  function submit(event: FormEvent) {
    event.preventDefault();
    const trimmed = text.trim();
    if (!trimmed) return;
    withSession(() => {
      add.mutate({ text: trimmed, idempotencyKey: newKey() });
      setText("");
    });
  }
  return (
    <form onSubmit={submit} className="flex items-center gap-2 border-t border-line p-3">
      <input
        value={text}
        onChange={(e) => setText(e.target.value)}
        maxLength={maxLength}
        aria-label={t("comments.placeholder")}
        placeholder={t("comments.placeholder")}
        className="min-h-11 min-w-0 flex-1 rounded-full border border-line bg-raised px-4"
      />
      <IconButton label={t("comments.send")} type="submit" disabled={!text.trim()} className="text-accent disabled:text-muted">
        <SendHorizontal size={20} />
      </IconButton>
    </form>
  );
}
