import { Link, Outlet } from "@tanstack/react-router";
import { House, MessageCircle, Play, Plus, Search, Settings, User, type LucideIcon } from "lucide-react";
import { lazy, Suspense, useEffect } from "react";
import { useTranslation } from "../i18n/i18n";
import { useChat } from "../chat/store";
import { askForLogin, useLoginWanted, useSession } from "../session/session";
import { notify, Toaster } from "../ui/toast";

// Only who asks for it needs it.
const LoginDialog = lazy(async () => ({ default: (await import("../session/LoginDialog")).LoginDialog }));

/** Follows the viewer's messages until the returned function is called; only a viewer's page loads what that takes. */
function startChatOfViewer(): () => void {
  let stop: (() => void) | undefined;
  let ended = false;
  void import("../chat/start").then(({ startChat }) => {
    if (!ended) stop = startChat();
  });
  return () => {
    ended = true;
    stop?.();
  };
}

/** What stands around every page: a rail on wide windows, a dock on phones. */
export function Shell() {
  const { t } = useTranslation();
  const session = useSession();
  const loginWanted = useLoginWanted();
  useEffect(() => (session ? startChatOfViewer() : undefined), [session]);
  useEffect(() => {
    const offline = () => notify(t("failure.offline"));
    addEventListener("offline", offline);
    return () => removeEventListener("offline", offline);
  }, [t]);
  return (
    <div className="grid h-dvh grid-rows-[1fr_56px] sm:grid-cols-[72px_1fr] sm:grid-rows-1">
      <main className="min-h-0 min-w-0 sm:col-start-2 sm:row-start-1">
        <Outlet />
      </main>
      <nav aria-label={t("nav.label")} className="flex items-center justify-around bg-stage text-white sm:col-start-1 sm:row-start-1 sm:flex-col sm:justify-start sm:gap-2 sm:border-r sm:border-line sm:bg-surface sm:py-4 sm:text-ink">
        <span aria-hidden className="mb-4 hidden size-9 place-items-center rounded-[11px] bg-accent sm:grid">
          <Play size={18} className="ml-0.5 fill-white text-white" />
        </span>
        <Place to="/" icon={House} label={t("nav.home")} exact />
        <Place to="/search" icon={Search} label={t("nav.search")} />
        <Place to="/publish" icon={Plus} label={t("nav.publish")} emphasis />
        <Messages />
        {session ? (
          <Place to="/u/$userId" params={{ userId: session.userId }} icon={User} label={t("nav.me")} />
        ) : (
          <button type="button" onClick={() => askForLogin(true)} className={placeLook}>
            <User size={24} aria-hidden />
            {t("nav.login")}
          </button>
        )}
        <div className="sm:mt-auto">
          <Place to="/settings" icon={Settings} label={t("nav.settings")} />
        </div>
      </nav>
      <Suspense>{loginWanted && <LoginDialog />}</Suspense>
      <Toaster />
    </div>
  );
}

const placeLook =
  "relative grid min-h-11 w-14 min-w-0 justify-items-center gap-0.5 rounded-m py-1.5 text-[11px] opacity-80 sm:text-muted sm:opacity-100 aria-[current=page]:opacity-100 sm:aria-[current=page]:bg-raised sm:aria-[current=page]:text-ink";

interface PlaceProps {
  to: "/" | "/search" | "/publish" | "/messages" | "/settings" | "/u/$userId";
  params?: { userId: string };
  icon: LucideIcon;
  label: string;
  exact?: boolean;
  emphasis?: boolean;
  badge?: boolean;
}

function Place({ to, params, icon: Icon, label, exact = false, emphasis = false, badge = false }: PlaceProps) {
  return (
    <Link to={to} {...(params && { params })} activeOptions={{ exact, includeSearch: false }} activeProps={{ "aria-current": "page" }} className={placeLook}>
      <Icon size={24} aria-hidden className={emphasis ? "h-6 w-9 rounded-s bg-accent p-0.5 text-accent-ink" : ""} />
      {badge && <span className="absolute top-1 right-3 size-2.5 rounded-full bg-accent" />}
      {label}
    </Link>
  );
}

function Messages() {
  const { t } = useTranslation();
  const { unread } = useChat();
  return <Place to="/messages" icon={MessageCircle} label={unread.size > 0 ? t("nav.messagesUnread") : t("nav.messages")} badge={unread.size > 0} />;
}
