/** Asks our own server. Throws an Error whose message is for a person. A session that has ended leads to the form. */
export async function call<T>(path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(
      `/console/api/${path}`,
      body === undefined
        ? {}
        : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) },
    );
  } catch {
    throw new Error('The gateway cannot be reached. Nothing was changed, as far as this page knows.');
  }
  if (response.status === 401) location.reload();
  const answer = (await response.json().catch(() => ({}))) as T & { title?: string; detail?: string };
  if (!response.ok) throw new Error([answer.title, answer.detail].filter(Boolean).join(' ') || `${response.status}`);
  return answer;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
