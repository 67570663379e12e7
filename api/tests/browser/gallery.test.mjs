// The gallery: upload, list and delete images.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, file, open, picture, until } from "./support.mjs";

let service;
before(async () => { service = await Service.start(); });
after(async () => { await closeBrowser(); await service.stop(); });

const tile = (page, name) => page.locator(".tile", { has: page.getByText(name, { exact: true }) });

/** Scrolls from the top to the end, and returns the images that it saw: names by id, in the order of the page. */
async function scrollThrough(page) {
  const seen = new Map();
  await page.evaluate(() => scrollTo(0, 0));
  await until("the end of the page", async () => {
    const { tiles, isEnd } = await page.evaluate(async () => {
      const frame = () => new Promise(requestAnimationFrame);
      await frame();
      await frame();
      const isEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 1 && !document.querySelector(".more:not([hidden])");
      const tiles = [...document.querySelectorAll(".tiles .tile")].map((tile) => [tile.dataset.id, tile.querySelector(".name").textContent]);
      scrollBy(0, innerHeight);
      return { tiles, isEnd };
    });
    tiles.forEach(([id, name]) => seen.set(id, name));
    return isEnd;
  });
  return seen;
}

async function isReady(page, name) {
  await until(`${name} is ready`, async () => await tile(page, name).getAttribute("data-status") === "ready");
  await drawn(tile(page, name).locator("img"));
}

test("chosen files appear automatically, newest first", async () => {
  const page = await open();
  await page.goto(service.origin);
  await page.getByText("No images yet.").waitFor();
  await page.getByText("Choose images").waitFor();
  await page.getByRole("heading", { name: "Images as text" }).waitFor();
  assert.equal(await page.locator(".looks").isVisible(), false, "there is nothing to look at");
  await page.locator("#picker").setInputFiles(["one.bmp", "two.bmp", "three.bmp", "four.bmp"].map((name, n) => file(name, picture(n))));
  for (const name of ["one.bmp", "two.bmp", "three.bmp", "four.bmp"]) {
    await isReady(page, name);
  }
  assert.equal(await page.getByText("No images yet.").isVisible(), false);
  assert.equal(await page.getByRole("heading", { name: "Images as text" }).isVisible(), false, "the introduction gives way");
  assert.ok((await page.locator(".front").boundingBox()).height < 60, "to one line");
  await page.getByRole("heading", { name: "4 images" }).waitFor();
  await until("the uploads are done", async () => await page.locator(".uploads li").count() === 0);
  const ids = await page.locator(".tile").evaluateAll((tiles) => tiles.map((tile) => tile.dataset.id));
  assert.deepEqual(ids, [...ids].sort().reverse());
  await close(page);
});

test("files can be dropped anywhere, and pasted", async () => {
  const page = await open();
  await page.goto(service.origin);
  const bytes = [...picture(7)];
  const hand = (type, name) => page.evaluate(([type, name, bytes]) => {
    const files = new DataTransfer();
    files.items.add(new File([new Uint8Array(bytes)], name, { type: "image/bmp" }));
    const target = document.querySelector("main");
    const make = (kind) => type === "paste"
      ? new ClipboardEvent(kind, { clipboardData: files, bubbles: true })
      : new DragEvent(kind, { dataTransfer: files, bubbles: true, cancelable: true });
    if (type === "drop") {
      target.dispatchEvent(make("dragenter"));
    }
    const isShown = !document.querySelector(".drop-overlay").hidden;
    target.dispatchEvent(make(type));
    return isShown;
  }, [type, name, bytes]);
  assert.equal(await hand("drop", "dropped.bmp"), true, "an overlay says where to drop");
  await isReady(page, "dropped.bmp");
  await hand("paste", "pasted.bmp");
  await isReady(page, "pasted.bmp");
  await close(page);
});

test("progress shows the bytes sent, also on a slow connection", async () => {
  const page = await open();
  await page.goto(service.origin);
  const line = await page.context().newCDPSession(page);
  await line.send("Network.emulateNetworkConditions", { offline: false, latency: 20, downloadThroughput: -1, uploadThroughput: 400_000 });
  await page.evaluate(() => {
    window.seen = [];
    new MutationObserver(() => {
      const bar = document.querySelector(".uploads progress");
      bar && window.seen.push([bar.value, document.querySelector(".uploads .state").textContent]);
    }).observe(document.querySelector(".uploads"), { subtree: true, childList: true, attributes: true, characterData: true });
  });
  await page.locator("#picker").setInputFiles([file("large.bmp", picture(3, 800, 500))]);
  await isReady(page, "large.bmp");
  const seen = await page.evaluate(() => window.seen);
  const values = seen.map(([value]) => value);
  assert.deepEqual(values, [...values].sort((a, b) => a - b), "it never goes back");
  assert.ok(new Set(values.filter((value) => value > 0 && value < 1)).size >= 3, `steps between: ${values}`);
  assert.ok(seen.some(([, state]) => /^[\d.]+ [kM]?B of 1\.2 MB$/.test(state)), JSON.stringify(seen));
  await close(page);
});

test("files that are refused are told together, and can be dismissed", async () => {
  const page = await open();
  await page.goto(service.origin);
  const notes = (n) => file(`notes ${n}.txt`, Buffer.from("no image at all"));
  await page.locator("#picker").setInputFiles([notes(0)]);
  const rows = page.locator(".uploads li.failed");
  await rows.getByText("format", { exact: false }).waitFor();
  assert.equal(await page.getByRole("button", { name: "Try again" }).count(), 0, "it would be refused again");
  await rows.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await page.locator(".uploads").isVisible(), false);

  await page.locator("#picker").setInputFiles(Array.from({ length: 40 }, (_, n) => notes(n)));
  await page.getByText("40 files were not uploaded").waitFor();
  assert.equal(await rows.first().isVisible(), false, "they take one line");
  await page.getByRole("button", { name: "Details" }).click();
  await rows.nth(39).getByText("notes", { exact: false }).waitFor();
  await page.getByRole("button", { name: "Dismiss all" }).click();
  assert.equal(await page.locator(".uploads").isVisible(), false);
  // the browser itself writes each answer of 415 to the console
  assert.ok(page.complaints.splice(0).every((complaint) => /415/.test(complaint)));
  await close(page);
});

test("folders are walked, and a pasted picture gets a name with its time", async () => {
  const page = await open();
  await page.goto(service.origin);
  await page.evaluate((bytes) => {
    const picture = (name) => ({ name, isFile: true, file: (take) => take(new File([new Uint8Array(bytes)], name)) });
    const folder = (name, children) => {
      const parts = [children.slice(0, 1), children.slice(1), []];
      return { name, isDirectory: true, createReader: () => ({ readEntries: (take) => take(parts.shift()) }) };
    };
    const root = folder("holidays", [picture("in a folder.bmp"), folder("deep", [picture("deep inside.bmp")]), picture(".hidden")]);
    const drop = new Event("drop", { bubbles: true, cancelable: true });
    drop.dataTransfer = { types: ["Files"], files: [], getData: () => "", items: [{ webkitGetAsEntry: () => root }] };
    document.body.dispatchEvent(drop);
    const pasted = new DataTransfer();
    pasted.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true }));
  }, [...picture(31)]);
  await isReady(page, "in a folder.bmp");
  await isReady(page, "deep inside.bmp");
  await page.locator(".tile .name", { hasText: /^pasted \d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d\.png$/ }).waitFor();
  assert.equal(await tile(page, ".hidden").count(), 0);
  await close(page);
});

test("a pasted address is offered as what it is", async () => {
  const page = await open();
  await page.goto(service.origin);
  const paste = (text) => page.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", text);
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, text);
  await paste("some words");
  assert.equal(await page.locator(".pasted-address").count(), 0);
  await paste("https://example.org/moon.jpg?a='b'");
  const offer = page.locator(".pasted-address");
  await offer.getByText("This is an address, not an image").waitFor();
  assert.equal(await offer.getByRole("link").getAttribute("href"), "https://example.org/moon.jpg?a='b'");
  await offer.getByRole("button", { name: "Dismiss" }).click();
  assert.equal(await offer.count(), 0);
  await close(page);
});

test("changes of other clients appear", async () => {
  const [here, there] = [await open(), await open()];
  await here.goto(service.origin);
  await there.goto(service.origin);
  await service.upload("elsewhere.bmp", picture(9));
  await isReady(here, "elsewhere.bmp");
  await isReady(there, "elsewhere.bmp");
  await tile(there, "elsewhere.bmp").hover();
  await tile(there, "elsewhere.bmp").getByRole("button").click();
  await there.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.equal(await tile(there, "elsewhere.bmp").count(), 1);
  await tile(there, "elsewhere.bmp").getByRole("button").click();
  await there.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await until("it is gone here", async () => await tile(here, "elsewhere.bmp").count() === 0);
  await until("it is gone there", async () => await tile(there, "elsewhere.bmp").count() === 0);
  await close(here);
  await close(there);
});

test("a late response does not overwrite newer events", async () => {
  await service.upload("passing.bmp", picture(10));
  const page = await open();
  let ask;
  const asked = new Promise((resolve) => { ask = resolve; });
  let answer;
  const ready = new Promise((resolve) => { answer = resolve; });
  await page.route("**/images?limit=200", async (route) => {
    ask();
    await ready;
    const { items, next } = await (await route.fetch()).json();
    const old = items.filter(({ name }) => name !== "passing.bmp").map((image) => ({ ...image, status: "pending" }));
    await route.fulfill({ json: { items: old, next } });
  });
  await page.goto(service.origin);
  await asked;
  await service.upload("late.bmp", picture(11));
  await isReady(page, "late.bmp");
  answer();
  await until("the answer was read", async () => await tile(page, "passing.bmp").count() === 0);
  assert.equal(await tile(page, "late.bmp").getAttribute("data-status"), "ready");
  await close(page);
});

test("scrolling loads all images", async () => {
  for (let n = 0; n < 120; n += 1) {
    await service.upload(`many ${n}.bmp`, picture(n, 16, 16), 0);
  }
  const page = await open();
  await page.goto(service.origin);
  const all = JSON.parse(await service.text("/images?limit=200")).items.map(({ id }) => id);
  assert.ok(all.length > 120);
  assert.deepEqual([...(await scrollThrough(page)).keys()], all);
  assert.equal(await page.locator(".more").isVisible(), false);
  const tiles = page.locator(".tiles .tile");
  assert.ok(await tiles.count() < 100, "what is far away has no elements");
  await page.evaluate(() => scrollTo(0, 0));
  await until("the newest are there again", async () => await tiles.first().getAttribute("data-id") === all[0]);
  await drawn(tiles.first().locator("img"));
  await page.getByRole("link", { name: "small", exact: true }).click();
  await page.waitForURL(/preset=small/);
  await drawn(tiles.first().locator("img"));
  assert.match(await tiles.first().locator("img").getAttribute("src"), /thumbnail\?width=40$/);
  await close(page);
});

test("rows are as wide as the page, and pictures keep their aspect ratios", async () => {
  for (const [width, height] of [[90, 60], [60, 90], [200, 60], [80, 80], [30, 90], [360, 60], [320, 40]]) {
    await service.upload(`${width} by ${height}.bmp`, picture(width, width, height));
  }
  for (const viewport of [{ width: 1280, height: 900 }, { width: 820, height: 1100 }, { width: 390, height: 844 }]) {
    const page = await open({ viewport });
    await page.goto(service.origin);
    await drawn(page.locator(".tile img").first());
    const { width, boxes } = await page.evaluate(() => {
      const list = document.querySelector(".tiles").getBoundingClientRect();
      const boxes = [...document.querySelectorAll(".tile")].map((tile) => {
        const { left, right, top, height, width } = tile.querySelector(".screen").getBoundingClientRect();
        return { left: left - list.left, right: right - list.left, top, height, aspect: width / height, image: tile.dataset.width / tile.dataset.height };
      });
      return { width: list.width, boxes };
    });
    const rows = [...new Set(boxes.map(({ top }) => top))].map((top) => boxes.filter((box) => box.top === top));
    for (const row of rows.slice(0, -1)) {
      assert.ok(Math.abs(row.at(-1).right - width) <= 1, `${row.at(-1).right} of ${width}`);
      row.slice(1).forEach(({ left }, n) => assert.ok(left >= row[n].right + 10, "pictures do not overlap"));
    }
    for (const { aspect, image } of boxes) {
      const shown = Math.min(Math.max(image, 0.5), 6);
      assert.ok(Math.abs(aspect / shown - 1) < 0.05, `${aspect} instead of ${shown}`);
    }
    await close(page);
  }
});

test("the original is shown while the pointer stays on a picture, or a finger presses it", async () => {
  const { id } = await service.upload("shown.bmp", picture(21));
  const page = await open();
  await page.goto(service.origin);
  const original = tile(page, "shown.bmp").locator(".original");
  await tile(page, "shown.bmp").locator(".screen").hover();
  await drawn(original);
  assert.match(await original.getAttribute("src"), new RegExp(`/images/${id}/original$`));
  await page.getByRole("heading", { level: 1 }).hover();
  assert.equal(await original.count(), 0);
  await close(page);

  const phone = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await phone.goto(service.origin);
  const [screen, pressed] = [tile(phone, "shown.bmp").locator(".screen"), tile(phone, "shown.bmp").locator(".original")];
  await screen.scrollIntoViewIfNeeded();
  const { x, y } = await screen.boundingBox();
  const line = await phone.context().newCDPSession(phone);
  await line.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + 40, y: y + 40 }] });
  await drawn(pressed);
  await line.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await until("it is put away", async () => await pressed.count() === 0);
  assert.equal(new URL(phone.url()).pathname, "/", "a long press follows no link");
  await screen.tap();
  await phone.waitForURL(new RegExp(id));
  await close(phone);
});

test("the focus ring of a picture is whole", async () => {
  const page = await open();
  await page.goto(service.origin);
  const screen = page.locator(".tile .screen").first();
  await drawn(screen.locator("img"));
  await screen.focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  const clipped = await screen.evaluate((element) => {
    const { outlineStyle, outlineWidth, outlineOffset } = getComputedStyle(element);
    const ring = parseFloat(outlineWidth) + parseFloat(outlineOffset);
    const box = element.getBoundingClientRect();
    const clippers = [];
    for (let parent = element.parentElement; parent; parent = parent.parentElement) {
      const { overflow, contentVisibility, contain } = getComputedStyle(parent);
      const outer = parent.getBoundingClientRect();
      const clips = contentVisibility !== "visible" || /paint|content|strict/.test(contain) || !/visible/.test(overflow);
      if (clips && (box.left - ring < outer.left || box.top - ring < outer.top || box.right + ring > outer.right)) {
        clippers.push(parent.className);
      }
    }
    return outlineStyle === "none" ? ["there is none"] : clippers;
  });
  assert.deepEqual(clipped, []);
  await close(page);
});

test("only letters are brightened", async () => {
  const page = await open();
  for (const [preset, filter] of [["blocks", "none"], ["color", "brightness(1.4)"]]) {
    await page.goto(`${service.origin}/?preset=${preset}`);
    assert.equal(await page.locator(".tile img").first().evaluate((img) => getComputedStyle(img).filter), filter);
  }
  await close(page);
});

test("a hidden page is updated when it is visible again", async () => {
  const [first, last] = [await service.upload("going.bmp", picture(11)), await service.upload("staying.bmp", picture(12))];
  const page = await open();
  await page.goto(service.origin);
  await isReady(page, "staying.bmp");
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await fetch(service.origin + first.links.text, { method: "DELETE" });
  // more than an answer has
  for (let n = 0; n < 210; n += 1) {
    await service.upload(`meanwhile ${n}.bmp`, picture(n, 16, 16), 0);
  }
  assert.equal(await tile(page, "meanwhile 0.bmp").count(), 0, "no events arrived");
  await hide(false);
  let seen;
  await until("what came is there", async () => {
    seen = await scrollThrough(page);
    return [...seen.values()].filter((name) => name.startsWith("meanwhile")).length === 210;
  });
  const ids = [...seen.keys()];
  assert.deepEqual(ids, [...ids].sort().reverse());
  assert.ok(!ids.includes(first.id) && ids.includes(last.id), "what went is not there, the others are");
  const newest = await service.upload("newest.bmp", picture(13), 0);
  await page.evaluate(() => scrollTo(0, 0));
  await until("it listens again", async () => await tile(page, "newest.bmp").count() === 1);
  await isReady(page, "newest.bmp");
  await fetch(service.origin + newest.links.text, { method: "DELETE" });
  await until("it is gone", async () => await tile(page, "newest.bmp").count() === 0);
  await close(page);
});

test("the page shows an outage, and recovers from it", async () => {
  const page = await open();
  await page.goto(service.origin);
  await service.end();
  await page.getByText("The service is unreachable").waitFor();
  await page.locator("#picker").setInputFiles([file("patient.bmp", picture(5))]);
  await page.getByText("the connection was lost").waitFor();
  await service.begin();
  await until("the page is well again", async () => !await page.getByText("The service is unreachable").isVisible());
  await page.getByRole("button", { name: "Try again" }).click();
  await isReady(page, "patient.bmp");
  // the browser itself writes refused connections to the console
  assert.ok(page.complaints.splice(0).every((complaint) => /ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY/.test(complaint)));
  await close(page);
});

test("the first paint needs less than 50 kB", async () => {
  let sum = 0;
  for (const path of ["/", "/assets/style.css", "/assets/page.js", "/assets/uploads.js", "/assets/resumable.js", "/assets/gallery.js", "/assets/tiles.js", "/assets/rows.js", "/assets/originals.js", "/assets/order.js", "/assets/selection.js", "/assets/gather.js", "/assets/planet.svg"]) {
    const answer = await fetch(service.origin + path, { headers: { accept: "text/html", "accept-encoding": "gzip" } });
    const { readable, writable } = new CompressionStream("gzip");
    answer.body.pipeTo(writable);
    for await (const part of readable) {
      sum += part.length;
    }
  }
  assert.ok(sum < 50_000, `${sum} bytes`);
});
