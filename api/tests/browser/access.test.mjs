// Accessibility: without scripts, without a mouse, on a narrow screen, with a screen reader.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Service, close, closeBrowser, drawn, file, open, picture, until } from "./support.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let service;
let image;
before(async () => {
  service = await Service.start();
  for (const name of ["a.bmp", "b.bmp"]) {
    image = await service.upload(name, picture(name.charCodeAt(0)));
  }
});
after(async () => { await closeBrowser(); await service.stop(); });

const pages = () => ["/", image.links.text, `${image.links.text}?color=full&symbols=half`, "/docs", "/problems/busy"];

for (const colorScheme of ["dark", "light"]) {
  test(`an accessibility check finds nothing (${colorScheme})`, async () => {
    for (const path of pages()) {
      // the policy of the pages keeps even this script out
      const page = await open({ colorScheme, bypassCSP: true, reducedMotion: "reduce" });
      await page.goto(service.origin + path);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      const found = violations.map(({ id, impact, nodes }) => `${path}: ${impact} ${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`);
      assert.deepEqual(found, []);
      await close(page);
    }
  });
}

test("nothing is wider than a screen of 320 pixels", async () => {
  const page = await open({ viewport: { width: 320, height: 640 } });
  for (const path of pages()) {
    await page.goto(service.origin + path);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 320, `${path}: ${width}`);
  }
  await close(page);
});

test("without scripts, images can be uploaded, viewed, and rendered with other options", async () => {
  const page = await open({ javaScriptEnabled: false });
  await page.goto(service.origin);
  await page.getByLabel("Image", { exact: true }).setInputFiles([file("plain.bmp")]);
  await page.getByRole("button", { name: "Upload" }).click();
  await page.locator("h1", { hasText: "plain.bmp" }).waitFor();
  await page.goBack();
  await page.reload();
  await page.locator(".tile .screen").nth(1).click();
  await page.locator("h1", { hasText: "b.bmp" }).waitFor();
  await page.locator("[name=width]").fill("30");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/width=30/);
  assert.match(await page.locator("#render").getAttribute("src"), /width=30&format=svg$/);
  await page.getByText("30 × 10 characters").waitFor();
  assert.equal(await page.locator("summary", { hasText: "Copy" }).isVisible(), false);
  await page.locator("summary", { hasText: "Download" }).click();
  await page.getByRole("link", { name: "Download as svg" }).waitFor();
  await page.getByLabel("About Columns").click();
  await page.locator(".about[open] p").waitFor();
  await close(page);
});

test("everything is reachable by keyboard", async () => {
  const page = await open();
  await page.goto(service.origin);
  const focused = () => page.evaluate(() => {
    const { id, className, name, textContent } = document.activeElement;
    return `${id} ${className} ${name ?? ""} ${textContent.trim().slice(0, 40)}`;
  });
  const tabTo = (what) => until(`the focus reaches ${what}`, async () => {
    await page.keyboard.press("Tab");
    return what.test(await focused());
  });
  await page.keyboard.press("Tab");
  assert.match(await focused(), /Skip to the content/);
  await page.keyboard.press("Enter");
  await tabTo(/picker/);
  await tabTo(/screen/);
  await tabTo(/remove/);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  assert.match(await focused(), /remove/, "the focus comes back from the question");
  await page.keyboard.press("Shift+Tab");
  assert.match(await focused(), /pick/);
  await page.keyboard.press("Space");
  await page.getByText("1 selected").waitFor();
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await page.waitForURL(/images/);
  await drawn(page.locator("#render"));
  await tabTo(/ width /);
  await page.keyboard.press("ArrowUp");
  await until("one column more", async () => /^81 ×/.test(await page.locator("#caption").textContent()));
  await close(page);
});

test("on a phone, the picture stays in view while a control moves, and help is a touch away", async () => {
  const page = await open({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await page.goto(service.origin + image.links.text);
  await drawn(page.locator("#render"));
  const open_groups = await page.locator(".controls > details[open] > summary").allTextContents();
  assert.deepEqual(open_groups, ["Size"]);
  const first = await page.locator(".controls").boundingBox();
  assert.ok(first.y < 640, `the controls begin at ${first.y}`);
  await page.locator(".controls summary", { hasText: "Tone" }).tap();
  await page.locator("[name=sharpen]").scrollIntoViewIfNeeded();
  await page.locator("[name=sharpen]").fill("3");
  const [picture, control] = [await page.locator("#render").boundingBox(), await page.locator("[name=sharpen]").boundingBox()];
  assert.ok(picture.y >= 0 && picture.y + picture.height <= 844, JSON.stringify(picture));
  assert.ok(control.y >= picture.y + picture.height, `${JSON.stringify(control)} is below ${JSON.stringify(picture)}`);
  await page.getByLabel("About Sharpen").tap();
  await page.getByText("Strength of sharpening by unsharp masking.").waitFor();
  await page.locator("h1").tap();
  assert.equal(await page.getByText("Strength of sharpening by unsharp masking.").isVisible(), false);
  await close(page);
});

test("explanations of options open by keyboard", async () => {
  const page = await open();
  await page.goto(service.origin + image.links.text);
  await page.getByLabel("About Invert").focus();
  await page.keyboard.press("Enter");
  await page.getByText("Draws the negative.").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.getByText("Draws the negative.").isVisible(), false);
  await close(page);
});

test("the render has an alternative text", async () => {
  const page = await open();
  await page.goto(service.origin + image.links.text);
  await page.getByRole("img", { name: /^b\.bmp as text: 80 columns, \d+ rows$/ }).waitFor();
  await close(page);
});
