import { infiniteQueryOptions, useMutation, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { patchVideo, type Page } from "../api/lists";
import { type Comment, commentOf, userOf } from "../api/model";
import { interactionClient } from "../api/transport";
import { currentSession } from "../session/session";
import { notifyFailure } from "../ui/toast";

type CommentPages = InfiniteData<Page<Comment, string>>;

/** Comments of a page. */
const pageSize = 30;
const commentsKey = (videoId: string) => ["comments", videoId] as const;

/** A video's comments, newest first. */
export function commentsOf(videoId: string) {
  return infiniteQueryOptions<Page<Comment, string>, Error, CommentPages, readonly unknown[], string>({
    queryKey: commentsKey(videoId),
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const page = await interactionClient.listComments({ videoId, pageSize, pageToken: pageParam }, { signal });
      return { items: page.commentList.map(commentOf), next: page.nextPageToken || null };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** Replaces the first page's comments. */
function changeFirstPage(data: CommentPages | undefined, change: (comments: Comment[]) => Comment[]): CommentPages | undefined {
  const [first, ...others] = data?.pages ?? [];
  return data && first ? { ...data, pages: [{ ...first, items: change(first.items) }, ...others] } : data;
}

/** Ids of comments the server has not confirmed begin with this. */
const pendingPrefix = "pending-";
export const isPending = (comment: Comment) => comment.id.startsWith(pendingPrefix);

/** Adds a comment: shown at once, replaced by the server's, and taken away again when it is refused. */
export function useAddComment(videoId: string) {
  const client = useQueryClient();
  const key = commentsKey(videoId);
  const count = (by: number) => patchVideo(client, videoId, (v) => ({ ...v, commentCount: Math.max(0, v.commentCount + by) }));
  return useMutation({
    mutationFn: ({ text, idempotencyKey }: { text: string; idempotencyKey: string }) =>
      interactionClient.createComment({ videoId, commentText: text, idempotencyKey }),
    onMutate: ({ text, idempotencyKey }) => {
      const session = currentSession();
      const author = { ...userOf(undefined), id: session?.userId ?? "0", name: session?.name ?? "" };
      const pending: Comment = { id: pendingPrefix + idempotencyKey, author, text, createdAt: Date.now() };
      client.setQueryData<CommentPages>(key, (data) => changeFirstPage(data, (all) => [pending, ...all]));
      count(1);
      return pending;
    },
    onSuccess: (answer, _, pending) => {
      const { comment } = answer;
      if (!comment) return;
      let shown = false;
      client.setQueryData<CommentPages>(key, (data) =>
        changeFirstPage(data, (all) =>
          all.map((c) => {
            if (c.id !== pending.id) return c;
            shown = true;
            return commentOf(comment);
          }),
        ),
      );
      // A list that was being read meanwhile may have been read without it.
      if (!shown || client.isFetching({ queryKey: key }) > 0) void client.invalidateQueries({ queryKey: key });
    },
    onError: (error, _, pending) => {
      if (pending) client.setQueryData<CommentPages>(key, (data) => changeFirstPage(data, (all) => all.filter((c) => c.id !== pending.id)));
      count(-1);
      notifyFailure(error);
    },
  });
}

/** Deletes a comment: gone at once, and back when the server refuses. */
export function useDeleteComment(videoId: string) {
  const client = useQueryClient();
  const key = commentsKey(videoId);
  const count = (by: number) => patchVideo(client, videoId, (v) => ({ ...v, commentCount: Math.max(0, v.commentCount + by) }));
  return useMutation({
    mutationFn: (comment: Comment) => interactionClient.deleteComment({ videoId, commentId: comment.id }),
    onMutate: (comment) => {
      const before = client.getQueryData<CommentPages>(key);
      client.setQueryData<CommentPages>(key, (data) =>
        data ? { ...data, pages: data.pages.map((p) => ({ ...p, items: p.items.filter((c) => c.id !== comment.id) })) } : data,
      );
      count(-1);
      return before;
    },
    onError: (error, _, before) => {
      client.setQueryData(key, before);
      count(1);
      notifyFailure(error);
    },
  });
}
