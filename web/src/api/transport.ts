import type { DescService } from "@bufbuild/protobuf";
import type { Client, Interceptor } from "@connectrpc/connect";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { FeedService } from "@douyin/api/feed_pb";

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

/** Its calls arrive also when the page is left before they are answered; the browser bounds their size. */
export const leaving = createConnectTransport({
  baseUrl: "/",
  interceptors: [withSessionCookie],
  defaultTimeoutMs: 15_000,
  fetch: (input, init) => fetch(input, { ...init, credentials: "same-origin", keepalive: true }),
});

export const feedClient = createClient(FeedService, transport);

// The first video needs the feed alone: what describes the other services comes with the first call of each.
export const interactionClient = laterClient(async () => (await import("@douyin/api/interaction_pb")).InteractionService);
export const relationClient = laterClient(async () => (await import("@douyin/api/relation_pb")).RelationService);
export const searchClient = laterClient(async () => (await import("@douyin/api/search_pb")).SearchService);
export const userClient = laterClient(async () => (await import("@douyin/api/user_pb")).UserService);
export const videoClient = laterClient(async () => (await import("@douyin/api/video_pb")).VideoService);

/** A client whose service is loaded when it is called first. Its methods are unary: each answers a promise. */
function laterClient<S extends DescService>(load: () => Promise<S>): Client<S> {
  let loading: Promise<Client<S>> | undefined;
  const loaded = () => {
    loading ??= load().then((service) => createClient(service, transport));
    loading.catch(() => (loading = undefined)); // the next call loads it again
    return loading;
  };
  type Call = (...args: unknown[]) => Promise<unknown>;
  return new Proxy({} as Client<S>, {
    get: (_, method) => async (...args: unknown[]) => ((await loaded()) as Record<PropertyKey, Call>)[method]?.(...args),
  });
}
