import { useState, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "../i18n/i18n";
import { userClient } from "../api/transport";
import { askForLogin, logout, useSession } from "../session/session";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { notify, notifyFailure } from "../ui/toast";
import { changeSettings, useSettings, type Language, type Theme } from "./settings";

const themes: Theme[] = ["system", "light", "dark"];
const languages: { value: Language; name: string }[] = [
  { value: "en", name: "English" },
  { value: "zh-CN", name: "简体中文" },
];

/** What a person can choose, and their account. */
export function SettingsPage() {
  const { t } = useTranslation();
  const settings = useSettings();
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto grid max-w-xl gap-8 px-4 pt-8 pb-24">
        <h1 className="text-xl font-semibold">{t("settings.title")}</h1>
        <Section title={t("settings.appearance")}>
          <Choice name="theme" legend={t("settings.theme")} value={settings.theme} options={themes.map((value) => ({ value, name: t(`settings.${value}`) }))} onChange={(theme) => changeSettings({ theme })} />
          <Choice name="language" legend={t("settings.language")} value={settings.language} options={languages} onChange={(language) => changeSettings({ language })} />
        </Section>
        <Section title={t("settings.playback")}>
          <label className="flex min-h-11 items-center justify-between gap-4">
            {t("settings.alwaysMuted")}
            <input type="checkbox" checked={settings.alwaysMuted} onChange={(e) => changeSettings({ alwaysMuted: e.target.checked })} className="size-5 accent-accent" />
          </label>
        </Section>
        <Account />
      </div>
    </div>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="grid gap-4">
      <h2 className="text-l font-semibold">{title}</h2>
      {children}
    </section>
  );
}

interface ChoiceProps<Value extends string> {
  name: string;
  legend: string;
  value: Value;
  options: { value: Value; name: string }[];
  onChange: (value: Value) => void;
}

function Choice<Value extends string>({ name, legend, value, options, onChange }: ChoiceProps<Value>) {
  return (
    <fieldset className="flex flex-wrap items-center justify-between gap-2">
      <legend className="float-left">{legend}</legend>
      <div className="flex rounded-full border border-line bg-raised p-1">
        {options.map((option) => (
          <label
            key={option.value}
            className={`flex min-h-9 cursor-pointer items-center rounded-full px-4 text-s font-medium has-focus-visible:outline-2 has-focus-visible:outline-accent ${option.value === value ? "bg-accent text-accent-ink" : "text-muted"}`}
          >
            <input type="radio" name={name} value={option.value} checked={option.value === value} onChange={() => onChange(option.value)} className="sr-only" />
            {option.name}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Account() {
  const { t } = useTranslation();
  const session = useSession();
  const [changing, setChanging] = useState(false);
  if (!session) {
    return (
      <Section title={t("settings.account")}>
        <Button onClick={() => askForLogin(true)}>{t("session.login")}</Button>
      </Section>
    );
  }
  return (
    <Section title={t("settings.account")}>
      <p className="text-muted">{t("settings.loggedInAs", { name: session.name })}</p>
      <Button look="quiet" onClick={() => setChanging(true)}>
        {t("settings.changePassword")}
      </Button>
      <Button look="quiet" onClick={() => void logout().catch(notifyFailure)}>
        {t("session.logout")}
      </Button>
      <Button look="danger" onClick={() => void logout(true).catch(notifyFailure)}>
        {t("session.logoutEverywhere")}
      </Button>
      {changing && <PasswordDialog name={session.name} onClose={() => setChanging(false)} />}
    </Section>
  );
}

function PasswordDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await userClient.changePassword({ oldPassword: String(form.get("old")), newPassword: String(form.get("new")) });
      notify(t("settings.passwordChanged"));
      onClose();
    } catch (error) {
      notifyFailure(error);
    } finally {
      setBusy(false);
    }
  }
  return (
    <Dialog title={t("settings.changePassword")} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 px-5 pt-2 pb-5">
        <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
        <Field label={t("settings.oldPassword")} name="old" type="password" autoComplete="current-password" required />
        <Field label={t("settings.newPassword")} name="new" type="password" autoComplete="new-password" hint={t("settings.passwordHint")} required />
        <Button type="submit" disabled={busy}>
          {t("common.save")}
        </Button>
      </form>
    </Dialog>
  );
}
