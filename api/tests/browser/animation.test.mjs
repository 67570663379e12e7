// Animations in the viewer: played, paused, stepped through, in the chosen look.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, open, until } from "./support.mjs";

/** A GIF of frames of 8 × 8 pixels with a bar that moves to the right, each shown for `delay` hundredths of a second. */
function gif(frames, delay, loops) {
  const bytes = [..."GIF89a"].map((c) => c.charCodeAt(0));
  bytes.push(8, 0, 8, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255);
  if (loops !== undefined) {
    bytes.push(0x21, 0xff, 11, ...[..."NETSCAPE2.0"].map((c) => c.charCodeAt(0)), 3, 1, loops, 0, 0);
  }
  for (let frame = 0; frame < frames; frame += 1) {
    bytes.push(0x21, 0xf9, 4, 4, delay, 0, 0, 0, 0x2c, 0, 0, 0, 0, 8, 0, 8, 0, 0, 2);
    // codes of 3 bits, with a clear code before each pair, so that they do not grow
    const codes = [];
    for (let pixel = 0; pixel < 64; pixel += 1) {
      pixel % 2 === 0 && codes.push(4);
      codes.push(pixel % 8 === frame % 8 ? 1 : 0);
    }
    codes.push(5);
    const data = [];
    codes.forEach((code, index) => {
      for (let bit = 0; bit < 3; bit += 1) {
        const at = index * 3 + bit;
        data[at >> 3] = (data[at >> 3] ?? 0) | ((code >> bit & 1) << (at & 7));
      }
    });
    bytes.push(data.length, ...data, 0);
  }
  return Buffer.from([...bytes, 0x3b]);
}

let service;
before(async () => { service = await Service.start(); });
after(async () => { await closeBrowser(); await service.stop(); });

const visit = async (image, options = {}, query = "") => {
  const page = await open(options);
  await page.goto(`${service.origin}${image.links.text}${query}`);
  await drawn(page.locator("#render"));
  await until("the timing is known", async () => /^\d+ \/ \d+$/.test(await page.locator("#frame-count").textContent()));
  return page;
};

const frame = (page) => page.locator("#position").inputValue().then(Number);

test("an animation is played, paused, and stepped through; the address keeps the frame", async () => {
  const image = await service.upload("bar.gif", gif(8, 10, 0));
  const page = await visit(image);
  assert.equal(await page.locator("#frame-count").textContent(), "1 / 8");
  await page.getByRole("button", { name: "Play" }).click();
  const seen = new Set();
  await until("all frames were shown", async () => seen.add(await frame(page)).size === 8);
  await page.getByRole("button", { name: "Pause" }).click();
  const shown = await frame(page);
  await until("the address has it", () => Number(new URL(page.url()).searchParams.get("frame") ?? 0) === shown);
  await page.getByRole("button", { name: "Next frame" }).click();
  const next = (shown + 1) % 8;
  await until("it is the next one", () => Number(new URL(page.url()).searchParams.get("frame") ?? 0) === next);
  // the bar is at the left of a frame, and each frame moves it by one pixel
  const left = () => page.locator("#render").evaluate(async (img) => {
    const canvas = document.createElement("canvas");
    const side = 160;
    [canvas.width, canvas.height] = [side, side];
    const context = canvas.getContext("2d");
    context.drawImage(img, 0, 0, side, side);
    const { data } = context.getImageData(0, 0, side, side);
    const light = Array(8).fill(0);
    for (let at = 0; at < side * side; at += 1) {
      light[Math.floor(at % side / side * 8)] += data[4 * at];
    }
    return light.indexOf(Math.max(...light));
  });
  await until("it is on the page", async () => await left() === next);
  await page.getByRole("button", { name: "Previous frame" }).click();
  await until("it is back", () => Number(new URL(page.url()).searchParams.get("frame") ?? 0) === shown);
  await close(page);
});

test("it plays in the look that is chosen meanwhile", async () => {
  const image = await service.upload("look.gif", gif(8, 10, 0));
  const page = await visit(image);
  await page.getByRole("button", { name: "Play" }).click();
  await page.locator("[name=width]").fill("24");
  await until("the frames are smaller", async () => /^24 × 12 characters$/.test(await page.locator("#caption").textContent()));
  const at = await frame(page);
  await until("it goes on", async () => await frame(page) !== at);
  await page.getByRole("button", { name: "Pause" }).click();
  await close(page);
});

test("it ends after the loops of the file", async () => {
  const image = await service.upload("once.gif", gif(3, 2));
  const page = await visit(image);
  await page.getByRole("button", { name: "Play" }).click();
  await until("it has ended", async () => await page.getByRole("button", { name: "Play" }).isVisible() && await frame(page) === 2);
  await close(page);
});

test("who asks for less motion sees it once, and not before Play", async () => {
  const image = await service.upload("still.gif", gif(3, 2, 0));
  const page = await visit(image, { reducedMotion: "reduce" });
  assert.equal(await frame(page), 0);
  await page.getByRole("button", { name: "Play" }).click();
  await until("it has ended", async () => await page.getByRole("button", { name: "Play" }).isVisible() && await frame(page) === 2);
  await close(page);
});

test("a recording is downloaded", async () => {
  const image = await service.upload("cast.gif", gif(3, 10, 0));
  const page = await visit(image, {}, "?width=20");
  await page.locator("summary", { hasText: "Download" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download as cast" }).click()]);
  assert.equal(download.suggestedFilename(), "cast.cast");
  await close(page);
});
