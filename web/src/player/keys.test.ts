import { describe, expect, it } from "vitest";
import { keyAction, keyBindings } from "./keys";

const press = (key: string, within = "", modifiers = {}) =>
  keyAction({ key, ctrlKey: false, metaKey: false, altKey: false, target: { closest: (s: string) => (within && s.includes(within) ? {} : null) } as unknown as EventTarget, ...modifiers });

describe("keys of the stage", () => {
  it("has one action for each key", () => {
    const keys = keyBindings.flatMap((b) => b.keys);
    expect(new Set(keys).size).toBe(keys.length);
    for (const { action, keys: own } of keyBindings) for (const key of own) expect(press(key)).toBe(action);
  });
  it("takes letters in either case", () => {
    expect(press("L")).toBe("like");
  });
  it.each(["input", "textarea", "dialog", "slider"])("leaves keys in a %s alone", (place) => {
    expect(press("l", place)).toBeNull();
    expect(press("ArrowDown", place)).toBeNull();
  });
  it("leaves the space to a button that has the focus, and other keys to the stage", () => {
    expect(press(" ", "button")).toBeNull();
    expect(press("j", "button")).toBe("next");
  });
  it("leaves shortcuts of the browser alone", () => {
    expect(press("l", "", { ctrlKey: true })).toBeNull();
    expect(press("s", "", { metaKey: true })).toBeNull();
  });
});
