// Movies: every frame is decoded before the first is shown, and stands for a whole number of the screen's refreshes.
import { Refused } from "./course.js";

const RATE_TOLERANCE = 0.01;

// How often the screen is drawn in a second, by the frames that the browser announces; those that it left out do not count.
export async function refreshRate(count = 90) {
  const times = [];
  await new Promise((resolve) => {
    const note = (now) => { if (times.push(now) > count) resolve(); else requestAnimationFrame(note); };
    requestAnimationFrame(note);
  });
  const gaps = times.slice(1).map((time, at) => time - times[at]).sort((one, other) => one - other);
  const middle = gaps[gaps.length >> 1];
  const usual = gaps.filter((gap) => Math.abs(gap / middle - 1) < 0.2);
  return 1000 * usual.length / usual.reduce((sum, gap) => sum + gap, 0);
}

// A rehearsal goes on with a screen that would be refused, as in the laboratory.
export function requireRefresh(about, hz, simulated) {
  for (const { frame_rate_hz: rate } of about.stimuli) {
    const whole = Math.round(hz / rate);
    if (!simulated && (whole < 1 || Math.abs(hz / rate / whole - 1) > RATE_TOLERANCE)) {
      throw new Refused(`This screen shows ${hz.toFixed(1)} pictures a second; this experiment needs ${+rate.toFixed(2)}, or two, three or more times as many. Please try another screen.`);
    }
  }
}

export class Projector {
  constructor(hz) {
    Object.assign(this, { hz, movies: new Map(), missed: 0 });
    this.rewind();
  }

  // Lossless: each frame is a PNG of its own, whose colours nothing converts.
  async load(stimulus, address) {
    const frames = [];
    for (let number = 0; number < stimulus.frames; number += 1) {
      const answer = await fetch(`${address}/${number}.png`);
      if (!answer.ok) throw new Refused(`${stimulus.file} is missing.`);
      frames.push(await createImageBitmap(await answer.blob(), { colorSpaceConversion: "none", premultiplyAlpha: "none" }));
    }
    this.movies.set(stimulus.file, { frames, refreshes: Math.max(1, Math.round(this.hz / stimulus.frame_rate_hz)) });
  }

  canvas(file) {
    const [{ width, height }] = this.movies.get(file).frames;
    return Object.assign(document.createElement("canvas"), { width, height });
  }

  rewind() { Object.assign(this, { flips: 0, last: null }); }

  // Draws the frame that is due; false when the movie has ended. A refresh that was missed lengthens its frame and leaves none out.
  show(file, canvas, now) {
    const { frames, refreshes } = this.movies.get(file);
    if (this.last !== null) this.missed += Math.max(0, Math.round((now - this.last) * this.hz / 1000) - 1);
    this.last = now;
    const number = Math.floor(this.flips / refreshes);
    if (number >= frames.length) return false;
    if (this.flips % refreshes === 0) canvas.getContext("2d").drawImage(frames[number], 0, 0);
    this.flips += 1;
    return true;
  }
}
