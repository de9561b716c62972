import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
export type Language = "en" | "zh-CN";

/** What a person chose on this device. */
export interface Settings {
  theme: Theme;
  language: Language;
  /** Sound is wanted: set by the first gesture for sound, kept over visits. */
  sound: boolean;
  /** Never play sound, whatever was pressed. */
  alwaysMuted: boolean;
}

const key = "settings";
const listeners = new Set<() => void>();
let settings: Settings = load();

function load(): Settings {
  const defaults: Settings = { theme: "system", language: preferredLanguage(), sound: false, alwaysMuted: false };
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Settings>) };
  } catch {
    return defaults; // storage is off, or holds something else
  }
}

function preferredLanguage(): Language {
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-CN" : "en";
}

export function currentSettings(): Settings {
  return settings;
}

export function changeSettings(change: Partial<Settings>): void {
  settings = { ...settings, ...change };
  try {
    localStorage.setItem(key, JSON.stringify(settings));
  } catch {
    // Without storage the choice holds until the page is closed.
  }
  for (const listener of listeners) listener();
}

export function subscribeSettings(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSettings(): Settings {
  return useSyncExternalStore(subscribeSettings, currentSettings);
}

/** Puts the chosen theme and language on the document, now and on every change. */
export function applySettings(): void {
  const light = matchMedia("(prefers-color-scheme: light)");
  const apply = () => {
    const { theme, language } = currentSettings();
    document.documentElement.dataset.theme = theme === "system" ? (light.matches ? "light" : "dark") : theme;
    document.documentElement.lang = language;
  };
  apply();
  subscribeSettings(apply);
  light.addEventListener("change", apply);
}
