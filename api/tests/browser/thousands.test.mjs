// The gallery of thousands of images: it stays small and quick, and keeps the place of the reader.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Service, browserSession, close, closeBrowser, drawn, open, picture, until } from "./support.mjs";

const COUNT = 10_000;
const [MAX_RENDERER_KB, MAX_NODES, MAX_TASK_MS] = [400_000, 20_000, 200];

let service;
/** All images, newest first. */
let all;
before(async () => {
  service = await Service.start({ PRESETS: "default?width=20&symbols=half&color=full&color_on=both" });
  const sizes = [[24, 16], [16, 24], [20, 20], [40, 16], [16, 40]];
  for (let n = 0; n < COUNT;) {
    const batch = Array.from({ length: Math.min(16, COUNT - n) }, (_, nth) => n + nth);
    await Promise.all(batch.map((n) => service.upload(`${n}.bmp`, picture(n, ...sizes[n * 7 % 5]), 0)));
    n += batch.length;
  }
  all = [];
  for (let next = "/images?limit=200"; next;) {
    const page = JSON.parse(await service.text(next));
    all.push(...page.items.map(({ id }) => id));
    next = page.next;
  }
});
after(async () => { await closeBrowser(); await service.stop(); });

/** The largest resident memory of a renderer process so far, in kB. */
async function rendererPeak() {
  const { processInfo } = await (await browserSession()).send("SystemInfo.getProcessInfo");
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  const peaks = await Promise.all(renderers.map(async ({ id }) => {
    const status = await readFile(`/proc/${id}/status`, "utf8").catch(() => "");
    return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }));
  return Math.max(...peaks);
}

/**
 * Scrolls down by the height of the viewport; returns the ids of the tiles, whether the end is reached, and the longest
 * of the tasks that `observeTasks` saw meanwhile, in ms.
 */
const step = (page) => page.evaluate(async () => {
  scrollBy(0, innerHeight);
  await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return {
    longestTask: Math.max(0, ...(window.longTasks?.splice(0) ?? [])),
    ids: [...document.querySelectorAll(".tiles .tile")].map((tile) => tile.dataset.id),
    isEnd: scrollY + innerHeight >= document.documentElement.scrollHeight - 1 && !document.querySelector(".more:not([hidden])"),
  };
});

const observeTasks = (page) => page.evaluate(() => {
  window.longTasks = [];
  const observer = new PerformanceObserver((tasks) => window.longTasks.push(...tasks.getEntries().map(({ duration }) => duration)));
  observer.observe({ type: "longtask" });
});

test("thousands of images are scrolled from the newest to the oldest", async () => {
  const page = await open();
  const line = await page.context().newCDPSession(page);
  // the time that the main thread computed, without that in which it waited for a core
  await line.send("Performance.setTimeDomain", { timeDomain: "threadTicks" });
  await line.send("Performance.enable");
  const metrics = async () => {
    const { metrics } = await line.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  await page.goto(service.origin);
  await drawn(page.locator(".tile img").first());
  await observeTasks(page);
  const seen = new Set();
  let [nodes, longest] = [0, 0];
  let last = await metrics();
  for (let isEnd = false; !isEnd;) {
    let ids, longestTask;
    ({ ids, isEnd, longestTask } = await step(page));
    ids.forEach((id) => seen.add(id));
    const now = await metrics();
    nodes = Math.max(nodes, now.Nodes);
    // a task takes at most its time by the clock, and at most the computing time of all tasks of the step
    longest = Math.max(longest, Math.min(longestTask, (now.TaskDuration - last.TaskDuration) * 1000));
    last = now;
  }
  assert.deepEqual([...seen], all, "every image was there");
  const peak = await rendererPeak();
  console.log(`renderer: ${peak} kB; nodes: ${nodes}; longest task: ${Math.round(longest)} ms`);
  assert.ok(peak < MAX_RENDERER_KB, `the renderer took ${peak} kB`);
  assert.ok(nodes < MAX_NODES, `${nodes} nodes`);
  assert.ok(longest < MAX_TASK_MS, `${longest} ms`);
  await drawn(page.locator(".tile img").last());
  await close(page);
});

/** Id and position of the first picture in the viewport. */
const firstInView = (page) => page.evaluate(() => {
  const tiles = [...document.querySelectorAll(".tiles .tile")];
  const tile = tiles.find((tile) => tile.getBoundingClientRect().bottom > 0);
  return tile && { id: tile.dataset.id, top: Math.round(tile.getBoundingClientRect().top) };
});

async function isAt(page, { id, top }) {
  let found;
  await until(`the place is kept: ${id} at ${top}`, async () => {
    found = await firstInView(page);
    return found?.id === id && Math.abs(found.top - top) <= 2;
  });
}

/** Scrolls until the top of the viewport is `distance` CSS pixels below the top of the picture that is first in it. */
const alignTo = (page, distance) => page.evaluate((distance) => {
  const tops = [...document.querySelectorAll(".tiles .tile")].map((tile) => tile.getBoundingClientRect().top);
  scrollBy(0, tops.find((top) => top > 0) + distance);
}, distance);

for (const [where, distance] of [["within a row", 60], ["between two rows", -2]]) {
  test(`the place ${where} is kept by Reload and Back, and images on both sides of it are there`, async () => {
    const page = await open();
    await page.goto(`${service.origin}/?preset=default`);
    for (let n = 0; n < 40; n += 1) {
      await step(page);
    }
    await alignTo(page, distance);
    const place = await firstInView(page);
    const index = all.indexOf(place.id);
    assert.ok(index > 200, `${index} images are above`);
    await page.waitForURL((url) => url.searchParams.get("cursor") === all[index - 1]);
    await page.reload();
    await isAt(page, place);
    const inView = page.locator(`.tile[data-id="${place.id}"] .screen`);
    await drawn(inView.locator("img"));
    // in the second or third row: a click on the first, of which a part is outside of the viewport, would scroll
    const clicked = all[index + 8];
    await page.locator(`.tile[data-id="${clicked}"] .screen`).click();
    await page.waitForURL(new RegExp(clicked));
    await page.goBack();
    await isAt(page, place);
    // images above the place are loaded; those in view stay where they are
    await page.evaluate(() => scrollBy(0, -innerHeight));
    await until("the images above are there", async () => all.indexOf((await firstInView(page))?.id) < index);
    await page.evaluate(() => scrollTo(0, 0));
    await until("the newest is there", async () => {
      await page.evaluate(() => scrollTo(0, 0));
      return (await firstInView(page))?.id === all[0];
    });
    await until("the address is that of the start", () => !new URL(page.url()).searchParams.has("cursor"));
    await close(page);
  });
}

test("new images move nothing that the reader sees", async () => {
  const page = await open();
  await page.goto(service.origin);
  for (let n = 0; n < 5; n += 1) {
    await step(page);
  }
  const place = await firstInView(page);
  await page.evaluate(() => new Promise((open) => {
    const events = new EventSource("/images/events");
    events.addEventListener("open", open);
    window.told = new Promise((told) => {
      events.addEventListener("image", ({ data }) => JSON.parse(data).name === "new.bmp" && told(events.close()));
    });
  }));
  await service.upload("new.bmp", picture(5));
  await page.evaluate(() => window.told);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await isAt(page, place);
  await page.evaluate(() => scrollTo(0, 0));
  await page.locator(".tile", { hasText: "new.bmp" }).waitFor();
  await close(page);
});
