// Clients that tell what they hear when the server goes: one line of JSON when all have joined, one when all have left.
//
// node leaving.js '{"peers": [["sio4", "polling"]], "port": 1, "talking": true}'
//
// Those that talk do so all the time: over polling, each word needs a connection.
"use strict";

const { clients } = require("./clients.js");

const { peers, port, talking } = JSON.parse(process.argv[2]);
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// Client 0.9 throws when its connection has gone.
function talk(socket) {
  try {
    socket.emit("hello", () => {});
  } catch {}
}

async function join([name, transport]) {
  const client = clients[name](require(name));
  const socket = client.open(`http://127.0.0.1:${port}`, "/chat", transport, {});
  const heard = [];
  const left = new Promise((resolve) => socket.on("disconnect", (reason) => resolve([...heard, reason ?? null])));
  socket.on("last", (number) => heard.push(number));
  await new Promise((resolve) => socket.once("connect", resolve));
  if (transport === "upgrade") {
    const engine = client.engine(socket);
    if (engine.transport.name !== "websocket") await new Promise((resolve) => engine.once("upgrade", resolve));
  }
  // What has been acknowledged has been fetched.
  await new Promise((resolve) => socket.emit("hello", resolve));
  if (talking) setInterval(() => talk(socket), 5);
  // In an array, or the promise would be waited for here.
  return [left];
}

(async () => {
  const joined = [];
  // One after the other: client 0.9 keeps its transports for all.
  for (const peer of peers) joined.push(...(await join(peer)));
  answer(joined.length);
  answer(await Promise.all(joined));
  process.exit();
})();
