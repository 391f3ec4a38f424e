/** The text as an http(s) address, as the browser reads it; null where it is none. What leads elsewhere is never followed. */
export function webUrl(text: string): string | null {
  try {
    const { protocol, href } = new URL(text);
    return protocol === 'https:' || protocol === 'http:' ? href : null;
  } catch {
    return null;
  }
}
