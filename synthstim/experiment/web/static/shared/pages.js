// Pages before the experiment: consent, the width of the screen, the distance.
import { fill } from "./course.js";

// With buttons it resolves to the number of the one that was clicked.
export function page(text, ...buttons) {
  const root = document.getElementById("experiment");
  const place = document.createElement("div");
  place.className = "page";
  place.textContent = text;
  root.replaceChildren(place);
  document.body.style.background = "#444";
  if (!buttons.length) return place;
  place.append("\n\n");
  return new Promise((resolve) => buttons.forEach((words, at) => {
    const go = document.createElement("button");
    go.textContent = words;
    go.addEventListener("click", () => resolve(at));
    place.append(go, " ");
  }));
}

// A bank card is 85.6 mm wide everywhere: the participant makes the picture as wide as theirs.
async function cardScale(about) {
  const key = "synthstim px per cm";
  if (localStorage.getItem(key)) return Number(localStorage.getItem(key));
  const place = page(about.texts.card ?? "Hold a bank card against the screen and move the handle until the grey one is as wide as yours.\n");
  const card = document.createElement("div");
  card.className = "card";
  const handle = Object.assign(document.createElement("input"), { type: "range", min: 150, max: 900, value: 324 });
  const draw = () => { card.style.width = `${handle.value}px`; card.style.height = `${handle.value / 1.586}px`; };
  handle.addEventListener("input", draw);
  draw();
  const done = Object.assign(document.createElement("button"), { textContent: "It is as wide", id: "card_done" });
  place.append(handle, card, done);
  await new Promise((resolve) => done.addEventListener("click", resolve));
  localStorage.setItem(key, String(handle.value / 8.56));
  return handle.value / 8.56;
}

export function agree(about) {
  const consent = about.texts.consent ?? `${about.title}\n\nYour answers are kept under a number, without your name. You may stop at any time by closing this page.`;
  return page(consent, about.texts.consent_button ?? "I agree and take part");
}

// Asks whoever sits here whether they are the participant of before.
export async function isSomebodyElse(about, { participant, began }) {
  const { texts } = about;
  const time = new Date(began).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const question = fill(texts.again ?? "Are you participant {participant}, who began on {began}?", { participant, began: time });
  return (await page(question, texts.again_yes ?? "Yes, I go on", texts.again_no ?? "No, I am somebody else")) === 1;
}

// Images have the size in cm that they have on the rig, where the participant sits as far away.
export async function sit(state) {
  const { about } = state;
  if (!["image", "movie"].includes(about.modality)) return;
  state.scale = (await cardScale(about)) / about.px_per_cm;
  await page(about.texts.distance ?? `Sit so that your eyes are ${Math.round(about.distance_cm)} cm from the screen, and stay there.`, "I do");
}

export function leave() { document.getElementById("experiment").replaceChildren(); }
