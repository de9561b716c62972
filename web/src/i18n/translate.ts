/** A key without the ending that says for which number its sentence is. */
type WithoutPlural<Key extends string> = Key extends `${infer Plain}_${"one" | "other"}` ? Plain : Key;

/** The keys of all sentences: names of groups and sentence, with dots between. */
export type KeyOf<Words> = {
  [Key in keyof Words & string]: Words[Key] extends string ? WithoutPlural<Key> : `${Key}.${KeyOf<Words[Key]>}`;
}[keyof Words & string];

/** Returns a sentence with values in it. The value count chooses among the sentences of a key that has one for each plural. */
export type Translate<Words> = (key: KeyOf<Words>, values?: Record<string, string | number>) => string;

/** Looks sentences up among the words of a language. A key that is not there is its own sentence. */
export function translator<Words extends object>(words: Words, language: string): Translate<Words> {
  const plurals = new Intl.PluralRules(language);
  const sentences = flat(words, "", new Map());
  return (key, values = {}) => {
    const { count } = values;
    const sentence =
      (typeof count === "number" && (sentences.get(`${key}_${plurals.select(count)}`) ?? sentences.get(`${key}_other`))) || (sentences.get(key) ?? key);
    return sentence.replaceAll(/\{\{(\w+)\}\}/g, (whole, name: string) => String(values[name] ?? whole));
  };
}

function flat(words: object, prefix: string, into: Map<string, string>): Map<string, string> {
  for (const [key, value] of Object.entries(words)) {
    if (typeof value === "string") into.set(prefix + key, value);
    else flat(value as object, `${prefix}${key}.`, into);
  }
  return into;
}
