// Every trial goes to the server at once, again and again until it is there; without a server, into a file at the end.
import { planOf, Refused } from "./course.js";

export class Saving {
  constructor() {
    this.waiting = [];
    this.kept = [];
    this.served = true;
    this.busy = false;
  }

  async post(path, content) {
    const answer = await fetch(path, {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content), cache: "no-store",
    });
    if (answer.status === 404 || answer.status === 405 || answer.status === 501) throw new NoServer();
    const told = await answer.json();
    if (!answer.ok) throw new Refused(told.error ?? `the server answered ${answer.status}`);
    return told;
  }

  // What this browser was given when its participant began; null where nobody has.
  known(key) { return this.who(key) && localStorage.getItem(key); }

  // Their number, and when they began.
  who(key) { return JSON.parse(localStorage.getItem(`${key}, who`)); }

  // The number of the participant, what is planned, and what of it is done. Without a token it is somebody new.
  async start(key, token) {
    try {
      const told = await this.post("api/start", { token });
      if (told.token !== token) localStorage.setItem(`${key}, who`, JSON.stringify({ participant: told.participant, began: Date.now() }));
      localStorage.setItem(key, told.token);
      this.token = told.token;
      return told;
    } catch (error) {
      if (!(error instanceof NoServer)) throw error;
    }
    this.served = false;
    const number = Number(new URLSearchParams(location.search).get("participant") ?? NaN);
    if (!Number.isInteger(number)) throw new Refused("Open this page with ?participant=NUMBER at its end.");
    return { participant: number, rows: await planOf(number), done: [], headphone_right: 0 };
  }

  add(kind, content) {
    this.kept.push({ kind, ...content });
    if (!this.served) return;
    this.waiting.push([`api/${kind}`, { token: this.token, ...content }]);
    this.send();
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) {
      try {
        await this.post(...this.waiting[0]);
        this.waiting.shift();
      } catch (error) {
        if (error instanceof Refused) { this.waiting.shift(); console.warn(error.message); continue; }
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
    this.busy = false;
  }

  async settled() {
    for (let turn = 0; this.waiting.length && turn < 60; turn++) await new Promise((resolve) => setTimeout(resolve, 250));
    return !this.waiting.length;
  }

  download(name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(this.kept, null, 1)], { type: "application/json" }));
    link.download = name;
    link.click();
  }
}
class NoServer extends Error {}
