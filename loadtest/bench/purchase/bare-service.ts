import { createServer } from 'node:http';
import { Redis } from 'ioredis';
import { newOrderId } from '#contract/order.ts';

/**
 * The ceiling of the purchase bench, a process of its own: bare node:http that runs the same script on the same Redis
 * for every request, and nothing else: no ticket, no check, no metrics, no relay. Ends on SIGTERM.
 */
const [socket = '', redisUrl = '', saleId = '', lua = '', ...keys] = process.argv.slice(2);
const redis = new Redis(redisUrl, { replyMapping: 'legacy' });
const sha = String(await redis.script('LOAD', lua));
let count = 0;

createServer((request, response) => {
  request.resume();
  request.on('end', async () => {
    const orderId = newOrderId(saleId, Date.now());
    count += 1;
    const reply = await redis.call('EVALSHA', sha, keys.length, ...keys, orderId, `bare-${count}`, 1, '');
    const [, place] = reply as number[]; // a flat array of integers, as the script's header says
    const body = `{"orderId":"${orderId}","state":"queued","place":${place}}`;
    response.writeHead(202, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  });
}).listen(socket, () => process.stdout.write('ready\n'));
