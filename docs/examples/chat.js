const { io } = require("socket.io-client"); // in a page: the global io

const chat = io("http://127.0.0.1:8000/chat", { auth: { nick: "ada" } });

chat.on("said", (nick, text) => console.log(`${nick}: ${text}`));
chat.on("connect_error", (error) => console.log("refused:", error.message, error.data));

chat.emit("say", "hello", (answer) => console.log(answer)); // ok
chat.emit("later", 2, (word, seconds) => console.log(word, seconds)); // done 2, after two seconds
