// Runs scenarios with one client over one transport; prints a line of JSON for each.
//
// node driver.js '{"client": "sio4", "transport": "polling", "scenarios": [..], "ports": {"main": 1, "brisk": 2}}'
"use strict";

const { clients } = require("./clients");
const { run } = require("./harness");
const { Relay } = require("./proxy");

async function relay(port) {
  const relay = new Relay(port);
  relay.port = await relay.listen();
  return relay;
}

async function main() {
  const { client, transport, scenarios: names, ports, reference } = JSON.parse(process.argv[2]);
  if (transport === "jsonp") require("./dom").install();
  const { scenarios, patient } = require(client.startsWith("eio") ? "./engine_scenarios" : "./scenarios");
  const kit = clients[client](require(client));
  const report = (result) => process.stdout.write(`${JSON.stringify(result)}\n`);
  await run(scenarios, names, { kit, transport, ports, relay, reference }, report, { patient });
}

process.on("uncaughtException", (error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});

// Time to say goodbye, so that no session waits for a client that is gone.
main().then(() => setTimeout(() => process.exit(), 300));
