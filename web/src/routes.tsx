import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { HomePage } from "./feed/HomePage";
import { readSearch } from "./search/place";
import { NotFoundPage } from "./shell/NotFoundPage";
import { Shell } from "./shell/Shell";
import { ErrorState } from "./ui/Status";

// The feed is in the first load; every other page comes when it is opened.

const root = createRootRoute({
  component: Shell,
  notFoundComponent: NotFoundPage,
  errorComponent: ({ error, reset }) => <ErrorState error={error} onRetry={reset} />,
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: (search): { feed?: "following" } => (search.feed === "following" ? { feed: "following" } : {}),
  component: HomePage,
});

const video = createRoute({
  getParentRoute: () => root,
  path: "/v/$videoId",
  component: lazyRouteComponent(() => import("./video/VideoPage"), "VideoPage"),
});

const profile = createRoute({
  getParentRoute: () => root,
  path: "/u/$userId",
  validateSearch: (search): { tab?: "liked" } => (search.tab === "liked" ? { tab: "liked" } : {}),
  component: lazyRouteComponent(() => import("./profile/ProfilePage"), "ProfilePage"),
});

const namedProfile = createRoute({
  getParentRoute: () => root,
  path: "/@{$name}",
  validateSearch: (search): { tab?: "liked" } => (search.tab === "liked" ? { tab: "liked" } : {}),
  component: lazyRouteComponent(() => import("./profile/ProfilePage"), "NamedProfilePage"),
});

const find = createRoute({
  getParentRoute: () => root,
  path: "/search",
  validateSearch: readSearch,
  component: lazyRouteComponent(() => import("./search/SearchPage"), "SearchPage"),
});

const tag = createRoute({
  getParentRoute: () => root,
  path: "/t/$tag",
  validateSearch: (search): { order?: "top" } => (search.order === "top" ? { order: "top" } : {}),
  component: lazyRouteComponent(() => import("./search/TagPage"), "TagPage"),
});

const publish = createRoute({
  getParentRoute: () => root,
  path: "/publish",
  component: lazyRouteComponent(() => import("./publish/PublishPage"), "PublishPage"),
});

const status = createRoute({
  getParentRoute: () => root,
  path: "/publish/$videoId",
  component: lazyRouteComponent(() => import("./publish/StatusPage"), "StatusPage"),
});

const messages = createRoute({
  getParentRoute: () => root,
  path: "/messages",
  component: lazyRouteComponent(() => import("./chat/MessagesPage"), "MessagesPage"),
});

const conversation = createRoute({
  getParentRoute: () => messages,
  path: "$userId",
  component: lazyRouteComponent(() => import("./chat/Conversation"), "Conversation"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  component: lazyRouteComponent(() => import("./settings/SettingsPage"), "SettingsPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([home, video, profile, namedProfile, find, tag, publish, status, messages.addChildren([conversation]), settings]),
  defaultPreload: "intent",
  scrollRestoration: false, // the stage and the lists keep their own places
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
