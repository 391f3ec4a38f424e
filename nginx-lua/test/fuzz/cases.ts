import type { Random } from '#lab/random.ts';
import type { OfficeRequest } from './office.ts';

/** What one case sends: the bytes, in the pieces in which they leave, and when the client goes away by itself. */
export type Case = { pieces: Buffer[]; abort: boolean; pipelined: number };
/** What a request may carry that is genuine: a ticket; `office` asks for a challenge or a ticket, and for nothing else then. */
export type Genuine = { ticket: () => string; office: ((random: Random) => OfficeRequest) | null };
type Request = { method: string; target: string; version: string; headers: string[]; body: Buffer; eol: string };

const targets = [
  '/',
  '/sales/open',
  '/orders',
  '/orders/open-01h00000000000000000000000',
  '/assets/none.js',
  '/api/sales',
  '/api/sales/open',
  '/api/sales/none',
  '/api/sales/open/orders',
  '/api/sales/open/orders',
  '/api/sales/open/orders',
  '/api/sales/open/orders',
  '/api/sales/sold-out/orders',
  '/api/sales/open/challenge',
  '/api/sales/open/ticket',
  '/api/session',
  '/api/orders',
  '/api/orders?before=MTc5NjAwMDAwMDEyMy50ZWE',
  '/api/orders/open-01h00000000000000000000000',
  '/api/orders/open-01h00000000000000000000000/payment',
  '/api/orders/open-01h00000000000000000000000/details',
  '/api/payments/webhook',
  '/api/hand-over/keys',
  '/api/hand-over/orders/open-01h00000000000000000000000/paid',
];
const methods = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PRI',
  'get',
  'G\x01T',
  'X'.repeat(300),
  '',
];
const oddTargets = [
  '*',
  '/%00',
  '/..%2f..%2fetc/passwd',
  '/../../etc/passwd',
  '/api/sales/open%2Forders',
  '/api/sales/..%2Fopen/orders',
  '/api//sales//open',
  '/api/./sales/../sales/open',
  '/api/sales/%',
  '/api/sales/%zz',
  '/api/sales/%ff%fe',
  '/api/sales/open;a=b',
  'http://evil.example/api/sales/open',
  'http:///',
  '//evil.example/',
  '/_problem',
  '/_origin/sales',
  '/edge/sales/open',
  '/metrics',
  '/healthz',
  '/readyz',
  '/api/sales/open?x=%0d%0aSet-Cookie:a',
  '/api/sales/\xff',
  '/api/sales/open#x',
  '\\api\\sales',
  '/api/sales//',
  '/api/sales/*',
  '/api/sales/{x}',
  '/sales/open.html.br',
  '/assets/..%2findex.html',
  'api/sales',
  '?',
];
const versions = ['HTTP/1.0', 'HTTP/1.2', 'HTTP/2.0', 'HTTP/9.9', 'HTTP/1.1 ', 'HTTP', '', 'ICY/1.1', 'HTTP/1.11'];

type Mutator = (request: Request, random: Random) => unknown;
const bytes = (random: Random, most: number) =>
  Buffer.from(Array.from({ length: random.int(0, most) }, () => random.int(0, 255)));
const odd = (random: Random) =>
  random.pick([
    '',
    ' ',
    '\t',
    '\0',
    '\r',
    'x'.repeat(random.pick([10, 1000, 9000, 40_000])),
    '\xff\xfe',
    '-1',
    '0x10',
    '1e9',
    '99999999999999999999',
    '"',
    "'",
    '{}',
    '%0d%0a',
    bytes(random, 40)
      .toString('latin1')
      .replaceAll(/[\r\n]/g, '?'),
  ]);

const mutators: Mutator[] = [
  (request, random) => {
    request.method = random.pick(methods);
  },
  (request, random) => {
    request.target = random.pick(oddTargets);
  },
  (request, random) => {
    request.target += random.pick([
      '/',
      '?',
      '?a=b',
      '%20',
      '%2e%2e',
      '\x7f',
      '/'.repeat(50),
      'x'.repeat(9000),
      odd(random),
    ]);
  },
  (request, random) => {
    const at = random.int(0, request.target.length);
    request.target =
      request.target.slice(0, at) +
      random.pick(['%', '%41', '%2f', '/', '.', '\0', '\xff', ' ']) +
      request.target.slice(at);
  },
  (request, random) => {
    request.version = random.pick(versions);
  },
  (request) => {
    request.eol = '\n';
  },
  (request, random) =>
    void request.headers.push(
      `${random.pick(['Host', 'Content-Type', 'Seckill-Ticket', 'Authorization', 'Accept-Encoding', 'If-None-Match', 'If-Modified-Since', 'Range', 'Connection', 'Upgrade', 'Expect', 'X-Forwarded-For', 'Cookie', 'X-Request-Id', 'Last-Event-ID', 'Via', 'Te'])}: ${odd(random)}`,
    ),
  (request, random) =>
    void request.headers.push(
      random.pick([
        ' folded',
        '\tfolded',
        ': no name',
        'no colon',
        'Na me: x',
        'Name : x',
        'N\0me: x',
        'Name: a\0b',
        'Name: a\rb',
        'Ünï: x',
        'Connection: upgrade',
        'Upgrade: h2c',
        'Expect: 100-continue',
        'Expect: 200-ok',
        'Range: bytes=0-1,5-',
        'X: '.repeat(3000),
      ]),
    ),
  (request, random) =>
    void request.headers.push(
      random.pick([
        'Transfer-Encoding: chunked',
        'Transfer-Encoding: gzip, chunked',
        'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
        'Transfer-Encoding : chunked',
        'Transfer-Encoding: \x0bchunked',
        'transfer-encoding: xchunked',
      ]),
    ),
  (request, random) =>
    void request.headers.push(
      `Content-Length: ${random.pick(['0', '5', '-1', '+5', '5, 5', '5 5', '0x5', '1e3', '99999999999', '18446744073709551617', '16385', ''])}`,
    ),
  (request, random) => {
    request.headers = request.headers.filter(() => random.chance(0.6));
  },
  (request, random) =>
    void request.headers.push(
      ...Array.from({ length: random.int(50, 300) }, (_, nth) => `X-${nth}: ${'y'.repeat(random.int(0, 200))}`),
    ),
  (request, random) => {
    request.headers = request.headers.map((line) => {
      const [name = '', ...rest] = line.split(': ');
      return /^(?:seckill-ticket|authorization)$/i.test(name) ? `${name}: ${spoil(rest.join(': '), random)}` : line;
    });
  },
  (request, random) => {
    request.body = random.pick([
      Buffer.alloc(0),
      bytes(random, 600),
      Buffer.from('{"quantity":'),
      Buffer.from('x'.repeat(random.pick([1025, 20_000, 70_000]))),
    ]);
  },
  (request, random) => {
    request.headers = [
      ...request.headers.filter((line) => !/^content-length/i.test(line)),
      'Transfer-Encoding: chunked',
    ];
    request.body = Buffer.from(
      random.pick([
        '0\r\n\r\n',
        '5\r\nhello\r\n0\r\n\r\n',
        '5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n',
        '-5\r\nhello\r\n',
        'zz\r\nhello\r\n0\r\n\r\n',
        'ffffffffffffffff1\r\n',
        '5\nhello\n0\n\n',
        '5\r\nhel',
        '5\r\nhelloGET / HTTP/1.1\r\n\r\n',
      ]),
      'latin1',
    );
  },
];

/** Of a request whose body is as long as it says. */
const bodyMutators: Mutator[] = [
  (request, random) => {
    const at = random.int(0, request.body.length);
    request.body.fill(random.int(0, 255), at, Math.min(at + 1, request.body.length));
  },
  (request, random) => {
    const [from, to] = [random.int(0, request.body.length), random.int(0, request.body.length)];
    request.body.copy(request.body, to, from, from + random.int(0, 40));
  },
];

function spoil(ticket: string, random: Random): string {
  const at = random.int(0, Math.max(0, ticket.length - 1));
  return random.pick([
    ticket.slice(0, at),
    `${ticket}x`,
    `${ticket}.${ticket}`,
    ticket.slice(0, at) + random.pick(['.', 'A', '\0', '\xff', '%']) + ticket.slice(at + 1),
    ticket.toUpperCase(),
    ticket.replace('1.', '2.'),
    '.'.repeat(600),
    '1.k1.9999999999.open-.YQ.',
  ]);
}

function write(request: Request): Buffer {
  const lines = [`${request.method} ${request.target} ${request.version}`, ...request.headers, '', ''];
  return Buffer.concat([Buffer.from(lines.join(request.eol), 'latin1'), request.body]);
}

/** One case. Some requests carry what is genuine as it is, most spoil it. */
export function makeCase(random: Random, genuine: Genuine): Case {
  if (random.chance(0.02)) return { pieces: [bytes(random, 2000)], abort: random.chance(0.5), pipelined: 1 };
  const pipelined = random.chance(0.15) ? random.int(2, 5) : 1;
  const all = Array.from({ length: pipelined }, () => write(oneRequest(random, genuine)));
  let sent = Buffer.concat(all);
  const abort = random.chance(0.08);
  if (abort) sent = sent.subarray(0, random.int(0, sent.length));
  const pieces: Buffer[] = [];
  const cuts = random.chance(0.2) ? random.int(1, 4) : 0;
  for (let nth = 0, at = 0; nth <= cuts; nth += 1) {
    const end = nth === cuts ? sent.length : random.int(at, sent.length);
    pieces.push(sent.subarray(at, end));
    at = end;
  }
  return { pieces, abort, pipelined };
}

function oneRequest(random: Random, { ticket, office }: Genuine): Request {
  const request = office === null ? anyRequest(random, ticket) : officeRequest(office(random));
  const all = office === null ? mutators : [...mutators, ...bodyMutators, ...bodyMutators, ...bodyMutators];
  for (let left = random.int(0, 3); left > 0; left -= 1) random.pick(all)(request, random);
  return request;
}

function anyRequest(random: Random, ticket: () => string): Request {
  const target = random.pick(targets);
  const isPost = /sales\/[\w-]+\/orders$|ticket$|session$|payment$|webhook$|paid$/.test(target);
  const body = Buffer.from(isPost ? '{"quantity":1}' : '');
  const headers = ['Host: edge.example', 'Accept-Encoding: gzip, deflate, br'];
  if (isPost)
    headers.push('Content-Type: application/json', `Content-Length: ${body.length}`, `Seckill-Ticket: ${ticket()}`);
  return { method: isPost ? 'POST' : 'GET', target, version: 'HTTP/1.1', headers, body, eol: '\r\n' };
}

function officeRequest({ target, token, body }: OfficeRequest): Request {
  const headers = ['Host: edge.example', `Authorization: Bearer ${token}`];
  if (body !== null) headers.push('Content-Type: application/json', `Content-Length: ${body.length}`);
  const method = body === null ? 'GET' : 'POST';
  return { method, target, version: 'HTTP/1.1', headers, body: body ?? Buffer.alloc(0), eol: '\r\n' };
}
