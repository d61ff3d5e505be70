import { fill } from "./course.js";

// A word as it is typed: small letters and digits of any script, Latin letters without accents; as in the laboratory.
export function fold(word) {
  return [...word.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ").normalize("NFKC")].map((letter) => {
    const base = letter.normalize("NFKD")[0];
    const kept = base < "\u0080" ? base : letter;
    return /^[\p{L}\p{N}\p{Mn}\p{Mc}]$/u.test(kept) ? kept : "";
  }).join("");
}

// Typing an answer that must be a word of a list: tab completes, the arrows choose, return answers.
export class WordEntry {
  constructor(words, shown, said) {
    this.words = [...words].sort(([one], [other]) => (one < other ? -1 : 1));
    Object.assign(this, { shown, told: said, typed: "", said: "", chosen: -1, refused: 0 });
  }

  matches() { return this.typed ? this.words.filter(([folded]) => folded.startsWith(this.typed)) : []; }

  type(text) {
    this.typed = fold(text);
    this.chosen = -1;
    this.said = "";
  }

  // The answer, once return gives one.
  key(name) {
    const found = this.matches();
    if (name === "Enter") return this.answer(found);
    this.said = "";
    const last = Math.min(this.shown, found.length) - 1;
    if (name === "Tab" && found.length) this.type(this.common(found));
    if (name === "ArrowDown" && found.length) this.chosen = Math.min(last, this.chosen + 1);
    if (name === "ArrowUp" && found.length) this.chosen = Math.max(0, this.chosen - 1);
    return null;
  }

  answer(found) {
    if (this.chosen >= 0) return found[this.chosen][1];
    const whole = found.find(([folded]) => folded === this.typed);
    if (whole) return whole[1];
    if (found.length === 1) {
      this.chosen = 0;
      this.said = this.told.again;
      return null;
    }
    this.refused += this.typed ? 1 : 0;
    this.said = !this.typed ? this.told.first : found.length ? this.told.choose : this.told.back;
    return null;
  }

  common(found) {
    let agreed = found[0][0];
    for (const [folded] of found) while (!folded.startsWith(agreed)) agreed = agreed.slice(0, -1);
    return agreed;
  }

  lines() {
    const found = this.matches();
    const lines = found.slice(0, this.shown).map(([, word], at) => (at === this.chosen ? `> ${word} <` : word));
    if (found.length > this.shown) lines.push(fill(this.told.more, { count: found.length - this.shown }));
    if (this.typed && !found.length) lines.push(this.told.none);
    return [...lines, "", this.said].join("\n");
  }
}

// A field of the browser's own, so that every keyboard and input method types into it, with the words that are left below.
export class WordField {
  constructor(about, place, answered) {
    this.entry = new WordEntry(about.words, about.words_shown, about.words_said);
    this.field = Object.assign(document.createElement("input"), { type: "text", autocomplete: "off", spellcheck: false });
    this.lines = document.createElement("div");
    this.answered = answered;
    place.replaceChildren(this.field, this.lines);
    this.field.addEventListener("input", () => this.type());
    this.field.addEventListener("keydown", (event) => this.key(event));
  }

  type() {
    this.firstKey ??= performance.now();
    this.entry.type(this.field.value);
    this.lines.textContent = this.entry.lines();
  }

  key(event) {
    if (event.isComposing || !["Enter", "Tab", "ArrowUp", "ArrowDown"].includes(event.key)) return;
    event.preventDefault();
    const word = this.entry.key(event.key);
    if (event.key === "Tab" && this.entry.typed) this.field.value = this.entry.typed;
    this.lines.textContent = this.entry.lines();
    if (word !== null) this.answered(word, { first: (this.firstKey ?? performance.now()) / 1000, refused: this.entry.refused });
  }

  focus() { if (document.activeElement !== this.field) this.field.focus(); }
}
