import { useState, type FormEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import { failureOf } from "../api/failure";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Field } from "../ui/Field";
import { askForLogin, login, register } from "./session";

/** Logs in or registers; shown while something waits for an account. */
export function LoginDialog() {
  const { t } = useTranslation();
  const [mode, setMode] = useState<"login" | "register">("login");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [username, password] = [String(form.get("username")), String(form.get("password"))];
    setBusy(true);
    setProblem(null);
    try {
      await (mode === "login" ? login : register)(username, password);
      askForLogin(false);
    } catch (error) {
      const failure = failureOf(error);
      const wrongPair = mode === "login" && failure.kind === "login";
      setProblem(wrongPair ? t("session.wrongPair") : (failure.message ?? t(`failure.${failure.kind}`)));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Dialog title={t(`session.${mode}`)} onClose={() => askForLogin(false)}>
      <form onSubmit={submit} className="grid gap-4 px-5 pt-2 pb-5">
        <Field label={t("session.username")} name="username" autoComplete="username" required maxLength={32} />
        <Field
          label={t("session.password")}
          name="password"
          type="password"
          autoComplete={mode === "login" ? "current-password" : "new-password"}
          required
        />
        {problem && (
          <p role="alert" className="text-s text-danger">
            {problem}
          </p>
        )}
        <Button type="submit" disabled={busy}>
          {t(`session.${mode}`)}
        </Button>
        <Button look="quiet" onClick={() => setMode(mode === "login" ? "register" : "login")}>
          {t(mode === "login" ? "session.toRegister" : "session.toLogin")}
        </Button>
      </form>
    </Dialog>
  );
}
