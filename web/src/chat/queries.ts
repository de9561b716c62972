import { queryOptions } from "@tanstack/react-query";
import { friendOf, messageOf } from "../api/model";
import { relationClient } from "../api/transport";
import { messageClient } from "./clients";

/** The viewer's friends, each with the newest message. */
export const friendsOf = (userId: string) =>
  queryOptions({
    queryKey: ["friends", userId],
    queryFn: async ({ signal }) => (await relationClient.listFriends({ userId }, { signal })).userList.map(friendOf),
  });

/** The conversation with a user as it was when it was opened; later messages come by the stream. */
export const conversationWith = (viewer: string, peer: string) =>
  queryOptions({
    queryKey: ["conversation", viewer, peer],
    queryFn: async ({ signal }) => (await messageClient.listMessages({ toUserId: peer }, { signal })).messageList.map(messageOf),
    staleTime: 0,
  });
