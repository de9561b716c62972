import { useSyncExternalStore } from "react";
import { queryClient } from "../api/query";
import { userClient } from "../api/transport";
import { forgetSearches } from "../search/recent";

/** Who is logged in. The token is not here: the gateway keeps it in a cookie that scripts cannot read. */
export interface Session {
  userId: string;
  name: string;
}

const key = "session";
const listeners = new Set<() => void>();
let session: Session | null = load();
let loginWanted = false;

function load(): Session | null {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "null") as Session | null;
    return kept && typeof kept.userId === "string" ? kept : null;
  } catch {
    return null;
  }
}

function notifyListeners() {
  for (const listener of listeners) listener();
}

function set(next: Session | null) {
  session = next;
  try {
    if (next) localStorage.setItem(key, JSON.stringify(next));
    else localStorage.removeItem(key);
  } catch {
    // Without storage the session holds until the page is closed.
  }
  if (!next) forgetSearches();
  queryClient.clear(); // what is cached was made for somebody else
  notifyListeners();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function currentSession(): Session | null {
  return session;
}

export function useSession(): Session | null {
  return useSyncExternalStore(subscribe, currentSession);
}

export async function register(username: string, password: string): Promise<void> {
  const { userId } = await userClient.register({ username, password });
  set({ userId, name: username });
}

export async function login(username: string, password: string): Promise<void> {
  const { userId } = await userClient.login({ username, password });
  set({ userId, name: username });
}

/** Ends the session. A session that is over on the server is over here, too. */
export async function logout(everywhere = false): Promise<void> {
  try {
    await (everywhere ? userClient.logoutEverywhere({}) : userClient.logout({}));
  } finally {
    set(null);
  }
}

/** Forgets a session that the server does not accept any more. */
export function sessionExpired(): void {
  if (session) set(null);
}

/** Whether the login dialog is open. */
export function useLoginWanted(): boolean {
  return useSyncExternalStore(subscribe, () => loginWanted);
}

export function askForLogin(wanted: boolean): void {
  loginWanted = wanted;
  notifyListeners();
}

/** Runs what needs an account, or opens the login dialog. */
export function withSession(action: (session: Session) => void): void {
  if (session) action(session);
  else askForLogin(true);
}
