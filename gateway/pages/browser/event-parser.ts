export type ServerEvent = { id: string; event: string; data: string };
export type StreamPart = { kind: 'event'; event: ServerEvent } | { kind: 'retry'; ms: number };

/**
 * Takes the text of an event stream as it arrives, in any pieces, and returns what is complete by then. `EventSource`
 * cannot send the shopper's token, so the page reads the stream itself. Source: HTML Standard, 9.2.6.
 */
export function createEventParser(): (text: string) => StreamPart[] {
  let rest = '';
  let id = '';
  let event = '';
  let data: string[] = [];

  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    const parts: StreamPart[] = [];
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0)
          parts.push({ kind: 'event', event: { id, event: event || 'message', data: data.join('\n') } });
        event = '';
        data = [];
        continue;
      }
      const colon = line.indexOf(':');
      if (colon === 0) continue; // a comment
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') data.push(value);
      else if (field === 'event') event = value;
      else if (field === 'id') id = value;
      else if (field === 'retry' && /^\d+$/.test(value)) parts.push({ kind: 'retry', ms: Number(value) });
    }
    return parts;
  };
}
