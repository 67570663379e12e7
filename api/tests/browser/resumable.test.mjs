// Large files in the gallery: they go on after a lost connection, and after a reload.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { bitmap, close, closeBrowser, open, Service, until } from "./support.mjs";

const [WIDTH, HEIGHT] = [4000, 3400]; // 40.8 MB: two pieces

let service;
let path;
before(async () => {
  service = await Service.start({ MAX_UPLOAD_BYTES: String(200 << 20), JANITOR_S: "1" });
  path = join(service.folder, "large.bmp");
  await writeFile(path, bitmap(WIDTH, HEIGHT, (x, y) => [x % 256, y % 256, (x ^ y) % 256]));
});
after(async () => {
  await closeBrowser();
  await service.stop();
});

const images = async () => (await (await fetch(`${service.origin}/images`)).json()).items;

/** Lets the first pieces through, then cuts each connection until `restore` is called. */
async function cutAfter(page, pieces) {
  let sent = 0;
  let isCut = true;
  const offsets = [];
  await page.route("**/uploads/*", async (route) => {
    const request = route.request();
    if (request.method() !== "PATCH") {
      return isCut && sent >= pieces ? route.abort("connectionreset") : route.continue();
    }
    offsets.push(Number(request.headers()["upload-offset"]));
    sent += 1;
    return isCut && sent > pieces ? route.abort("connectionreset") : route.continue();
  });
  return { offsets, restore: () => { isCut = false; } };
}

/** The browser reports cut connections, which are meant. */
const withoutCuts = (page) => {
  page.complaints = page.complaints.filter((complaint) => !complaint.includes("ERR_CONNECTION_RESET"));
};

test("a large file goes on after a lost connection", async () => {
  const page = await open();
  await page.goto(service.origin);
  const cut = await cutAfter(page, 1);
  await page.locator("#picker").setInputFiles(path);
  await page.getByText("waiting for the connection").waitFor();
  cut.restore();
  await until("the image is stored", async () => (await images()).length === 1);
  const [image] = await images();
  assert.equal(image.name, "large.bmp");
  assert.equal(image.width, WIDTH);
  assert.equal(cut.offsets.filter((offset) => offset === 0).length, 1, "what was stored is not sent again");
  await until("the row is gone", async () => await page.locator(".uploads li").count() === 0);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  await fetch(`${service.origin}/images/${image.id}`, { method: "DELETE" });
  withoutCuts(page);
  await close(page);
});

test("a large file goes on after a reload, once it is chosen again", async () => {
  const page = await open();
  await page.goto(service.origin);
  const cut = await cutAfter(page, 1);
  await page.locator("#picker").setInputFiles(path);
  await page.getByText("waiting for the connection").waitFor();
  await page.reload();
  cut.restore();
  await page.locator("#picker").setInputFiles(path);
  await until("the image is stored", async () => (await images()).length === 1);
  assert.equal(cut.offsets.filter((offset) => offset === 0).length, 1, "what was stored is not sent again");
  withoutCuts(page);
  await close(page);
});

test("a large file that is no image is refused, and one that is cancelled leaves nothing", async () => {
  const text = join(service.folder, "large.txt");
  await writeFile(text, "a text, and no image. ".repeat(2 << 20));
  const page = await open();
  await page.goto(service.origin);
  await page.locator("#picker").setInputFiles(text);
  await page.locator(".uploads li.failed").getByText("not an image").waitFor();
  assert.equal(await page.evaluate(() => localStorage.length), 0);
  page.complaints = page.complaints.filter((complaint) => !complaint.includes("415"));
  await close(page);
});
