// Signing in, with real identity providers on another host name.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { GitHub, OpenIdProvider, link, serviceWith, signInAtProvider } from "./providers.mjs";
import { close, closeBrowser, open, until } from "./support.mjs";

after(closeBrowser);

test("with an OpenID Connect provider: sign in, return to the page, sign out", async (context) => {
  const service = await serviceWith(context, async (origin) => [await OpenIdProvider.start(origin)]);
  const page = await open();
  await page.goto(`${service.origin}/?preset=color`);
  await link(page, "Sign in").click();
  await signInAtProvider(page, "ada");
  await page.waitForURL(`${service.origin}/?preset=color`);
  await link(page, "Dr. ada").waitFor();
  const cookies = await page.context().cookies(service.origin);
  const session = cookies.find(({ name }) => name === "planet");
  assert.ok(session.httpOnly && session.sameSite === "Lax", JSON.stringify(session));
  assert.equal(await page.evaluate(() => document.cookie), "");
  await link(page, "Dr. ada").click();
  await page.getByText("ada@example.org").waitFor();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("heading", { name: "You are signed out" }).waitFor();
  const end = await page.getByRole("link", { name: "sign out there as well" }).getAttribute("href");
  assert.match(end, /^http:\/\/localhost:\d+\/session\/end\?client_id=planet$/);
  await page.goto(service.origin);
  await link(page, "Sign in").waitFor();
  await close(page);
});

test("with GitHub: sign in, and return to the page", async (context) => {
  const service = await serviceWith(context, async () => [await GitHub.start()]);
  const page = await open();
  await page.goto(service.origin);
  await link(page, "Sign in").click();
  await page.getByRole("link", { name: "Authorize planet" }).click();
  await page.waitForURL(`${service.origin}/`);
  await link(page, "The Octocat").waitFor();
  await close(page);
});

test("with both: the page for signing in offers both, and two people use two browsers", async (context) => {
  const service = await serviceWith(context, async (origin) => [await OpenIdProvider.start(origin), await GitHub.start()]);
  const pages = [await open(), await open()];
  for (const page of pages) {
    await page.goto(service.origin);
    await link(page, "Sign in").click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
  }
  await pages[0].getByRole("link", { name: "Sign in with OpenID" }).click();
  await pages[1].getByRole("link", { name: "Sign in with GitHub" }).click();
  await signInAtProvider(pages[0], "bob");
  await pages[1].getByRole("link", { name: "Authorize planet" }).click();
  await link(pages[0], "Dr. bob").waitFor();
  await link(pages[1], "The Octocat").waitFor();
  for (const page of pages) {
    await close(page);
  }
});

test("the account lists the browsers that are signed in, and signs one out", async (context) => {
  const service = await serviceWith(context, async (origin) => [await OpenIdProvider.start(origin)]);
  const [laptop, phone] = [await open(), await open()];
  for (const page of [laptop, phone]) {
    await page.goto(`${service.origin}/auth/login/oidc?return_to=/account`);
    await signInAtProvider(page, "ada");
    await page.getByRole("heading", { name: "Dr. ada" }).waitFor();
  }
  await laptop.reload();
  const sessions = laptop.getByRole("list", { name: "Browsers in which you are signed in" }).getByRole("listitem");
  await sessions.nth(1).waitFor();
  assert.equal(await sessions.count(), 2);
  await laptop.getByRole("button", { name: "Sign out: Another browser" }).click();
  await laptop.getByText("Another browser").waitFor({ state: "detached" });
  await phone.goto(service.origin);
  await link(phone, "Sign in").waitFor();
  for (const page of [laptop, phone]) {
    await close(page);
  }
});

test("a token works in the command that the page shows, until it is revoked", async (context) => {
  const service = await serviceWith(context, async (origin) => [await OpenIdProvider.start(origin)]);
  const page = await open();
  await page.goto(`${service.origin}/auth/login/oidc?return_to=/account`);
  await signInAtProvider(page, "ada");
  await page.getByLabel("Name").fill("my laptop");
  await page.getByRole("button", { name: "Make a token" }).click();
  const command = page.locator("#token-command");
  await command.filter({ hasText: "planet_" }).waitFor();
  const [, token, address] = (await command.textContent()).match(/^curl -H 'Authorization: Bearer (\w+)' -F image=@photo\.jpg (\S+)$/);
  const list = () => fetch(address, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await list()).status, 200);
  await page.reload();
  assert.ok(!(await page.content()).includes(token));
  await page.getByRole("button", { name: "Revoke: my laptop" }).click();
  await page.getByText("my laptop").waitFor({ state: "detached" });
  assert.equal((await list()).status, 401);
  await close(page);
});

test("an admin limits, blocks, unblocks and deletes a user", async (context) => {
  const service = await serviceWith(context, async (origin) => [await OpenIdProvider.start(origin)], { ADMINS: "ada@example.org" });
  const [admin, user] = [await open(), await open()];
  for (const [page, name] of [[admin, "ada"], [user, "bob"]]) {
    await page.goto(`${service.origin}/auth/login/oidc?return_to=/account`);
    await signInAtProvider(page, name);
    await page.getByRole("heading", { name: `Dr. ${name}` }).waitFor();
  }
  assert.equal(await user.getByRole("link", { name: "all users" }).count(), 0);
  await admin.getByRole("link", { name: "all users" }).click();
  const row = admin.getByRole("listitem").filter({ hasText: "Dr. bob" });
  await row.getByText("0 images · 0 B").waitFor();
  assert.equal(await admin.getByRole("button", { name: "Delete: Dr. ada" }).count(), 0);

  await admin.getByRole("button", { name: "Limits: Dr. bob" }).click();
  await admin.getByLabel("Images").fill("7");
  await admin.getByLabel("Megabytes").fill("2.5");
  await admin.getByRole("button", { name: "Save" }).click();
  await row.getByText("0 of 7 images · 0 B of 2.5 MB").waitFor();
  await user.reload();
  await user.getByText("0 of 7 images").waitFor();
  await admin.getByRole("button", { name: "Limits: Dr. bob" }).click();
  assert.equal(await admin.getByLabel("Megabytes").inputValue(), "2.5");
  await admin.getByLabel("Images").fill("");
  await admin.getByRole("button", { name: "Save" }).click();
  await row.getByText("0 images · 0 B of 2.5 MB").waitFor();

  await admin.getByRole("button", { name: "Block: Dr. bob", exact: true }).click();
  await row.getByText("blocked").waitFor();
  await user.goto(service.origin);
  await link(user, "Sign in").waitFor();
  await admin.getByRole("button", { name: "Unblock: Dr. bob" }).click();
  await row.getByText("blocked").waitFor({ state: "detached" });
  await user.goto(service.origin);
  await link(user, "Dr. bob").waitFor();

  await admin.getByRole("button", { name: "Delete: Dr. bob" }).click();
  await admin.getByRole("button", { name: "Delete", exact: true }).click();
  await until("it is being deleted, or gone", async () => (await row.count()) === 0 || (await row.getByText("being deleted").count()) === 1);
  await user.goto(service.origin);
  await link(user, "Sign in").waitFor();
  for (const page of [admin, user]) {
    await close(page);
  }
});
