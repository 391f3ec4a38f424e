const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * The JSON value of a request's body. Null for what is none: JSON is UTF-8 between systems (RFC 8259, 8.1), and bytes of
 * another encoding must not become the text U+FFFD, which is then a wrong answer.
 */
export async function readJsonBody(request: Request): Promise<unknown> {
  try {
    return JSON.parse(utf8.decode(await request.arrayBuffer()));
  } catch {
    return null; // also when the body broke off: the client has gone
  }
}
