import { problems } from '#contract/problems.ts';

export type Answer = { status: number; head: string; body: string };

/** The answers in what came back. A body is what Content-Length or chunks say; after HEAD there is none. */
export function readAnswers(bytes: Buffer): { answers: Answer[]; rest: string } {
  const answers: Answer[] = [];
  let text = bytes.toString('latin1');
  for (;;) {
    const start = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n/.exec(text);
    const end = text.indexOf('\r\n\r\n');
    if (start === null || end < 0) return { answers, rest: text };
    const head = text.slice(0, end);
    text = text.slice(end + 4);
    // The next answer right behind the head: it was HEAD, 100 or 304.
    const isBare = text === '' || text.startsWith('HTTP/1.1 ');
    const length = isBare ? 0 : (lengthOf(head) ?? chunkedLength(text));
    answers.push({ status: Number(start[1]), head, body: text.slice(0, length) });
    text = text.slice(length);
  }
}

function lengthOf(head: string): number | null {
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  return length === undefined ? null : Number(length);
}

function chunkedLength(text: string): number {
  const end = /(^|\r\n)0\r\n\r\n/.exec(text);
  return end === null ? text.length : end.index + end[0].length;
}

/** What is wrong with an answer, or null. A refusal is a 4xx with a problem of the contract that says the same status. */
export function faultOf({ status, head, body }: Answer): string | null {
  if (status >= 500) return `status ${status}`;
  if (/^server:.*\d/im.test(head)) return 'the server names its version';
  if (status < 400) return null;
  if (!/^content-type: application\/problem\+json\r?$/im.test(head)) return `status ${status} without a problem`;
  if (!/^cache-control: no-store\r?$/im.test(head)) return `status ${status} may be cached`;
  if (body === '') return null; // HEAD
  const code = /"code":"([A-Z_]+)"/.exec(body)?.[1] ?? '';
  const known = Object.entries(problems).find(([name]) => name === code)?.[1];
  return known?.status === status ? null : `status ${status} with the problem ${code}`;
}
