// Runs scenarios with a client's browser build in Chromium; takes and prints what driver.js does.
//
// Any answer of the server "main" will do for a page; the other servers are other origins to it.
"use strict";

const fs = require("fs");
const path = require("path");
const { launch } = require("./chromium");
const { Relay } = require("./proxy");

// A stream in a frame calls the page around it, which is of another origin wherever the server is not "main".
const OPEN = ["--disable-web-security", "--disable-site-isolation-trials"];

async function prepare(page, url, client) {
  const relays = [];
  await page.exposeFunction("openRelay", async (port) => {
    const relay = new Relay(port);
    relays.push(relay);
    return [relays.length - 1, await relay.listen()];
  });
  await page.exposeFunction("tellRelay", (index, verb) => relays[index][verb]());
  await page.goto(url);
  const build = path.join(path.dirname(require.resolve(`${client}/package.json`)), "dist", "socket.io.js");
  for (const file of [build, "clients.js", "harness.js", "scenarios.js"]) {
    await page.addScriptTag({ content: fs.readFileSync(path.resolve(__dirname, file), "utf8") });
  }
}

// In the page.
async function perform({ client, transport, scenarios: names, ports, reference }) {
  const { clients, harness, scenarios, patient } = globalThis.interop;
  const relay = async (target) => {
    const [index, port] = await globalThis.openRelay(target);
    const tell = (verb) => () => globalThis.tellRelay(index, verb);
    return { port, mute: tell("mute"), cut: tell("cut"), close: tell("close") };
  };
  const kit = clients[client](globalThis.io);
  await harness.run(scenarios, names, { kit, transport, ports, relay, reference }, globalThis.report, { patient });
}

async function main() {
  const { browser: executable, ...job } = JSON.parse(process.argv[2]);
  const browser = await launch(executable, job.transport === "htmlfile" ? OPEN : []);
  try {
    const page = await browser.newPage();
    page.on("pageerror", (error) => process.stderr.write(`${error}\n`));
    await page.exposeFunction("report", (result) => process.stdout.write(`${JSON.stringify(result)}\n`));
    await prepare(page, `http://127.0.0.1:${job.ports.main}/interop`, job.client);
    await page.evaluate(perform, job);
  } finally {
    await browser.close();
  }
}

main().then(() => process.exit());
