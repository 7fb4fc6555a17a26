// The same with socket.io and @socket.io/redis-adapter: node cluster_node.js PORT REDIS_PORT
"use strict";

const { Server } = require("socket.io");
const { createClient } = require("@redis/client");
const { createAdapter } = require("@socket.io/redis-adapter");

async function main(port, redis) {
  const publisher = createClient({ socket: { host: "127.0.0.1", port: redis } });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const io = new Server({ adapter: createAdapter(publisher, subscriber) });
  io.on("connection", (socket) => socket.on("shout", (...args) => io.emit("said", ...args)));
  io.listen(port);
  console.log("ready");
}

main(Number(process.argv[2]), Number(process.argv[3]));
