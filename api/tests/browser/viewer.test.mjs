// The viewer: every option has an effect, an address, and a command.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, open, picture, until } from "./support.mjs";

let service;
let image;
before(async () => {
  service = await Service.start();
  image = await service.upload("moon & stars.bmp", picture(4, 160, 100));
});
after(async () => { await closeBrowser(); await service.stop(); });

const visit = async (options, query = "") => {
  const page = await open(options);
  await page.goto(`${service.origin}${image.links.text}${query}`);
  await drawn(page.locator("#render"));
  return page;
};

const caption = (page, words) => until(`the caption says ${words}`, async () => words.test(await page.locator("#drawn").textContent()));

test("an option that is changed is drawn, and stands in the address", async () => {
  const page = await visit();
  await page.locator("[name=width]").fill("50");
  await caption(page, /^50 × 16 characters · version \d+ · \d+ ms$/);
  assert.equal(new URL(page.url()).search, "?width=50");
  await page.locator("[name=color][value=full]").check();
  await page.locator("[name=symbols]").selectOption("half");
  await page.locator("[name=invert]").check();
  await page.locator("[name=contrast]").fill("1.5");
  await until("the address says all", () => new URL(page.url()).search === "?width=50&symbols=half&color=full&invert=true&contrast=1.5");
  const command = await page.locator("#curl").textContent();
  assert.equal(command, `curl '${page.url()}'`);

  await page.reload();
  await drawn(page.locator("#render"));
  assert.equal(await page.locator("[name=width]").inputValue(), "50");
  assert.equal(await page.locator("[name=symbols]").inputValue(), "half");
  assert.equal(await page.locator("[name=invert]").isChecked(), true);
  assert.equal(await page.locator("[name=contrast]").inputValue(), "1.5");
  await page.getByRole("link", { name: "Start over" }).click();
  await caption(page, /^80 × 25/);
  await close(page);
});

test("presets set all options at once", async () => {
  const page = await visit();
  const blocks = page.getByRole("navigation", { name: "Presets" }).getByRole("link", { name: "blocks" });
  await blocks.click();
  await until("it is chosen", async () => await blocks.getAttribute("aria-current") === "true");
  assert.equal(await page.locator("[name=symbols]").inputValue(), "half");
  assert.match(page.url(), /\?width=80&symbols=half&color=full&color_on=both$/);
  await close(page);
});

test("a value that is refused is told, and the picture before it stays", async () => {
  const page = await visit();
  await page.locator("[name=alpha]").fill("blurple");
  await until("it is told", async () => /alpha must be/.test(await page.locator("#drawn.wrong").textContent({ timeout: 5000 }).catch(() => "")));
  await drawn(page.locator("#render"));
  await page.locator("[name=alpha]").fill("light");
  await caption(page, /^80 × 25/);
  assert.match(page.complaints.splice(0).join(), /400/);
  await close(page);
});

test("the text is copied as the service gives it, and so is the command", async () => {
  const page = await visit({ permissions: ["clipboard-read", "clipboard-write"] }, "?width=30");
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await page.getByRole("button", { name: "Copy as text" }).click();
  await page.getByText("Text copied.").waitFor();
  assert.equal(await clipboard(), await service.text(`${image.links.text}?width=30`));
  await page.getByRole("button", { name: "Copy the command" }).click();
  await page.getByText("Command copied.").waitFor();
  assert.equal(await clipboard(), `curl '${service.origin}${image.links.text}?width=30'`);
  await close(page);
});

test("every format is downloaded as the service gives it", async () => {
  const page = await visit({}, "?width=40&color=16");
  for (const format of ["txt", "ansi", "html", "svg", "png"]) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: `Download as ${format}` }).click()]);
    assert.equal(download.suggestedFilename(), `moon & stars.${format}`);
    const bytes = await readFile(await download.path());
    const answer = await fetch(`${service.origin}${image.links.text}?width=40&color=16&format=${format}`);
    assert.deepEqual(bytes, Buffer.from(await answer.arrayBuffer()), format);
  }
  await close(page);
});

test("the original stands beside it, and so does another version", async () => {
  const page = await visit({}, "?width=40");
  await page.locator("#other").selectOption("original");
  await drawn(page.locator("#beside img"));
  assert.equal(await page.locator("#beside img").evaluate((img) => img.naturalWidth), 160);
  assert.match(page.url(), /#beside=original$/);
  await page.reload();
  await drawn(page.locator("#beside img"));
  const stored = await page.locator("#other option", { hasText: "small, version" }).getAttribute("value");
  await page.locator("#other").selectOption(stored);
  await page.getByText(/: 0 of \d+ characters differ/).waitFor();
  await close(page);
});

test("an image is deleted here after a question", async () => {
  const other = await service.upload("short-lived.bmp", picture(2));
  const page = await open();
  await page.goto(service.origin + other.links.text);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.keyboard.press("Escape");
  assert.equal((await fetch(service.origin + other.links.metadata)).status, 200);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.waitForURL(`${service.origin}/`);
  assert.equal((await fetch(service.origin + other.links.metadata)).status, 404);
  await close(page);
});

test("a large render in colours comes as a picture, and is there soon", async () => {
  const page = await visit();
  await page.locator("[name=color][value=full]").check();
  await page.locator("[name=width]").fill("300");
  await caption(page, /^300 × 94/);
  assert.equal(await page.locator("#render").evaluate((img) => img.naturalWidth), 2400);
  await close(page);
});

test("what becomes of an image is seen while its page is open", async () => {
  const page = await open();
  const form = new FormData();
  form.append("image", new Blob([picture(6, 2000, 1500)]), "fresh.bmp");
  const answer = await fetch(`${service.origin}/images`, { method: "POST", body: form });
  const fresh = await answer.json();
  await page.goto(service.origin + fresh.links.text);
  await page.locator("#other option", { hasText: "small, version" }).waitFor({ state: "attached" });
  await until("nothing is left to wait for", async () => !await page.locator(".banner").isVisible());
  await drawn(page.locator("#render"));
  await close(page);
});
