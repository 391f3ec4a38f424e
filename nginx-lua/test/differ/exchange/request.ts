/** A request of a shopper as it leaves; texts of the head are latin1, byte for byte. */
export type Asked = {
  method: string;
  target: string;
  headers: [name: string, value: string][];
  body: Buffer | null;
  /** The body without a length, in chunks of at most so many bytes. */
  chunkBytes?: number;
  /** Where the bytes are cut in two that leave one after the other: a share of the whole. */
  cut?: number;
};

/** What goes to the edge. */
export function requestBytes({ method, target, headers, body, chunkBytes, cut }: Asked): Buffer[] {
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: edge.example', ...headers.map((pair) => pair.join(': '))];
  if (body !== null)
    lines.push(chunkBytes === undefined ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked');
  const head = Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
  const sent = Buffer.concat([
    head,
    body === null ? body0 : chunkBytes === undefined ? body : chunks(body, chunkBytes),
  ]);
  if (cut === undefined) return [sent];
  const at = Math.floor(cut * sent.length);
  return [sent.subarray(0, at), sent.subarray(at)].filter(({ length }) => length > 0);
}

const body0 = Buffer.alloc(0);

function chunks(body: Buffer, most: number): Buffer {
  const all: Buffer[] = [];
  for (let at = 0; at < body.length; at += most) {
    const piece = body.subarray(at, at + most);
    all.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...all, Buffer.from('0\r\n\r\n')]);
}

const passed = ['content-type', 'accept', 'authorization'];
const route = /^\/api\/sales\/[a-z0-9-]{1,48}\/(?:challenge|ticket)$/;

/**
 * The same request as the edge passes it on (conf.d/proxy.conf, maps.conf), for a gateway that is asked without an edge. Null
 * where the edge may judge, change or leave out something of it: that is asked through an edge that passes everything on.
 */
export function straightBytes({ method, target, headers, body, chunkBytes }: Asked): Buffer[] | null {
  const isFit = ([name, value]: Asked['headers'][number]) =>
    /^[!-~](?:[ -~]*[!-~])?$/.test(value) && value.length <= (name.toLowerCase() === 'authorization' ? 6000 : 200);
  if (!route.test(target) || (method !== 'GET' && method !== 'HEAD' && method !== 'POST')) return null;
  if ((method === 'POST') !== target.endsWith('ticket') || chunkBytes !== undefined) return null;
  if (body !== null && (body.length > 4096 || method !== 'POST')) return null;
  const names = headers.map(([name]) => name.toLowerCase());
  if (new Set(names).size < names.length || names.includes('expect')) return null;
  const kept = headers.filter((_, nth) => passed.includes(names[nth] ?? ''));
  if (!kept.every(isFit)) return null;
  return requestBytes({ method, target, headers: kept, body });
}
