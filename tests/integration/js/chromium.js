// Starts the machine's Chromium. playwright-core drives it: it waits for elements, clicks as a person does, and does not
// download a browser of its own.
"use strict";

const { chromium } = require("playwright-core");

// Without these, Chromium calls its maker's hosts at every start; as root it cannot have its sandbox.
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

function launch(executablePath, more = []) {
  return chromium.launch({ executablePath, args: [...QUIET, ...more], chromiumSandbox: process.getuid() !== 0 });
}

module.exports = { launch };
