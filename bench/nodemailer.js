// Sends the same message n times through a pool, and ends when all are accepted.
const [addr, connections, n, from, to, text] = process.argv.slice(1);
const [host, port] = addr.split(":");
const transport = require("nodemailer").createTransport({
  host, port: +port, secure: false, ignoreTLS: true, pool: true,
  maxConnections: +connections, maxMessages: Infinity,
});
const sends = [];
for (let i = 0; i < +n; i++) {
  sends.push(transport.sendMail({ envelope: { from, to: [to] }, raw: text }));
}
Promise.all(sends).then(() => transport.close(), (err) => { console.error(err); process.exit(1); });
