/** Seals contact and address of shoppers by AES-256-GCM. `id` stands beside what it sealed. */
export type PersonalKey = { id: string; key: Buffer };

const idPattern = /^[a-z0-9]{1,16}$/;
const keyBytes = 32;

/**
 * `<id>:<base64 of 32 bytes>[,<id>:<base64>]`: the first seals, all open. Throws an Error that says what is wrong, without
 * any key in it.
 */
export function parsePersonalKeys(text: string): PersonalKey[] {
  const keys = text.split(',').map((part) => {
    const [id = '', encoded = ''] = part.trim().split(':', 2);
    const key = Buffer.from(encoded, 'base64');
    if (!idPattern.test(id)) throw new Error('must be <id>:<key>[,<id>:<key>], each id 1 to 16 of a-z and 0-9');
    if (key.length !== keyBytes || key.toString('base64') !== encoded)
      throw new Error(`must have a key of ${keyBytes} bytes in base64 for "${id}": openssl rand -base64 ${keyBytes}`);
    return { id, key };
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length) throw new Error('must have each key id only once');
  return keys;
}
