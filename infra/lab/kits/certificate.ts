import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A self-signed certificate for localhost, made by openssl; `authority` is what a client must trust. */
export function makeCertificate(dir: string): { certificate: string; certificateKey: string; authority: Buffer } {
  const [certificate, certificateKey] = [join(dir, 'certificate.pem'), join(dir, 'certificate.key')];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  execFileSync('openssl', ['req', '-x509', ...options, ...names, '-keyout', certificateKey, '-out', certificate], {
    stdio: 'pipe',
  });
  return { certificate, certificateKey, authority: readFileSync(certificate) };
}
