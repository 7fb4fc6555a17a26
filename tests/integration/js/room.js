// One client in a room, told what to do by lines on its standard input: "say 20", then "heard".
//
// node room.js '{"client": "sio4", "transport": "polling", "port": 1, "room": "r", "name": "n"}'
//
// Answers each, and that it has joined, with a line of JSON.
"use strict";

const readline = require("readline");
const { clients } = require("./clients");

const { client, transport, port, room, name } = JSON.parse(process.argv[2]);
const kit = clients[client](require(client));
const socket = kit.open(`http://127.0.0.1:${port}`, "/", transport, {});
const heard = [];
const answer = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const orders = {
  say(count) {
    for (let index = 0; index < count; index++) socket.emit("shout", room, name, index, { text: `\u00e9 \ud83d\ude00 ${index}` });
    socket.emit("echo", () => answer("said"));
  },
  // What was said to it before comes before the acknowledgement.
  heard: () => socket.emit("echo", () => answer(heard)),
};

socket.on("said", (...args) => heard.push(args));
socket.on("connect", () => socket.emit("join", room, () => answer("joined")));
const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const [verb, count] = line.split(" ");
  orders[verb](Number(count));
});
// Time to say goodbye.
lines.on("close", () => {
  socket.disconnect();
  setTimeout(() => process.exit(), 200);
});
