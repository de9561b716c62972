import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { ArrowLeft, SendHorizontal } from "lucide-react";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, type FormEvent, type RefObject } from "react";
import { useTranslation } from "../i18n/i18n";
import { newKey } from "../api/key";
import { type Message, messageOf } from "../api/model";
import { profileOf } from "../profile/queries";
import { useSession } from "../session/session";
import { Avatar } from "../ui/Avatar";
import { IconButton } from "../ui/Button";
import { exactTime } from "../ui/format";
import { ErrorState, RowSkeletons } from "../ui/Status";
import { messageClient } from "./clients";
import { groupByMinute, mergeMessages, notArrived, type Outgoing } from "./conversation";
import { conversationWith } from "./queries";
import { addMessage, setOpenPeer, useChat } from "./store";

const route = getRouteApi("/messages/$userId");
/** Most characters of a message. */
const maxLength = 1000;
/** This near to the end, in pixels, a reader is at the end. */
const endSlack = 80;

/** The conversation with a user. */
export function Conversation() {
  const { userId } = route.useParams();
  const session = useSession();
  return session ? <OpenConversation key={userId} viewer={session.userId} peer={userId} /> : null;
}

function OpenConversation({ viewer, peer }: { viewer: string; peer: string }) {
  const { t, i18n } = useTranslation();
  const user = useQuery(profileOf(peer));
  const query = useQuery(conversationWith(viewer, peer));
  const chat = useChat();
  const [sending, setSending] = useState<Outgoing[]>([]);
  const live = chat.live.get(peer) ?? [];
  const messages = mergeMessages(query.data ?? [], live);
  const outgoing = notArrived(sending, live, viewer);
  const list = useRef<HTMLDivElement>(null);
  const { missed, onScroll, toEnd } = useKeepEnd(list, messages.length + outgoing.length);

  useEffect(() => {
    setOpenPeer(peer);
    return () => setOpenPeer(null);
  }, [peer]);

  function begin(text: string) {
    const same = [...live.filter((m) => m.from === viewer), ...outgoing].filter((m) => m.text === text);
    void send({ key: newKey(), text, failed: false, before: same.length });
  }

  async function send(message: Outgoing) {
    setSending((all) => [...all.filter((o) => o.key !== message.key), { ...message, failed: false }]);
    try {
      // The key makes a repetition safe: the server sends the message once.
      const sent = await messageClient.sendMessage({ toUserId: peer, content: message.text, idempotencyKey: message.key });
      if (sent.message) addMessage(messageOf(sent.message));
      setSending((all) => all.filter((o) => o.key !== message.key));
    } catch {
      setSending((all) => all.map((o) => (o.key === message.key ? { ...o, failed: true } : o)));
    }
  }

  return (
    <div className="flex h-full flex-col pb-14 sm:pb-0">
      <header className="flex items-center gap-2 border-b border-line p-2">
        <Link to="/messages" aria-label={t("common.back")} className="grid size-11 place-items-center sm:hidden">
          <ArrowLeft size={20} />
        </Link>
        <Link to="/u/$userId" params={{ userId: peer }} className="flex min-w-0 items-center gap-3 px-2">
          <Avatar name={user.data?.name ?? ""} url={user.data?.avatar ?? ""} className="size-9" />
          <h2 className="truncate font-semibold">{user.data?.name}</h2>
        </Link>
      </header>
      {!chat.connected && <p role="status" className="bg-raised px-4 py-1.5 text-center text-s text-muted">{t("chat.reconnecting")}</p>}
      <div className="relative min-h-0 flex-1">
        <div ref={list} onScroll={onScroll} role="log" aria-label={t("chat.with", { name: user.data?.name ?? "" })} className="flex h-full flex-col overflow-y-auto px-4 py-3">
          {query.isPending && <RowSkeletons />}
          {query.error && messages.length === 0 && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
          <div className="mt-auto" />
          {groupByMinute(messages).map((group) => (
            <div key={group.messages[0]?.id} className={`mt-3 grid gap-1 ${group.from === viewer ? "justify-items-end" : "justify-items-start"}`}>
              <time dateTime={new Date(group.at).toISOString()} className="text-[12px] text-muted">
                {exactTime(group.at, i18n.language)}
              </time>
              {group.messages.map((m) => (
                <Bubble key={m.id} message={m} isMine={m.from === viewer} />
              ))}
            </div>
          ))}
          {outgoing.map((o) => (
            <div key={o.key} className="mt-1 grid justify-items-end gap-0.5">
              <p className={`max-w-[75%] rounded-[18px] bg-accent px-4 py-2 break-words whitespace-pre-wrap text-accent-ink ${o.failed ? "" : "opacity-60"}`}>{o.text}</p>
              {o.failed && (
                <button type="button" onClick={() => void send(o)} className="min-h-8 text-s text-danger underline">
                  {t("chat.failed")}
                </button>
              )}
            </div>
          ))}
        </div>
        {missed > 0 && (
          <button type="button" onClick={toEnd} className="absolute bottom-3 left-1/2 min-h-11 -translate-x-1/2 rounded-full bg-accent px-4 text-s font-medium text-accent-ink shadow-lg">
            {t("chat.newMessages", { count: missed })}
          </button>
        )}
      </div>
      <MessageForm onSend={begin} />
    </div>
  );
}

function Bubble({ message, isMine }: { message: Message; isMine: boolean }) {
  return (
    <p className={`max-w-[75%] rounded-[18px] px-4 py-2 break-words whitespace-pre-wrap ${isMine ? "bg-accent text-accent-ink" : "bg-raised"}`}>
      {message.text}
    </p>
  );
}

/** Keeps the end of a list in sight while the reader is there, and counts what came while they were not. */
function useKeepEnd(list: RefObject<HTMLDivElement | null>, length: number) {
  const atEnd = useRef(true);
  const shown = useRef(0);
  const [missed, setMissed] = useState(0);
  const toEnd = useCallback(() => {
    const element = list.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [list]);
  useLayoutEffect(() => {
    if (atEnd.current) toEnd();
    else setMissed((n) => n + Math.max(0, length - shown.current));
    shown.current = length;
  }, [length, toEnd]);
  const onScroll = () => {
    const element = list.current;
    if (!element) return;
    atEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < endSlack;
    if (atEnd.current) setMissed(0);
  };
  return { missed, onScroll, toEnd };
}

function MessageForm({ onSend }: { onSend: (text: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState("");
  function submit(event: FormEvent) {
    event.preventDefault();
    const trimmed = text.trim();
    if (!trimmed) return;
    onSend(trimmed);
    setText("");
  }
  return (
    <form onSubmit={submit} className="flex items-center gap-2 border-t border-line p-3">
      <input
        value={text}
        onChange={(e) => setText(e.target.value)}
        maxLength={maxLength}
        aria-label={t("chat.placeholder")}
        placeholder={t("chat.placeholder")}
        className="min-h-11 min-w-0 flex-1 rounded-full border border-line bg-raised px-4"
      />
      <IconButton label={t("chat.send")} type="submit" disabled={!text.trim()} className="text-accent disabled:text-muted">
        <SendHorizontal size={20} />
      </IconButton>
    </form>
  );
}
