import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { currentSettings, subscribeSettings, type Language } from "../settings/settings";
import type en from "./en";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

// Only the language in use is loaded.
const load: Record<Language, () => Promise<{ default: object }>> = {
  en: () => import("./en"),
  "zh-CN": () => import("./zh"),
};

async function show(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, "translation")) {
    const { default: words } = await load[language]();
    i18next.addResourceBundle(language, "translation", words);
  }
  await i18next.changeLanguage(language);
}

/** Loads the chosen language, and another one when that is chosen. */
export async function startTranslations(): Promise<void> {
  const { language } = currentSettings();
  await i18next.use(initReactI18next).init({ lng: language, resources: {}, fallbackLng: false, interpolation: { escapeValue: false } });
  await show(language);
  subscribeSettings(() => {
    if (currentSettings().language !== i18next.language) void show(currentSettings().language);
  });
}

export default i18next;
