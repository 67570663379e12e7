// The viewer: every option changes the render, the address and the command.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, geotiff, open, picture, until } from "./support.mjs";

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

const caption = (page, words) => until(`the caption says ${words}`, async () => words.test(await page.locator("#caption").textContent()));

test("a changed option is rendered, and written into the address", async () => {
  const page = await visit();
  await page.locator("[name=width]").fill("50");
  await caption(page, /^50 × 16 characters · version \d+ · \d+ ms$/);
  await until("the address says so", () => new URL(page.url()).search === "?width=50");
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
  await until("the address says so", () => page.url().endsWith("?width=80&symbols=half&color=full&color_on=both"));
  await close(page);
});

test("an invalid value shows an error beside its control, and changes neither the address nor the command", async () => {
  const page = await visit({ viewport: { width: 320, height: 640 } }, "?width=40");
  const columns = page.locator("[name=width]");
  const command = await page.locator("#curl").textContent();
  for (const refused of ["99999", "0"]) {
    await columns.fill(refused);
    const told = page.getByRole("alert").filter({ hasText: "Columns must be a whole number from 1 to 1000" });
    await told.waitFor();
    const box = await told.boundingBox();
    assert.ok(box.y >= 0 && box.y + box.height <= 640, `it is on the screen: ${JSON.stringify(box)}`);
    assert.equal(await columns.getAttribute("aria-invalid"), "true");
    assert.equal(new URL(page.url()).search, "?width=40");
    assert.equal(await page.locator("#curl").textContent(), command);
    await drawn(page.locator("#render"));
  }
  await columns.press("e");
  await page.getByRole("alert").filter({ hasText: "Columns: " }).waitFor();
  await page.reload();
  assert.equal(await columns.inputValue(), "40", "there is no way into a page of errors");
  await page.locator("summary", { hasText: "Colour" }).click();
  await page.locator("[name=alpha]").fill("blurple");
  await page.getByRole("alert").filter({ hasText: "Transparency must be auto" }).waitFor();
  await page.locator("[name=alpha]").fill("light");
  await until("the address has it", () => new URL(page.url()).search === "?width=40&alpha=light");
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.equal(await page.locator("[aria-invalid]").count(), 0);
  assert.match(page.complaints.splice(0).join(), /400/);
  await close(page);
});

test("back restores the previous options without loading the page again", async () => {
  const page = await visit();
  await page.evaluate(() => { window.stays = true; });
  const search = (expected) => until(`the address is ${expected}`, () => new URL(page.url()).search === expected);
  // slid through, not settled on
  await page.locator("[name=width]").evaluate((field) => {
    for (const width of [50, 52, 54]) {
      field.value = width;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  });
  await search("?width=54");
  await page.locator("[name=symbols]").selectOption("braille");
  await search("?width=54&symbols=braille");
  await page.getByRole("navigation", { name: "Presets" }).getByRole("link", { name: "color" }).click();
  await search("?width=80&color=full");

  await page.goBack();
  await search("?width=54&symbols=braille");
  await caption(page, /^54 ×/);
  assert.equal(await page.locator("[name=symbols]").inputValue(), "braille");
  await page.goBack();
  await until("the command is of the previous options", async () => (await page.locator("#curl").textContent()).endsWith("?width=54'"));
  await caption(page, /^54 ×/);
  assert.equal(await page.locator("[name=symbols]").inputValue(), "ascii");
  await page.goBack();
  await caption(page, /^80 ×/);
  assert.equal(await page.locator("[name=width]").inputValue(), "80");
  await page.goForward();
  await caption(page, /^54 ×/);
  assert.equal(await page.evaluate(() => window.stays), true, "nothing was loaded anew");
  await close(page);
});

test("a missing version or frame is an error page with a link back", async () => {
  const page = await open();
  for (const [query, status, words] of [
    ["?version=999", 404, /no render of engine version 999|version 999/i],
    ["?frame=999999", 400, /Frame must be 0: the image has no other frame/i],
    ["?width=0", 400, /Width must be a whole number from 1 to 1000/i],
  ]) {
    const answer = await page.goto(`${service.origin}${image.links.text}${query}`);
    assert.equal(answer.status(), status);
    assert.match(await page.locator(".lead").textContent(), words);
    await page.getByRole("link", { name: "To this image" }).click();
    await page.locator("h1", { hasText: "moon & stars.bmp" }).waitFor();
    await drawn(page.locator("#render"));
  }
  assert.match(page.complaints.splice(0).join(), /404.*400/s);
  await close(page);
});

test("the text and the command are copied", async () => {
  const page = await visit({ permissions: ["clipboard-read", "clipboard-write"] }, "?width=30");
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  const choose = async (name) => {
    await page.locator("summary", { hasText: "Copy" }).click();
    await page.getByRole("button", { name, exact: true }).click();
  };
  const text = await service.text(`${image.links.text}?width=30`);
  await choose("Text");
  await page.getByText("Text copied.").waitFor();
  assert.equal(await clipboard(), text);
  await choose("In a code fence, for chats");
  await page.getByText("Code fence copied.").waitFor();
  const fence = /^`{3,}(?=\n)/.exec(await clipboard())[0];
  assert.equal(await clipboard(), `${fence}\n${text}${fence}\n`);
  assert.ok(!text.includes(fence));
  await page.locator("summary", { hasText: "Copy" }).click();
  assert.equal(await page.getByRole("button", { name: "Text with colours" }).isDisabled(), true);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByRole("button", { name: "Text with colours" }).isVisible(), false);
  for (const copy of [() => page.getByRole("button", { name: "Copy the command" }).click(), () => choose("The command")]) {
    await page.evaluate(() => navigator.clipboard.writeText(""));
    await copy();
    await page.getByText("Command copied.").waitFor();
    await until("it is copied", async () => await clipboard() === `curl '${service.origin}${image.links.text}?width=30'`);
  }
  await page.locator("[name=color][value='16']").check();
  await until("colours can be copied", () => page.locator("#copy-colors").isEnabled());
  await choose("Text with colours");
  await page.getByText("Text with colours copied.").waitFor();
  assert.equal(await clipboard(), await service.text(`${image.links.text}?width=30&color=16&format=ansi`));
  await close(page);
});

test("every format is downloaded as the service sends it", async () => {
  const page = await visit({}, "?width=40&color=16");
  for (const format of ["txt", "ansi", "html", "svg", "png"]) {
    await page.locator("summary", { hasText: "Download" }).click();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: `Download as ${format}` }).click()]);
    assert.equal(download.suggestedFilename(), `moon & stars.${format}`);
    const bytes = await readFile(await download.path());
    const answer = await fetch(`${service.origin}${image.links.text}?width=40&color=16&format=${format}`);
    assert.deepEqual(bytes, Buffer.from(await answer.arrayBuffer()), format);
  }
  await close(page);
});

test("the original is downloaded without leaving the page", async () => {
  const page = await visit();
  const link = page.getByRole("link", { name: "Download the original" });
  await page.locator("summary", { hasText: "Download" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  assert.equal(download.suggestedFilename(), "moon & stars.bmp");
  assert.deepEqual(await readFile(await download.path()), picture(4, 160, 100));
  assert.equal(new URL(page.url()).pathname, image.links.text);
  await close(page);
});

test("the original or a stored render is shown for comparison", async () => {
  const page = await visit({}, "?width=40");
  await page.locator("#compare-with").selectOption("original");
  await drawn(page.locator("#comparison img"));
  assert.equal(await page.locator("#comparison img").evaluate((img) => img.naturalWidth), 160);
  await until("the address says so", () => page.url().endsWith("#compare=original"));
  await page.reload();
  await drawn(page.locator("#comparison img"));
  const stored = await page.locator("#compare-with option", { hasText: "small, version" }).getAttribute("value");
  await page.locator("#compare-with").selectOption(stored);
  await page.getByText(/: 0 of \d+ characters differ/).waitFor();
  await close(page);
});

test("an image is deleted after confirmation", async () => {
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

test("an image that another client deleted is an error of no option", async () => {
  const other = await service.upload("gone.bmp", picture(3));
  const page = await open();
  await page.goto(service.origin + other.links.text);
  await page.locator("#compare-with option", { hasText: "small, version" }).waitFor({ state: "attached" });
  await fetch(service.origin + other.links.text, { method: "DELETE" });
  await page.locator("[name=width]").fill("50");
  await caption(page, /no such image/);
  await page.locator("#compare-with").selectOption({ index: 2 });
  await page.locator("#comparison figcaption", { hasText: "no such image" }).waitFor();
  assert.equal(await page.getByRole("alert").count(), 0);
  assert.ok(page.complaints.splice(0).every((complaint) => /404/.test(complaint)));
  await close(page);
});

test("a large render in color is shown as PNG", async () => {
  const page = await visit();
  await page.locator("[name=color][value=full]").check();
  await page.locator("[name=width]").fill("300");
  await caption(page, /^300 × 94/);
  assert.equal(await page.locator("#render").evaluate((img) => img.naturalWidth), 2400);
  await close(page);
});

test("1000 columns in colour are shown in colour", async () => {
  const page = await visit({}, "?width=1000&color=full&color_on=both&symbols=half");
  const small = / characters · shown small: download it to read it$/;
  assert.match(await page.locator("#caption").textContent(), /^1000 × 313/);
  assert.match(await page.locator("#caption").textContent(), small);
  const colors = () => page.locator("#render").evaluate((img) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [img.naturalWidth, img.naturalHeight];
    const context = canvas.getContext("2d");
    context.drawImage(img, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return data.some((value, at) => at % 4 === 0 && Math.abs(value - data[at + 2]) > 40);
  });
  assert.ok(await colors());
  await page.locator("[name=width]").fill("900");
  await caption(page, /^900 × 281 characters · shown small/);
  assert.ok(await colors());
  await until("the address says so", () => new URL(page.url()).searchParams.get("width") === "900");
  await close(page);
});

test("options that have no effect are off, and say why", async () => {
  const page = await visit();
  const off = (name) => page.locator(`[name=${name}]`).first().isDisabled();
  const why = (name) => page.locator(`.option:has([name=${name}]) .why:visible`).textContent();
  assert.deepEqual([await off("color_on"), await off("dither"), await off("fit"), await off("match")], [true, true, true, false]);
  assert.match(await why("color_on"), /needs colours/);
  assert.match(await why("dither"), /brightness/);
  await page.locator("[name=match][value=ramp]").check();
  assert.equal(await off("dither"), false);
  await page.locator("[name=color][value=full]").check();
  await page.locator("[name=color_on][value=both]").check();
  assert.deepEqual([await off("color_on"), await off("dither"), await off("match")], [false, true, true]);
  await page.locator("[name=height]").fill("20");
  assert.equal(await off("fit"), false);
  await until("off options keep their values", () => new URL(page.url()).searchParams.get("match") === "ramp");
  await close(page);
});

test("Start over is there when something was changed", async () => {
  const page = await visit();
  const link = page.getByRole("link", { name: "Start over" });
  assert.equal(await link.isVisible(), false);
  await page.locator("[name=invert]").check();
  await link.waitFor();
  await link.click();
  await until("it is back", async () => !await page.locator("[name=invert]").isChecked() && !await link.isVisible());
  await close(page);
});

test("a light background has no dark bars", async () => {
  const page = await visit({}, "?height=12&width=200&background=light");
  const background = () => page.locator(".pane .screen").first().evaluate((screen) => getComputedStyle(screen).backgroundColor);
  assert.equal(await background(), "rgb(255, 255, 255)");
  await page.locator("[name=background][value=dark]").check();
  await until("it is black again", async () => await background() === "rgb(0, 0, 0)");
  await close(page);
});

test("the original is zoomed and moved by wheel, keys, buttons and drag, and the address keeps it", async () => {
  const page = await visit();
  const region = () => new URL(page.url()).searchParams.get("region");
  const numbers = () => region()?.split(",").map(Number);
  const picture = page.locator(".pane .screen").first();
  const box = await picture.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.wheel(0, -200);
  assert.equal(region(), null, "the wheel alone scrolls");
  await page.evaluate(() => scrollTo(0, 0));
  await page.keyboard.down("Control");
  await page.mouse.wheel(0, -200);
  await page.keyboard.up("Control");
  await until("it is zoomed", () => region() !== null);
  const [left, top, width, height] = numbers();
  assert.ok(width < 160 && height < 100 && left > 0 && top > 0, region());
  assert.ok(Math.abs(width / height - 1.6) < 0.1, region());
  await picture.focus();
  await page.keyboard.press("ArrowRight");
  await until("it is moved to the right", () => numbers()[0] > left && numbers()[2] === width);
  const before = numbers()[0];
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2 + 60, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  await until("it is moved to the left", () => numbers()[0] < before);
  await page.getByRole("button", { name: "Zoom in" }).click();
  await until("it is zoomed further", () => numbers()[2] < width);
  await page.reload();
  await drawn(page.locator("#render"));
  assert.equal(await page.locator("[name=region]").inputValue(), region());
  await page.getByRole("button", { name: "Whole picture" }).click();
  await until("all of it is shown", () => region() === null);
  assert.equal(await page.getByRole("button", { name: "Zoom out" }).isDisabled(), true);
  await close(page);
});

test("on a phone, two fingers zoom the original about their middle, and one moves it", async () => {
  const page = await visit({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const line = await page.context().newCDPSession(page);
  const touch = (type, ...points) => line.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const address = page.url();
  const numbers = () => new URL(page.url()).searchParams.get("region")?.split(",").map(Number);
  const box = await page.locator("#render").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const pinch = async (spreads) => {
    const fingers = (by) => [[x - by, y], [x + by, y]];
    await touch("touchStart", fingers(spreads[0])[0]);
    await touch("touchStart", ...fingers(spreads[0]));
    for (const by of spreads.slice(1)) {
      await touch("touchMove", ...fingers(by));
    }
    await touch("touchEnd");
  };
  await pinch([30, 45, 60, 90]);
  await until("a third is shown", () => Math.abs(numbers()?.[2] - 160 / 3) <= 3);
  const [left, top, width, height] = numbers();
  assert.ok(Math.abs(left + width / 2 - 80) <= 3 && Math.abs(top + height / 2 - 50) <= 3, `${numbers()}`);
  await touch("touchStart", [x, y]);
  for (const by of [20, 40, 60]) {
    await touch("touchMove", [x - by, y]);
  }
  await touch("touchEnd");
  await until("what is to the right is shown", () => numbers()[0] > left + 3 && numbers()[2] === width);
  await pinch([120, 60, 20]);
  await until("all of it is shown", () => numbers() === undefined);
  assert.equal(new URL(page.url()).pathname, new URL(address).pathname, "it was no swipe to another image");
  assert.equal(await page.evaluate(() => visualViewport.scale), 1, "the page is as large as before");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is beside the screen");
  await close(page);
});

test("the values under the pointer are those of the file, with their place", async () => {
  const measured = await service.upload("elevations.tif", geotiff(60, 40, (x, y) => 1000 + 50 * x + y));
  const page = await open();
  await page.goto(`${service.origin}${measured.links.text}?width=80&region=20,10,20,10`);
  await drawn(page.locator("#render"));
  const [values, render] = [page.locator("#under-pointer"), page.locator("#render")];
  const box = await render.boundingBox();
  const hover = (x, y) => page.mouse.move(box.x + x * box.width, box.y + y * box.height);
  const says = (text) => until(`it says ${text}`, async () => (await values.textContent()).includes(text));
  await hover(0.01, 0.02);
  await says("pixel 20, 10 · 300205, 4999895 (EPSG:32633) · b1 2010");
  // the last of many places is shown
  for (let step = 0; step <= 20; step += 1) {
    await hover(0.01 + step * 0.049, 0.98);
  }
  await says("pixel 39, 19 · 300395, 4999805 (EPSG:32633) · b1 2969");
  await page.mouse.move(0, 0);
  await until("it is gone", async () => await values.textContent() === "");
  await page.locator("summary", { hasText: "Source" }).click();
  await page.locator("[name=expression]").fill("b1/1000-1");
  await caption(page, /· version/);
  await until("the address says so", () => new URL(page.url()).searchParams.has("expression"));
  await drawn(render);
  await hover(0.5, 0.02);
  await says("b1/1000-1 1.51");
  await close(page);

  // a photo has colours, not values
  const photo = await visit();
  assert.equal(await photo.locator("#under-pointer").count(), 0);
  await close(photo);
});

test("there is a way back to all images, away from Delete", async () => {
  const page = await open();
  await page.goto(`${service.origin}/?sort=size`);
  await page.locator(".tile .screen").first().click();
  await page.getByRole("link", { name: "Back to all images" }).click();
  await page.waitForURL(`${service.origin}/?sort=size`);
  await page.goBack();
  await page.getByRole("button", { name: "Delete this image" }).click();
  const solid = await page.getByRole("dialog").getByRole("button", { name: "Delete" }).evaluate((button) => getComputedStyle(button).backgroundColor);
  assert.equal(solid, "rgb(197, 34, 31)");
  await close(page);
});

test("changes of an image appear while its page is open", async () => {
  const page = await open();
  const form = new FormData();
  form.append("image", new Blob([picture(6, 2000, 1500)]), "fresh.bmp");
  const answer = await fetch(`${service.origin}/images`, { method: "POST", body: form });
  const fresh = await answer.json();
  await page.goto(service.origin + fresh.links.text);
  await page.locator("#compare-with option", { hasText: "small, version" }).waitFor({ state: "attached" });
  await until("nothing is left to wait for", async () => !await page.locator(".banner").isVisible());
  await drawn(page.locator("#render"));
  await close(page);
});
