// Clients that reconnect by themselves, told what to do by lines on standard input: "count 10", "who" and others.
//
// node workers.js '{"clients": ["sio4"], "each": 5, "port": 1}'
//
// Prints a line of JSON when all are connected, and for each order.
"use strict";

const readline = require("readline");

const { clients, each, port } = JSON.parse(process.argv[2]);
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const sockets = clients.flatMap((name) =>
  Array.from({ length: each }, () => {
    const io = require(name);
    return io.connect(`http://127.0.0.1:${port}`, {
      forceNew: true,
      "force new connection": true,
      reconnection: true,
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
      "reconnection delay": 100,
      "reconnection limit": 500,
      "max reconnection attempts": 50,
    });
  }),
);
const asked = (socket) => new Promise((resolve) => socket.emit("who", resolve));
const connected = (socket) =>
  (socket.connected ?? socket.socket.connected) ? Promise.resolve() : new Promise((resolve) => socket.once("connect", resolve));

// Client 0.9 throws while its connection is broken and not yet opened again.
const babble = (socket) => {
  try {
    socket.emit("echo", "x".repeat(1000), () => {});
  } catch {}
};

const orders = {
  async whole() {
    await Promise.all(sockets.map(connected));
    answer(await Promise.all(sockets.map(asked)));
  },
  async who() {
    await Promise.all(sockets.map(connected));
    answer((await Promise.all(sockets.map(asked))).map((who) => who.pid));
  },
  // The worker of the first client.
  hang: () => sockets[0].emit("hang"),
  babble: () => setInterval(() => sockets.forEach(babble), 20),
  transports: () => answer(sockets.map((socket) => (socket.io ? socket.io.engine : socket.socket).transport.name)),
  // In order, each once.
  async count(to) {
    const heard = sockets.map((socket) => {
      const numbers = [];
      socket.on("said", (number) => numbers.push(number));
      return numbers;
    });
    for (let number = 0; number < to; number++) sockets.forEach((socket) => socket.emit("say", number));
    await Promise.all(sockets.map(asked));
    answer(heard);
  },
};

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [verb, count] = line.split(" ");
  orders[verb](Number(count));
});
lines.on("close", () => process.exit());
