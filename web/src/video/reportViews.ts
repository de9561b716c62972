import { createClient, type Client } from "@connectrpc/connect";
import type { VideoService } from "@douyin/api/video_pb";
import { failureOf } from "../api/failure";
import { newKey } from "../api/key";
import { leaving } from "../api/transport";
import { ViewReports, type View } from "./viewReports";

let loading: Promise<Client<typeof VideoService>> | undefined;

/** Loads what reports need. While a page is left nothing is loaded any more, so this comes before. */
export function prepareReports(): Promise<Client<typeof VideoService>> {
  loading ??= import("@douyin/api/video_pb").then((api) => createClient(api.VideoService, leaving));
  loading.catch(() => (loading = undefined)); // the next call loads it again
  return loading;
}

/** The views of this page. A report that the platform refuses is given up. */
const viewReports = new ViewReports(
  async (views, idempotencyKey) => {
    const client = await prepareReports();
    try {
      await client.reportViews({ views: views.map((v) => ({ ...v, watchedMs: BigInt(v.watchedMs) })), idempotencyKey });
    } catch (error) {
      const { kind } = failureOf(error);
      if (kind !== "invalid" && kind !== "forbidden" && kind !== "notFound") throw error;
    }
  },
  newKey,
);

/** Reports a view soon. */
export function reportView(view: View): void {
  viewReports.add(view);
}

/** Sends all that waits: the page may be left. */
export function sendViews(): void {
  viewReports.flush();
}
