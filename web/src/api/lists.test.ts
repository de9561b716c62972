import { QueryClient } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { itemsOf, patchUser, patchVideo, dropVideo, userKey, usersKey, videosKey } from "./lists";
import { userOf, type User, type Video } from "./model";

const user = (id: string): User => ({ ...userOf(undefined), id, name: `user ${id}` });
const video = (id: string, author = "1"): Video => ({
  id, author: user(author), playUrl: "", hlsUrl: "", coverUrl: "", title: id, titleSpans: [], likeCount: 1, commentCount: 0, viewCount: 0, isLiked: false, visibility: "public", publishedAt: 1,
});
const pages = <T,>(...items: T[][]) => ({ pages: items.map((i) => ({ items: i, next: null })), pageParams: items.map(() => null) });

describe("itemsOf", () => {
  it("joins pages and shows an item of two pages once", () => {
    expect(itemsOf(pages([video("1"), video("2")], [video("2"), video("3")])).map((v) => v.id)).toEqual(["1", "2", "3"]);
  });
  it("has nothing before the first page", () => {
    expect(itemsOf(undefined)).toEqual([]);
  });
});

describe("a change of one object", () => {
  it("reaches a video in every list and leaves other lists untouched", () => {
    const client = new QueryClient();
    const other = pages([video("9")]);
    client.setQueryData([videosKey, "newest"], pages([video("1")], [video("2")]));
    client.setQueryData([videosKey, "works", "1"], pages([video("2")]));
    client.setQueryData([videosKey, "liked", "1"], other);
    patchVideo(client, "2", (v) => ({ ...v, isLiked: true }));
    const liked = (key: unknown[]) => itemsOf(client.getQueryData<ReturnType<typeof pages<Video>>>(key)).map((v) => v.isLiked);
    expect(liked([videosKey, "newest"])).toEqual([false, true]);
    expect(liked([videosKey, "works", "1"])).toEqual([true]);
    expect(client.getQueryData([videosKey, "liked", "1"])).toBe(other);
  });
  it("reaches a user as a profile, in lists and as an author", () => {
    const client = new QueryClient();
    client.setQueryData(userKey("1"), user("1"));
    client.setQueryData([usersKey, "following"], pages([user("1"), user("2")]));
    client.setQueryData([videosKey, "newest"], pages([video("5", "1")]));
    patchUser(client, "1", (u) => ({ ...u, isFollowed: true }));
    expect(client.getQueryData<User>(userKey("1"))?.isFollowed).toBe(true);
    expect(itemsOf(client.getQueryData<ReturnType<typeof pages<User>>>([usersKey, "following"])).map((u) => u.isFollowed)).toEqual([true, false]);
    expect(itemsOf(client.getQueryData<ReturnType<typeof pages<Video>>>([videosKey, "newest"]))[0]?.author.isFollowed).toBe(true);
  });
  it("removes a deleted video", () => {
    const client = new QueryClient();
    client.setQueryData([videosKey, "newest"], pages([video("1"), video("2")]));
    dropVideo(client, "1");
    expect(itemsOf(client.getQueryData<ReturnType<typeof pages<Video>>>([videosKey, "newest"])).map((v) => v.id)).toEqual(["2"]);
  });
});
