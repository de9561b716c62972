import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { failureOf } from "./failure";

describe("failureOf", () => {
  it.each([
    [new ConnectError("login needed", Code.Unauthenticated), "login", null],
    [new ConnectError("username is taken", Code.AlreadyExists), "invalid", "username is taken"],
    [new ConnectError("inner words", Code.Internal), "server", null],
    [new ConnectError("slow down", Code.ResourceExhausted), "limited", null],
    [new TypeError("Failed to fetch"), "server", null],
  ])("reads %s", (error, kind, message) => {
    expect(failureOf(error)).toMatchObject({ kind, message });
  });
  it("tells an outcome that is not known from an error that is not understood", () => {
    const failed = new ConnectError("repeat", Code.Unknown);
    expect(failureOf(failed).kind).toBe("server");
    failed.details.push({ type: "google.rpc.ErrorInfo", value: new Uint8Array() });
    expect(failureOf(failed).kind).toBe("unknownOutcome");
  });
});
