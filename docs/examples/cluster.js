const { Server } = require("socket.io");
const { createClient } = require("redis");
const { createAdapter } = require("@socket.io/redis-adapter");

async function main(url, port) {
  const publisher = createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on("error", console.error);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const io = new Server({ adapter: createAdapter(publisher, subscriber, { key: "socket.io" }) });
  io.of("/chat").on("connection", (socket) => {
    socket.on("enter", (room) => socket.join(room));
    socket.on("say", (room, text) => socket.to(room).emit("said", text));
  });
  io.listen(port);
  console.log("listening");
}

main(process.argv[2], Number(process.argv[3]));
