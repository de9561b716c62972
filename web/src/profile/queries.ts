import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient, type InfiniteData } from "@tanstack/react-query";
import { type Page, patchUser, userKey, usersKey, videosKey } from "../api/lists";
import { type User, userOf } from "../api/model";
import { relationClient, userClient } from "../api/transport";
import { notifyFailure } from "../ui/toast";

type UserPages = InfiniteData<Page<User, string>>;
const pageSize = 30;

/** A user as the viewer sees it. */
export function profileOf(userId: string) {
  return queryOptions({
    queryKey: userKey(userId),
    queryFn: async ({ signal }) => userOf((await userClient.getProfile({ userId }, { signal })).user),
  });
}

/** A user by name, however it is spelled. */
export function profileNamed(name: string) {
  return queryOptions({
    queryKey: ["user named", name],
    queryFn: async ({ signal, client }) => {
      const user = userOf((await userClient.getProfile({ name }, { signal })).user);
      client.setQueryData(userKey(user.id), user);
      return user;
    },
  });
}

export type Relation = "following" | "followers";

/** Whom a user follows, or who follows the user, most recent first. */
export function relationsOf(userId: string, relation: Relation) {
  return infiniteQueryOptions<Page<User, string>, Error, UserPages, readonly unknown[], string>({
    queryKey: [usersKey, relation, userId],
    initialPageParam: "",
    queryFn: async ({ pageParam, signal }) => {
      const request = { userId, pageSize, pageToken: pageParam };
      const page = await (relation === "following" ? relationClient.listFollowing(request, { signal }) : relationClient.listFollowers(request, { signal }));
      return { items: page.userList.map(userOf), next: page.nextPageToken || null };
    },
    getNextPageParam: (page) => page.next,
  });
}

/** Follows or unfollows: shown at once everywhere, undone when the server refuses. */
export function useFollow() {
  const client = useQueryClient();
  const show = (id: string, wanted: boolean) =>
    patchUser(client, id, (u) => (u.isFollowed === wanted ? u : { ...u, isFollowed: wanted, followerCount: Math.max(0, u.followerCount + (wanted ? 1 : -1)) }));
  return useMutation({
    mutationFn: async ({ id, wanted }: { id: string; wanted: boolean }) => {
      await (wanted ? relationClient.follow({ toUserId: id }) : relationClient.unfollow({ toUserId: id }));
    },
    onMutate: ({ id, wanted }) => show(id, wanted),
    onError: (error, { id, wanted }) => {
      show(id, !wanted);
      notifyFailure(error);
    },
    onSuccess: () => client.invalidateQueries({ queryKey: [videosKey, "following"] }),
  });
}

/** Changes the viewer's own line about themselves. */
export function useUpdateSignature() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (signature: string) => userClient.updateProfile({ signature }),
    onSuccess: ({ user }) => {
      if (user) patchUser(client, user.id, (u) => ({ ...u, signature: user.signature }));
    },
  });
}
