import { DetailedError, Upload } from "tus-js-client";
import { sessionHeader } from "../api/transport";
import type { OpenUpload } from "./sending";

/** Where uploads are made. */
const endpoint = "/uploads/";
/** A lost connection is tried again after these, in ms; then the person decides. */
const retryDelays = [500, 1000, 2000, 5000, 10_000, 20_000];

/** Answers that another attempt does not change, beside those of a full or busy platform. */
const refusals = new Set([400, 401, 403, 413, 415, 429]);

/** Opens an upload over the tus protocol (https://tus.io). */
export const openUpload: OpenUpload = async (file, url, events) => {
  const upload = new Upload(file, {
    endpoint,
    retryDelays,
    headers: { [sessionHeader.name]: sessionHeader.value },
    metadata: file.type ? { filetype: file.type } : {},
    storeFingerprintForResuming: false, // the page keeps the address beside the file
    onUploadUrlAvailable() {
      if (upload.url === null) return;
      upload.url = ofOwnOrigin(upload.url);
      events.onUrl(upload.url);
    },
    onProgress: (sent) => events.onProgress(sent),
    onSuccess: () => events.onSent(),
    onShouldRetry: (error) => !refusals.has(error.originalResponse?.getStatus() ?? 0),
    onError(error) {
      const response = error instanceof DetailedError ? error.originalResponse : null;
      events.onFailed(response && refusals.has(response.getStatus()) ? response.getBody().trim() : null);
    },
  });
  upload.url = url;
  return { start: () => upload.start(), stop: (giveUp) => upload.abort(giveUp) };
};

/** An upload's address on the page's own origin: the platform may be known to others by another name. */
function ofOwnOrigin(url: string): string {
  return location.origin + new URL(url, location.origin).pathname;
}
