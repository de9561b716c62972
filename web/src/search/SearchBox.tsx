import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Hash, Search, User, X } from "lucide-react";
import { useEffect, useId, useRef, useState, type FormEvent, type KeyboardEvent } from "react";
import { useTranslation } from "../i18n/i18n";
import { IconButton } from "../ui/Button";
import { moveChoice } from "./choice";
import { keywordLength, placeOf, type Kind } from "./place";
import { suggestionsFor, type Suggestion } from "./queries";
import { rememberSearch } from "./recent";

/** How long nothing is typed before suggestions are asked for, in milliseconds. */
const typingPause = 150;

/** A value once it has not changed for a while. */
function useSettled(value: string): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), typingPause);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

const noSuggestions: Suggestion[] = [];

/** The field for what is searched for, with suggestions below while one types: a combobox by the ARIA pattern. */
export function SearchBox({ keyword, kind }: { keyword: string; kind: Kind }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const list = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(keyword);
  const [shown, setShown] = useState(keyword);
  const [typing, setTyping] = useState(false);
  const [choice, setChoice] = useState(-1);
  // Another search, by a link or by going back, is in the field, too.
  if (shown !== keyword) {
    setShown(keyword);
    setText(keyword);
    setTyping(false);
  }
  const { data = noSuggestions } = useQuery({ ...suggestionsFor(useSettled(text.trim())) });
  const suggestions = typing && text.trim() !== "" ? data : noSuggestions;
  const chosen = suggestions[choice];

  // The page without a keyword is there to be typed into.
  useEffect(() => {
    if (keyword === "") field.current?.focus();
  }, [keyword]);

  function close() {
    setTyping(false);
    setChoice(-1);
  }

  function search(words: string) {
    close();
    rememberSearch(words);
    void navigate({ to: "/search", search: placeOf(words, kind) });
    // A keyboard on the screen would cover what was found.
    if (matchMedia("(pointer: coarse)").matches) field.current?.blur();
  }

  function take(suggestion: Suggestion) {
    close();
    if (suggestion.kind === "tag") void navigate({ to: "/t/$tag", params: { tag: suggestion.text } });
    else void navigate({ to: "/@{$name}", params: { name: suggestion.text } });
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const words = text.trim();
    if (chosen) take(chosen);
    else if (words !== "") search(words);
  }

  function press(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return; // the keys belong to the input method
    if (event.key === "Escape" && suggestions.length > 0) {
      event.preventDefault();
      close();
      return;
    }
    const moved = moveChoice(event.key, choice, suggestions.length);
    if (moved === null) return;
    event.preventDefault();
    setChoice(moved);
  }

  return (
    <form role="search" onSubmit={submit} className="relative">
      <Search size={20} aria-hidden className="absolute top-3 left-4 text-muted" />
      <input
        ref={field}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        role="combobox"
        aria-label={t("search.label")}
        aria-autocomplete="list"
        aria-expanded={suggestions.length > 0}
        aria-controls={list}
        aria-activedescendant={chosen ? `${list}-${choice}` : undefined}
        placeholder={t("search.placeholder")}
        maxLength={keywordLength}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setTyping(true);
          setChoice(-1);
        }}
        onKeyDown={press}
        onBlur={close}
        className="min-h-11 w-full rounded-full border border-line bg-raised pr-12 pl-11 placeholder:text-muted"
      />
      {text !== "" && (
        <IconButton
          label={t("search.clear")}
          onClick={() => {
            setText("");
            close();
            field.current?.focus();
          }}
          className="absolute top-0 right-0"
        >
          <X size={18} />
        </IconButton>
      )}
      <div
        id={list}
        role="listbox"
        aria-label={t("search.suggestions")}
        hidden={suggestions.length === 0}
        className="absolute inset-x-0 top-full z-20 mt-2 overflow-hidden rounded-m border border-line bg-raised py-1 shadow-2xl"
      >
        {suggestions.map((suggestion, i) => (
          // The field keeps the focus and has the keys; the mouse and the finger press the row.
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
          <div
            key={`${suggestion.kind} ${suggestion.text}`}
            id={`${list}-${i}`}
            role="option"
            aria-selected={i === choice}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => take(suggestion)}
            className={`flex min-h-11 cursor-pointer items-center gap-3 px-4 hover:bg-line ${i === choice ? "bg-line" : ""}`}
          >
            {suggestion.kind === "tag" ? <Hash size={18} aria-hidden className="text-muted" /> : <User size={18} aria-hidden className="text-muted" />}
            <span className="min-w-0 flex-1 truncate">{suggestion.text}</span>
            <span className="text-s text-muted">{t(suggestion.kind === "tag" ? "search.tag" : "search.person")}</span>
          </div>
        ))}
      </div>
      <p role="status" className="sr-only">
        {suggestions.length > 0 ? t("search.suggested", { count: suggestions.length }) : ""}
      </p>
    </form>
  );
}
