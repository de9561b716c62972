import { useMemo, useSyncExternalStore } from "react";
import { currentSettings, subscribeSettings, type Language } from "../settings/settings";
import type en from "./en";
import { translator, type Translate } from "./translate";

type Words = typeof en;

// Only the language in use is loaded.
const load: Record<Language, () => Promise<{ default: Words }>> = {
  en: () => import("./en"),
  "zh-CN": () => import("./zh"),
};

/** The words in use: t looks a sentence up, language is that of numbers and dates as well. */
export interface Translations {
  t: Translate<Words>;
  language: Language;
}

const translations = new Map<Language, Translations>();
const listeners = new Set<() => void>();
let inUse: Translations | undefined;

async function show(language: Language): Promise<void> {
  if (!translations.has(language)) {
    const { default: words } = await load[language]();
    translations.set(language, { language, t: translator(words, language) });
  }
  if (language !== currentSettings().language) return; // another one was chosen meanwhile
  inUse = translations.get(language);
  for (const listener of listeners) listener();
}

/** Loads the chosen language, and another one when that is chosen. */
export async function startTranslations(): Promise<void> {
  await show(currentSettings().language);
  subscribeSettings(() => {
    if (currentSettings().language !== inUse?.language) void show(currentSettings().language);
  });
}

/** The words in use; startTranslations has loaded them before anything is drawn. */
export function currentTranslations(): Translations {
  if (!inUse) throw new Error("no language is loaded");
  return inUse;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The words in use; a component that asks for them is drawn again when the language changes. */
export function useTranslation(): { t: Translations["t"]; i18n: { language: Language } } {
  const now = useSyncExternalStore(subscribe, currentTranslations);
  return useMemo(() => ({ t: now.t, i18n: { language: now.language } }), [now]);
}
