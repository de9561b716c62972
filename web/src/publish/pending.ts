import type { Visibility } from "../api/model";

/** A video that was chosen and is not published yet. The browser keeps it, so that its upload goes on after a reload. */
export interface Pending {
  /** Whose it is. */
  userId: string;
  file: File;
  title: string;
  /** Absent in what was kept before there was a choice. */
  visibility?: Visibility;
  /** Where its bytes go; null before the platform said so. */
  uploadUrl: string | null;
  /** Whether the person stopped the upload. */
  paused: boolean;
}

type Details = Omit<Pending, "file" | "userId">;

/** Uploads are kept by the platform for a day; what is older here is dropped, in ms. */
const lifetime = 24 * 60 * 60 * 1000;
const store = "pending";

/** The result of a request to the browser's database. */
function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("the browser's database failed")));
  });
}

async function withStore<T>(mode: IDBTransactionMode, work: (files: IDBObjectStore) => Promise<T>): Promise<T> {
  const opening = indexedDB.open("publish", 1);
  opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(store));
  const database = await result(opening);
  try {
    return await work(database.transaction(store, mode).objectStore(store));
  } finally {
    database.close();
  }
}

/** Keeps a chosen file, in place of the one before. Where the browser cannot, the upload goes on until the page is closed. */
export async function keepPending({ userId, file, ...details }: Pending): Promise<void> {
  await withStore("readwrite", async (files) => {
    await result(files.put({ userId, file, at: Date.now() }, "file"));
    await result(files.put(details satisfies Details, "details"));
  }).catch(() => undefined);
}

/** Keeps what became of the file's upload; the file is not written again. */
export async function updatePending(details: Details): Promise<void> {
  await withStore("readwrite", (files) => result(files.put(details, "details"))).catch(() => undefined);
}

/** The user's file, or null. One of another user, or of yesterday, is dropped. */
export async function readPending(userId: string): Promise<Pending | null> {
  try {
    const [kept, details] = await withStore("readonly", (files) =>
      Promise.all([
        result(files.get("file") as IDBRequest<{ userId: string; file: File; at: number } | undefined>),
        result(files.get("details") as IDBRequest<Details | undefined>),
      ]),
    );
    if (!kept || !details) return null;
    if (kept.userId === userId && Date.now() - kept.at < lifetime) return { userId, file: kept.file, ...details };
    await forgetPending();
    return null;
  } catch {
    return null;
  }
}

/** Drops the file: it is published, or was given up. */
export async function forgetPending(): Promise<void> {
  await withStore("readwrite", (files) => result(files.clear())).catch(() => undefined);
}
