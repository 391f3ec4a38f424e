import { ConfigError, whyUnreadable } from './config.ts';
import { FileProblem, readRegularFileSync } from './files/regular-file.ts';
import { maxTextBytes } from './files/text-file.ts';

/**
 * The authorities in the file that a URL's `sslrootcert` names, in PEM; null when it names none. Throws {@link ConfigError}
 * when the file cannot be read. Also called where a driver reads the file itself: a driver would read a device or a pipe for
 * ever.
 */
export function readSslRootCert(url: string): Buffer | null {
  const { protocol, host, searchParams } = new URL(url);
  const file = searchParams.get('sslrootcert');
  if (file === null) return null;
  try {
    return readRegularFileSync(file, maxTextBytes);
  } catch (error) {
    const named = `the sslrootcert of ${protocol}//${host}`;
    if (error instanceof FileProblem) throw new ConfigError([`${named}, ${file}: the file ${error.message}`]);
    throw new ConfigError([`${named} cannot be read: ${whyUnreadable(error)}`]);
  }
}
