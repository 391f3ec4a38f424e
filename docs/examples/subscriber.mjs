import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const key = Buffer.from(process.env.SECRET.replace('whsec_', ''), 'base64');
const versions = new Map(); // order id -> the version we know. Yours: a table, changed in one transaction with the rest

createServer(async (request, response) => {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures = '' } = request.headers;
  const body = Buffer.concat(await request.toArray()); // the bytes as they came: parse them after the check
  const expected = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest();
  const isGenuine = signatures.split(' ').some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64');
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
  if (!isGenuine || Math.abs(Date.now() / 1000 - at) > 300) return response.writeHead(401).end();
  for (const { type, data } of [JSON.parse(body)].flat()) {
    if (data.version <= (versions.get(data.orderId) ?? 0)) continue; // came before: a repeat, or a replay
    versions.set(data.orderId, data.version);
    process.stdout.write(`${type} ${data.orderId} ${data.version}\n`);
  }
  response.writeHead(204).end(); // only now: what was not answered with 2xx comes again
}).listen(process.env.PORT, '127.0.0.1');
