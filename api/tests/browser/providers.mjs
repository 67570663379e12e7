// Identity providers on this machine: oidc-provider from npm, and a stand-in for GitHub. They use the name `localhost`,
// and the service 127.0.0.1: browsers share cookies between ports of one host.

import { createServer } from "node:http";
import { Provider } from "oidc-provider";
import { Service, freePort, open } from "./support.mjs";

const CLIENT = { id: "planet", secret: "hunter2" };

async function listen(handler, port) {
  const server = createServer(handler);
  await new Promise((done) => server.listen(port, "localhost", done));
  return server;
}

/** An OpenID Connect provider that knows every user, with the address USER@example.org. */
export class OpenIdProvider {
  /** `origin()` is the address of the service. */
  static async start(origin) {
    const self = new OpenIdProvider();
    const port = await freePort();
    self.issuer = `http://localhost:${port}`;
    const provider = new Provider(self.issuer, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [`${origin}/auth/callback/oidc`] }],
      claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, name: `Dr. ${id}`, email: `${id}@example.org`, email_verified: true }),
      }),
    });
    // its pages would load a font from the network, and an icon that is not there
    provider.use(async (context, next) => {
      await next();
      if (typeof context.body === "string") {
        context.body = context.body.replaceAll(/@import url\([^)]*\);/g, "").replace("<head>", '<head><link rel="icon" href="data:,">');
      }
    });
    self.server = await listen(provider.callback(), port);
    return self;
  }

  settings() {
    return { OIDC_ISSUER: this.issuer, OIDC_CLIENT_ID: CLIENT.id, OIDC_CLIENT_SECRET: CLIENT.secret };
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** A GitHub with one user, who has to press a button. */
export class GitHub {
  static async start() {
    const self = new GitHub();
    const port = await freePort();
    self.url = `http://localhost:${port}`;
    self.server = await listen((request, response) => self.respond(new URL(request.url, self.url), response), port);
    return self;
  }

  respond({ pathname, searchParams }, response) {
    const json = (body) => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(body));
    };
    switch (pathname) {
      case "/login/oauth/authorize": {
        const back = new URL(searchParams.get("redirect_uri"));
        back.searchParams.set("code", "a-code");
        back.searchParams.set("state", searchParams.get("state"));
        response.setHeader("content-type", "text/html");
        return response.end(`<!doctype html><html lang="en"><title>GitHub</title><link rel="icon" href="data:,"><a href="${back.href.replaceAll("&", "&amp;")}">Authorize planet</a>`);
      }
      case "/login/oauth/access_token": return json({ access_token: "a-token", token_type: "bearer", scope: "read:user" });
      case "/api/v3/user": return json({ id: 583231, login: "octocat", name: "The Octocat" });
      case "/api/v3/user/emails": return json([{ email: "octocat@example.org", primary: true, verified: true }]);
      default: response.statusCode = 404; return response.end();
    }
  }

  settings() {
    return { GITHUB_URL: this.url, GITHUB_CLIENT_ID: CLIENT.id, GITHUB_CLIENT_SECRET: CLIENT.secret };
  }

  stop() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** Signs in at the pages of oidc-provider. */
export async function signInAtProvider(page, user) {
  await page.getByPlaceholder("Enter any login").fill(user);
  await page.getByPlaceholder("and password").fill("any");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
}

/** A service that trusts the providers that `start` starts, for its address; both end with the test. */
export async function serviceWith(context, start, others = {}) {
  let providers;
  const service = await Service.start(async (origin) => {
    providers = await start(origin);
    const settings = providers.map((provider) => provider.settings());
    return Object.assign({ PUBLIC_URL: origin, SIGN_IN_ALLOW: "@example.org", ...others }, ...settings);
  });
  context.after(async () => {
    await service.stop();
    providers.forEach((provider) => provider.stop());
  });
  return service;
}

/** A link in the header. */
export const link = (page, name) => page.getByRole("navigation", { name: "Site" }).getByRole("link", { name });

/** Opens the page at `path` in a browser of its own, as that user of an OpenID Connect provider. */
export async function openAs(service, user, path = "/", options = {}) {
  const page = await open(options);
  await page.goto(`${service.origin}/auth/login/oidc?return_to=${encodeURIComponent(path)}`);
  await signInAtProvider(page, user);
  await page.waitForURL(service.origin + path);
  return page;
}
