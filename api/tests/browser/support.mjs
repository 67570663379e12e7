// Test support: a service for each test file, and pages that record every error.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PROGRAM = process.env.PLANET ?? assert.fail("PLANET: the path of the program");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Waits until the condition returns something; fails with `what` after a minute. */
export async function until(what, condition) {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    const found = await condition();
    if (found) {
      return found;
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`${what}: not within a minute`);
}

/** A running `planet` with a folder of its own. `settings` may depend on its address. */
export class Service {
  static async start(settings = {}) {
    const service = new Service();
    service.folder = await mkdtemp(join(tmpdir(), "planet-browser-"));
    service.port = await freePort();
    service.origin = `http://127.0.0.1:${service.port}`;
    service.settings = typeof settings === "function" ? await settings(service.origin) : settings;
    await service.begin();
    return service;
  }

  async begin() {
    const env = { PATH: process.env.PATH, RUST_LOG: "warn", ...this.settings, BIND: `127.0.0.1:${this.port}` };
    this.process = spawn(PROGRAM, { cwd: this.folder, env, stdio: ["ignore", "inherit", "inherit"] });
    this.ended = new Promise((done) => this.process.on("exit", done));
    await until("the service is ready", () => fetch(`${this.origin}/readyz`).then((answer) => answer.ok, () => false));
  }

  async end() {
    this.process.kill("SIGTERM");
    await this.ended;
  }

  async stop() {
    await this.end();
    await rm(this.folder, { recursive: true });
  }

  /** Uploads an image, and waits for its renders for up to `wait_s` seconds. */
  async upload(name, bytes, wait_s = 30) {
    const form = new FormData();
    form.append("image", new Blob([bytes]), name);
    const answer = await fetch(`${this.origin}/images`, { method: "POST", body: form, headers: { prefer: `wait=${wait_s}` } });
    assert.equal(answer.status, 201);
    return answer.json();
  }

  async text(path) {
    const answer = await fetch(this.origin + path);
    assert.equal(answer.status, 200, path);
    return answer.text();
  }
}

let browser;
/** A browser that keeps pages, to go back to, as browsers of people do. */
let keepingBrowser;

const launch = (others = {}) => chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
  ...others,
});

/** Opens a page; its errors are recorded in `page.complaints`. `keepsPages`: in a browser that keeps pages to go back to. */
export async function open({ keepsPages = false, ...options } = {}) {
  if (keepsPages) {
    keepingBrowser ??= await launch({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
  } else {
    browser ??= await launch();
  }
  const context = await (keepsPages ? keepingBrowser : browser).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  page.on("pageerror", (error) => page.complaints.push(`an error: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      page.complaints.push(`the console: ${message.text()} (${message.location().url})`);
    }
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (!["127.0.0.1", "localhost"].includes(url.hostname) && !["blob:", "data:"].includes(url.protocol)) {
      page.complaints.push(`a request leaves this machine: ${url}`);
    }
  });
  return page;
}

/** A session of the DevTools protocol with the browser itself. */
export const browserSession = () => browser.newBrowserCDPSession();

/** Closes a page, and checks that it had no errors. */
export async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

export async function closeBrowser() {
  await browser?.close();
  await keepingBrowser?.close();
  browser = keepingBrowser = undefined;
}

/** A 24-bit BMP; `at(x, y)` returns red, green and blue, 0 to 255, of a pixel, from the top left. */
export function bitmap(width, height, at) {
  const stride = (width * 3 + 3) & ~3;
  const file = Buffer.alloc(54 + stride * height);
  file.write("BM");
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(54, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(width, 18);
  file.writeInt32LE(height, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const start = 54 + (height - 1 - y) * stride + x * 3;
      const colour = at(x, y).map((value) => Math.min(255, Math.max(0, Math.round(value))));
      file.set(colour.reverse(), start);
    }
  }
  return file;
}

/** A GeoTIFF of one band of 16 bits in UTM zone 33; pixels are 10 m, and the left upper corner is (300000, 5000000). */
export function geotiff(width, height, at) {
  const [shorts, longs, doubles] = [[3, 2], [4, 4], [12, 8]];
  const tags = [
    [256, longs, [width]], [257, longs, [height]], [258, shorts, [16]], [259, shorts, [1]], [262, shorts, [1]],
    [273, longs, [8]], [277, shorts, [1]], [278, longs, [height]], [279, longs, [2 * width * height]],
    [33550, doubles, [10, 10, 0]], [33922, doubles, [0, 0, 0, 300000, 5000000, 0]],
    [34735, shorts, [1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633]],
  ];
  const data = Buffer.alloc(2 * width * height);
  for (let index = 0; index < width * height; index += 1) {
    data.writeUInt16LE(at(index % width, Math.floor(index / width)), 2 * index);
  }
  const [directory, outside] = [Buffer.alloc(2 + 12 * tags.length + 4), []];
  const ends = 8 + data.length + directory.length;
  directory.writeUInt16LE(tags.length);
  tags.forEach(([tag, [type, size], values], index) => {
    const entry = 2 + 12 * index;
    const bytes = Buffer.alloc(Math.max(4, size * values.length));
    values.forEach((value, n) => ({ 2: () => bytes.writeUInt16LE(value, 2 * n), 4: () => bytes.writeUInt32LE(value, 4 * n), 8: () => bytes.writeDoubleLE(value, 8 * n) })[size]());
    directory.writeUInt16LE(tag, entry);
    directory.writeUInt16LE(type, entry + 2);
    directory.writeUInt32LE(values.length, entry + 4);
    if (bytes.length === 4) {
      bytes.copy(directory, entry + 8);
    } else {
      directory.writeUInt32LE(ends + outside.reduce((sum, it) => sum + it.length, 0), entry + 8);
      outside.push(bytes);
    }
  });
  const head = Buffer.from("II\x2a\0\0\0\0\0", "latin1");
  head.writeUInt32LE(8 + data.length, 4);
  return Buffer.concat([head, data, directory, ...outside]);
}

/** A disc on a dark gradient, in a color that depends on `seed`. */
export function picture(seed = 1, width = 96, height = 64) {
  const colour = [seed * 37, seed * 91, seed * 53].map((value) => 96 + value % 160);
  return bitmap(width, height, (x, y) => {
    const isInside = Math.hypot(x - width / 2, y - height / 2) < height * 0.4;
    const slope = 40 * y / height;
    return isInside ? colour.map((value) => value - 60 * x / width) : [slope, slope, slope];
  });
}

/** A file for `setInputFiles`. */
export const file = (name, buffer = picture()) => ({ name, mimeType: "image/bmp", buffer });

/** Waits until an image is loaded. */
export const drawn = (locator) => until("the picture is drawn", () => locator.evaluate((img) => img.complete && img.naturalWidth > 0));
