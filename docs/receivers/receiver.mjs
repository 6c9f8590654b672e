// Takes letters from Wherefrom: SECRET=whsec_… PORT=8000 node receiver.mjs
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.SECRET.replace(/^whsec_/, ""), "base64");
const same = (a, b) => a.length === b.length && timingSafeEqual(a, b);

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const [id, at, signed] = ["id", "timestamp", "signature"].map((name) => request.headers[`webhook-${name}`] ?? "");
  const mine = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest("base64"));
  const good = signed.split(" ").some((one) => same(mine, Buffer.from(one)));
  if (!good || Math.abs(Date.now() / 1000 - at) > 300) return response.writeHead(401).end();
  const letter = JSON.parse(body).data; // keep it under id: the same id is the same letter, sent again
  response.end(JSON.stringify({ deal_id: "from " + (letter.message?.from_address ?? "") }));
}).listen(process.env.PORT ?? 8000, "127.0.0.1");
