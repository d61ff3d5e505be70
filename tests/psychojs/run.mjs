// Runs an experiment's script on the library of the tests, in a browser of a few lines and in a time of its own: node run.mjs FOLDER SEARCH
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, search] = process.argv.slice(2);
const FRAME_MS = 1000 / 60;
const MOST_FRAMES = 200_000;
let clock = 1000;
let waiting = [];
const sources = new Set();

class Element {
  constructor(tag) { Object.assign(this, { tag, children: [], style: {}, dataset: {}, value: "", heard: {} }); }

  append(...added) { for (const one of added) { this.children.push(one); if (one instanceof Element) one.parent = this; } }

  replaceChildren(...added) { this.children = []; this.append(...added); }

  remove() { this.parent.children = this.parent.children.filter((one) => one !== this); }

  addEventListener(kind, act) { (this.heard[kind] ??= []).push(act); }

  tell(kind, event = {}) { for (const act of this.heard[kind] ?? []) act({ preventDefault() {}, ...event }); }

  focus() { document.activeElement = this; }

  find(tag) { return this.tag === tag ? this : this.children.filter((one) => one instanceof Element).map((one) => one.find(tag)).find(Boolean); }
}

class FakeAudio {
  destination = {};

  constructor({ sampleRate }) { this.sampleRate = sampleRate; }

  async resume() {}

  async decodeAudioData(content) { return { duration: content.byteLength / 4 / this.sampleRate }; }

  createBufferSource() {
    const source = { connect() {}, stop() { sources.delete(source); }, start() { source.ends = clock + 1000 * source.buffer.duration; sources.add(source); } };
    return source;
  }
}

const body = new Element("body");
const places = { root: new Element("div"), experiment: new Element("div") };
Object.assign(globalThis, {
  document: { body, activeElement: null, createElement: (tag) => new Element(tag), getElementById: (id) => places[id] },
  location: { search }, localStorage: { getItem: () => null, setItem() {} }, AudioContext: FakeAudio,
  Image: class { async decode() { await readFile(`${folder}/${decodeURIComponent(this.src)}`); } },
  requestAnimationFrame: (act) => waiting.push(act),
  async fetch(address) {
    const content = await readFile(`${folder}/${decodeURIComponent(address)}`).catch(() => null);
    return { ok: content !== null, json: async () => JSON.parse(content), arrayBuffer: async () => content };
  },
});
Object.defineProperty(globalThis, "performance", { value: { now: () => clock } });

// Somebody who presses, clicks, marks and types whatever may be asked for, by a fixed sequence.
let random = 1;
const among = (values) => values[(random = (random * 48271) % 2147483647) % values.length];

function act(seen, about, keys) {
  const button = places.experiment.find("button");
  if (button) return button.tell("click");
  const field = body.find("input");
  if (field) {
    field.value = among(about.words)[0];
    field.tell("input");
    return field.tell("keydown", { key: "Enter" });
  }
  const drawn = [...seen.drawn];
  const slider = drawn.find((one) => one.kind === "Slider");
  if (slider) return slider.mark(among(slider.options.ticks));
  seen.mouse = { down: !seen.mouse.down && among([true, false]), over: among(drawn) };
  seen.keys.push({ name: among(keys), tDown: clock / 1000 - 5 });
}

const sent = [];
const { Rows } = await import(pathToFileURL(`${folder}/rows.js`));
const { add } = Rows.prototype;
Rows.prototype.add = function (kind, content) { sent.push({ kind, ...structuredClone(content) }); return add.call(this, kind, content); };
const about = JSON.parse(await readFile(`${folder}/experiment.json`));
const pieces = Object.values(about.routines).flatMap((routine) => routine.pieces);
// Now and then something is pressed that nobody asked for.
const keys = ["x", ...new Set([...pieces.flatMap((piece) => piece.keys), ...Object.values(about.questions).flatMap((one) => Object.keys(one.keys))])];
const { seen } = await import(pathToFileURL(`${folder}/${process.argv[4]}`));
await import(pathToFileURL(`${folder}/experiment.js`));
for (let turn = 0; turn < MOST_FRAMES && !seen.quit; turn += 1) {
  const frames = waiting.splice(0);
  if (frames.length) clock += FRAME_MS;
  for (const source of sources) if (!source.loop && clock >= source.ends) { sources.delete(source); source.onended(); }
  for (const frame of frames) frame(clock);
  if (turn % 7 === 0) act(seen, about, keys);
  if (process.argv[5] && seen.entries.length >= Number(process.argv[5])) seen.keys.push({ name: "escape", tDown: clock / 1000 - 5 });
  await new Promise((resolve) => setImmediate(resolve));
}
console.log(JSON.stringify({ quit: seen.quit, entries: seen.entries, draws: seen.draws, sent }));
process.exit(0);
