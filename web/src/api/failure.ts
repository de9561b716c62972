import { Code, ConnectError } from "@connectrpc/connect";

/** What went wrong, as far as a person can do something about it. */
export type FailureKind = "offline" | "login" | "forbidden" | "notFound" | "invalid" | "limited" | "unknownOutcome" | "server";

export interface Failure {
  kind: FailureKind;
  /** The server's sentence, where it names what the person entered; it is safe to show. */
  message: string | null;
  /** The id to report, where the answer had one. */
  requestId: string | null;
}

const kinds: Partial<Record<Code, FailureKind>> = {
  [Code.Unauthenticated]: "login",
  [Code.PermissionDenied]: "forbidden",
  [Code.NotFound]: "notFound",
  [Code.InvalidArgument]: "invalid",
  [Code.AlreadyExists]: "invalid",
  [Code.FailedPrecondition]: "invalid",
  [Code.ResourceExhausted]: "limited",
};

/** Whether the platform says that a change may have happened: code unknown with an ErrorInfo. Other errors have that code, too. */
function isUnknownOutcome(failed: ConnectError): boolean {
  return failed.code === Code.Unknown && failed.details.some((detail) => "type" in detail && detail.type === "google.rpc.ErrorInfo");
}

/** Reads any error of a call. An error without an answer, while the browser has no network, is "offline". */
export function failureOf(error: unknown): Failure {
  const failed = ConnectError.from(error);
  if (typeof navigator !== "undefined" && navigator.onLine === false) {
    return { kind: "offline", message: null, requestId: null };
  }
  const kind = isUnknownOutcome(failed) ? "unknownOutcome" : (kinds[failed.code] ?? "server");
  return {
    kind,
    message: kind === "invalid" || kind === "forbidden" ? failed.rawMessage : null,
    requestId: failed.metadata.get("x-request-id"),
  };
}
