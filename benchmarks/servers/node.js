// A peer: Node's socket.io with its defaults. node.js PORT [deflate] [tls=DIRECTORY]
"use strict";
const fs = require("fs");
const http = require("http");
const https = require("https");
const { Server } = require("socket.io");

const [port, ...words] = process.argv.slice(2);
const tls = words.find((word) => word.startsWith("tls="))?.slice("tls=".length);
const server = tls
  ? https.createServer({ cert: fs.readFileSync(`${tls}/certificate.pem`), key: fs.readFileSync(`${tls}/key.pem`) })
  : http.createServer();
const io = new Server(server, { perMessageDeflate: words.includes("deflate") });
const rooms = Array.from({ length: 1000 }, (_, number) => `room ${number}`);

io.on("connection", (socket) => {
  socket.join("r");
  socket.on("echo", (data, acknowledge) => acknowledge(data));
  socket.on("bcast", (data) => io.to("r").emit("m", data));
  socket.on("coroutine", async (data, acknowledge) => acknowledge(data));
  socket.on("deferred", (data, acknowledge) => Promise.resolve(data).then(acknowledge));
  socket.on("waiting", async (data, acknowledge) => {
    await new Promise(setImmediate);
    acknowledge(data);
  });
  socket.on("rooms", (data, acknowledge) => {
    for (const room of rooms) socket.data.joined ? socket.leave(room) : socket.join(room);
    socket.data.joined = !socket.data.joined;
    acknowledge(data);
  });
});
server.listen(Number(port), "127.0.0.1");
