// Plays an animation in the viewer: frames are fetched ahead, and each is shown for the file's own time.

import { $, errorMessage } from "./page.js";

/** Frames that are fetched before they are due. */
const AHEAD = 12;
/** Frames that are kept for the next loop, and their bytes. */
const [MAX_KEPT, MAX_KEPT_BYTES] = [600, 96e6];

const still = matchMedia("(prefers-reduced-motion: reduce)");
const buttons = { play: $("#play"), back: $("#step-back"), on: $("#step-on") };
const position = $("#position");
const count = $("#frame-count");
const speed = $("#speed");

/** How long a picture may still be loading after it was put on the page. */
const LOADING_MS = 2000;

/** Frees the memory of a frame. */
function release(frame) {
  frame.then(({ src }) => setTimeout(() => URL.revokeObjectURL(src), LOADING_MS), () => {});
}

/**
 * The player of the image at `address`. `pictureOf(frame)` is the address of a frame in the chosen look; `show(image,
 * frame)` puts a loaded frame on the page; `settle(frame)` makes a frame the chosen one; `fail(reason)` tells why
 * nothing is shown.
 */
export class Player {
  #hooks;
  #address;
  /** How the file is played, once it is known. */
  #timing;
  /** The frame that is shown, counted from the first one that is played. */
  #index = 0;
  #isPlaying = false;
  /** Changes whenever playing begins or ends. */
  #run = 0;
  /** Frames by index: promises of images. They are of one look. */
  #frames = new Map();
  #bytes = 0;
  #look = 0;

  constructor(address, frame, hooks) {
    [this.#address, this.#hooks, this.#index] = [address, hooks, frame];
    buttons.play.addEventListener("click", () => (this.#isPlaying ? this.pause() : this.#play()));
    buttons.back.addEventListener("click", () => this.#step(-1));
    buttons.on.addEventListener("click", () => this.#step(1));
    position.addEventListener("input", () => this.#goTo(Number(position.value)));
    document.addEventListener("visibilitychange", () => document.hidden && this.pause());
    this.#load();
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  /** The look has changed: frames are fetched again. */
  forget() {
    this.#look += 1;
    this.#frames.forEach(release);
    this.#frames.clear();
    this.#bytes = 0;
  }

  /** A frame was chosen elsewhere. */
  chose(frame) {
    this.#index = Math.max(0, frame - (this.#timing?.first_frame ?? 0));
    this.#tell();
  }

  pause() {
    if (this.#isPlaying) {
      this.#setPlaying(false);
      this.#hooks.settle(this.#frame());
    }
  }

  #frame() {
    return this.#index + this.#timing.first_frame;
  }

  #setPlaying(isPlaying) {
    this.#isPlaying = isPlaying;
    this.#run += 1;
    buttons.play.textContent = isPlaying ? "Pause" : "Play";
  }

  async #load() {
    try {
      const response = await fetch(`${this.#address}/animation`);
      if (!response.ok) {
        throw new Error(await errorMessage(response));
      }
      this.#timing = await response.json();
    } catch (error) {
      buttons.play.disabled = buttons.back.disabled = buttons.on.disabled = position.disabled = true;
      count.textContent = error instanceof TypeError ? "The service is unreachable." : error.message;
      return;
    }
    const length = this.#timing.durations_ms.length;
    $(".player").hidden = length < 2;
    position.max = length - 1;
    this.#index = Math.min(length - 1, Math.max(0, this.#index - this.#timing.first_frame));
    this.#tell();
  }

  #tell() {
    if (this.#timing) {
      position.value = this.#index;
      position.setAttribute("aria-valuetext", `${this.#index + 1} of ${this.#timing.durations_ms.length}`);
      count.textContent = `${this.#index + 1} / ${this.#timing.durations_ms.length}`;
    }
  }

  /** The image of a frame, fetched if it is not there. */
  #image(index) {
    let frame = this.#frames.get(index);
    if (!frame) {
      const look = this.#look;
      frame = this.#fetch(index);
      this.#frames.set(index, frame);
      frame.catch(() => look === this.#look && this.#frames.delete(index));
    }
    return frame;
  }

  async #fetch(index) {
    const look = this.#look;
    const response = await fetch(this.#hooks.pictureOf(index + this.#timing.first_frame));
    if (!response.ok) {
      throw new Error(await errorMessage(response));
    }
    const blob = await response.blob();
    const image = new Image();
    image.src = URL.createObjectURL(blob);
    await image.decode();
    if (look === this.#look) {
      this.#bytes += blob.size;
      this.#drop(index);
    }
    return image;
  }

  /** Drops the frames that are needed last, while too many are kept. */
  #drop(newest) {
    const length = this.#timing.durations_ms.length;
    const waits = (index) => (index - this.#index + length) % length;
    const average = this.#bytes / this.#frames.size;
    while (this.#frames.size > AHEAD + 1 && (this.#frames.size > MAX_KEPT || this.#bytes > MAX_KEPT_BYTES)) {
      const last = [...this.#frames.keys()].filter((index) => index !== newest).reduce((a, b) => (waits(b) > waits(a) ? b : a));
      release(this.#frames.get(last));
      this.#frames.delete(last);
      this.#bytes -= average;
    }
  }

  /** Fetches the frames behind the shown one, one after another: in this order each costs only what it adds. */
  async #fetchAhead(look) {
    const { durations_ms: durations } = this.#timing;
    for (let fetched = this.#index; this.#isPlaying && look === this.#look;) {
      const ahead = (fetched - this.#index + durations.length) % durations.length;
      if (ahead > Math.min(AHEAD, durations.length - 1)) {
        await new Promise((done) => setTimeout(done, 30));
        continue;
      }
      await this.#image(fetched).catch(() => {});
      fetched = (fetched + 1) % durations.length;
      if (durations.length <= AHEAD + 1 && this.#frames.size === durations.length) {
        return;
      }
    }
  }

  async #play() {
    if (!this.#timing) {
      return;
    }
    const { durations_ms: durations, plays } = this.#timing;
    let next = this.#index === durations.length - 1 ? 0 : this.#index;
    this.#setPlaying(true);
    const run = this.#run;
    let loops = 0;
    let look = -1;
    let due = performance.now();
    while (run === this.#run) {
      if (look !== this.#look) {
        look = this.#look;
        this.#fetchAhead(look);
      }
      let image;
      try {
        image = await this.#image(next);
      } catch (error) {
        if (run === this.#run) {
          this.#setPlaying(false);
          this.#hooks.fail(error instanceof TypeError ? "The service is unreachable." : error.message);
        }
        return;
      }
      if (look !== this.#look) {
        continue;
      }
      await new Promise((done) => setTimeout(done, due - performance.now()));
      if (run !== this.#run) {
        return;
      }
      if (look !== this.#look) {
        continue;
      }
      this.#index = next;
      this.#hooks.show(image, this.#frame());
      this.#tell();
      const duration = durations[this.#index] / Number(speed.value);
      // frames that could not be shown in time are not made up for
      due = Math.max(due, performance.now() - duration) + duration;
      if (this.#index === durations.length - 1) {
        loops += 1;
        // who asked for less motion sees it once
        if (loops === (still.matches ? 1 : plays)) {
          this.pause();
          return;
        }
      }
      next = (next + 1) % durations.length;
    }
  }

  #step(by) {
    if (this.#timing) {
      const length = this.#timing.durations_ms.length;
      this.#goTo((this.#index + by + length) % length);
    }
  }

  #goTo(index) {
    this.#setPlaying(false);
    this.#index = index;
    this.#tell();
    this.#hooks.settle(this.#frame());
  }
}
