import type { Interceptor } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { FeedService } from "@douyin/api/feed_pb";
import { InteractionService } from "@douyin/api/interaction_pb";
import { RelationService } from "@douyin/api/relation_pb";
import { UserService } from "@douyin/api/user_pb";
import { VideoService } from "@douyin/api/video_pb";

/**
 * The header that asks the gateway to keep the session's token in an HttpOnly cookie and to accept it from there.
 * No other site can send it, because the gateway's CORS rules do not allow it: that is the protection against CSRF.
 */
export const sessionHeader = { name: "Session-Cookie", value: "1" };

const withSessionCookie: Interceptor = (next) => (request) => {
  request.header.set(sessionHeader.name, sessionHeader.value);
  return next(request);
};

/** The public API on the page's own origin, over Connect. */
export const transport = createConnectTransport({
  baseUrl: "/",
  interceptors: [withSessionCookie],
  defaultTimeoutMs: 15_000,
  fetch: (input, init) => fetch(input, { ...init, credentials: "same-origin" }),
});

/** Streams have no deadline: the caller ends them. */
export const streams = createConnectTransport({
  baseUrl: "/",
  interceptors: [withSessionCookie],
  fetch: (input, init) => fetch(input, { ...init, credentials: "same-origin" }),
});

export const feedClient = createClient(FeedService, transport);
export const interactionClient = createClient(InteractionService, transport);
export const relationClient = createClient(RelationService, transport);
export const userClient = createClient(UserService, transport);
export const videoClient = createClient(VideoService, transport);
