import type { Comment as ApiComment, Friend as ApiFriend, Message as ApiMessage, Tag as ApiTag, TextSpan as ApiTextSpan, User as ApiUser, Video as ApiVideo } from "@douyin/api/objects_pb";

// The page's own objects: plain values with numbers where the API has 64-bit integers. Ids stay strings.

export interface User {
  id: string;
  name: string;
  avatar: string;
  background: string;
  signature: string;
  isFollowed: boolean;
  followingCount: number;
  followerCount: number;
  likeCount: number;
  workCount: number;
  likedCount: number;
}

/** Who may see a video. */
export const visibilities = ["public", "followers", "friends", "unlisted", "private"] as const;
export type Visibility = (typeof visibilities)[number];

/** Most characters of a video's title. */
export const titleLength = 100;

/** A part of a text that leads somewhere. Start and length count as JavaScript does, in UTF-16 code units, with the # or @. */
export interface TextSpan {
  kind: "tag" | "mention";
  start: number;
  length: number;
  /** The tag or the name, without # and @. */
  value: string;
}

/** A word that titles carry behind a #. */
export interface Tag {
  name: string;
  videoCount: number;
}

export interface Video {
  id: string;
  author: User;
  playUrl: string;
  /** A playlist of its qualities; "" while there is none. */
  hlsUrl: string;
  coverUrl: string;
  title: string;
  titleSpans: TextSpan[];
  likeCount: number;
  commentCount: number;
  viewCount: number;
  isLiked: boolean;
  visibility: Visibility;
  /** Unix milliseconds. */
  publishedAt: number;
}

export interface Comment {
  id: string;
  author: User;
  text: string;
  /** Unix milliseconds. */
  createdAt: number;
}

export interface Message {
  id: string;
  from: string;
  to: string;
  text: string;
  /** Unix milliseconds; unique among the messages of either user. */
  sentAt: number;
}

export interface Friend {
  user: User;
  /** The newest message between the two, or "". */
  lastMessage: string;
  /** Whether the viewer sent it. */
  lastIsMine: boolean;
}

export function userOf(u: ApiUser | ApiFriend | undefined): User {
  return {
    id: u?.id ?? "0",
    name: u?.name ?? "",
    avatar: u?.avatar ?? "",
    background: u?.backgroundImage ?? "",
    signature: u?.signature ?? "",
    isFollowed: u?.isFollow ?? false,
    followingCount: Number(u?.followCount ?? 0n),
    followerCount: Number(u?.followerCount ?? 0n),
    likeCount: Number(u?.totalFavorited ?? 0n),
    workCount: Number(u?.workCount ?? 0n),
    likedCount: Number(u?.favoriteCount ?? 0n),
  };
}

/** A span of a kind that this page does not know leads nowhere. */
function spanOf({ type, start, length, value }: ApiTextSpan): TextSpan[] {
  return type === "tag" || type === "mention" ? [{ kind: type, start, length, value }] : [];
}

export function tagOf(t: ApiTag): Tag {
  return { name: t.name, videoCount: Number(t.videoCount) };
}

export function videoOf(v: ApiVideo): Video {
  return {
    id: v.id,
    author: userOf(v.author),
    playUrl: v.playUrl,
    hlsUrl: v.hlsUrl,
    coverUrl: v.coverUrl,
    title: v.title,
    titleSpans: v.titleSpans.flatMap(spanOf),
    likeCount: Number(v.favoriteCount),
    commentCount: Number(v.commentCount),
    viewCount: Number(v.viewCount),
    isLiked: v.isFavorite,
    visibility: visibilities.find((known) => known === v.visibility) ?? "public",
    publishedAt: Number(v.createTime),
  };
}

export function commentOf(c: ApiComment): Comment {
  return { id: c.id, author: userOf(c.user), text: c.content, createdAt: Number(c.createTime) };
}

export function messageOf(m: ApiMessage): Message {
  return { id: m.id, from: m.fromUserId, to: m.toUserId, text: m.content, sentAt: Number(m.createTime) };
}

export function friendOf(f: ApiFriend): Friend {
  return { user: userOf(f), lastMessage: f.message, lastIsMine: f.msgType === 1 };
}
