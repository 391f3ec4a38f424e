import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { addressOf, type HostAndPort } from './place.ts';
import type { SentinelWatch } from './sentinel-watch.ts';

/** How the driver is told of an error on the way. */
type Emit = (type: string, error: Error) => void;
type Target = Pick<RedisOptions, 'tls'> & Partial<HostAndPort>;

/**
 * `at`: the server that a connection is made to, null before the first. `trouble`: what keeps it from its primary, in words; null
 * while nothing is known to.
 */
export type PrimaryLink = { at: HostAndPort | null; trouble: string | null };

/** How long a server may be silent that has accepted a connection: one that stands still accepts, too. */
const silenceMs = 1000;
const tellEveryMs = 1000;
/** What the driver says when it was closed by its owner. */
const closed = 'Connection is closed.';

/**
 * How the driver comes to a primary, and to nothing else. With a `watch` that is who the sentinels name, and a connection
 * to another is cut as soon as they name it, or doubt the one that they named. A server that says that it is a replica is left, and tried again.
 *
 * ioredis' own for Sentinel asks one after the other, believes the first, also one that was cut off and is behind, and
 * opens a connection for each question.
 */
export function primaryConnector(watch: SentinelWatch | null, link: PrimaryLink) {
  return class PrimaryConnector extends AbstractConnector {
    readonly #target: Target;
    #address: HostAndPort = { host: '', port: 0 };
    #emit: Emit = () => {};
    #giveUp: (() => void) | null = null;

    constructor(options: unknown) {
      super(2000);
      this.#target = options as Target; // the driver's own options
    }

    async connect(emit: Emit): Promise<Socket> {
      this.connecting = true;
      this.#emit = emit;
      const release = watch?.use() ?? (() => {});
      try {
        const address = watch === null ? this.#own() : await this.#named(watch, emit);
        return this.#dial(address, release);
      } catch (error) {
        release();
        throw error;
      }
    }

    /** The driver asks with what INFO says, which is nothing where the user may not ask. */
    override check(info: { role?: string }): boolean {
      if (info.role === undefined || info.role === 'master') {
        link.trouble = null;
        return true;
      }
      const who = watch === null ? '' : ', and the sentinels name it as the primary';
      link.trouble = `${addressOf(this.#address)} is a replica${who}`;
      this.#emit('error', new Error(link.trouble));
      return false;
    }

    override disconnect(): void {
      super.disconnect();
      this.#giveUp?.();
    }

    #own(): HostAndPort {
      const { host = '127.0.0.1', port = 6379 } = this.#target;
      return { host, port };
    }

    /** Waits until the sentinels name a primary, and tells every second why they do not. */
    async #named(by: SentinelWatch, emit: Emit): Promise<HostAndPort> {
      for (;;) {
        if (!this.connecting) throw new Error(closed);
        const address = by.primary();
        if (address !== null && !by.isInDoubt()) return address;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => {
            link.trouble = by.problem();
            if (link.trouble !== null) emit('error', new Error(link.trouble));
            done();
          }, tellEveryMs);
          const stopListening = by.onChange(() => done());
          const done = () => {
            clearTimeout(timer);
            stopListening();
            resolve();
          };
          this.#giveUp = done;
        });
      }
    }

    #dial(address: HostAndPort, release: () => void): Socket {
      const { tls } = this.#target;
      this.#address = address;
      link.at = address;
      const socket =
        tls === undefined ? connectTcp(address) : connectTls({ ...address, ...(typeof tls === 'object' ? tls : {}) });
      this.stream = socket;
      socket.once('error', (error) => {
        this.firstError = error;
      });
      const stopListening = watch?.onChange(() => {
        const now = watch.primary();
        const isStill = now === null || addressOf(now) === addressOf(address);
        if (isStill && !watch.isInDoubt()) return;
        const why = isStill ? 'may be replaced' : `is not the primary any more: it is ${addressOf(now)}`;
        // Not by the driver's `disconnect`: while it connects, that would be the end of it for good.
        socket.destroy(new Error(`${addressOf(address)} ${why}`));
      });
      let silence: NodeJS.Timeout | undefined;
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        const before = socket.bytesRead;
        silence = setTimeout(() => {
          if (socket.bytesRead > before) return;
          socket.destroy(new Error(`${addressOf(address)} accepts connections and says nothing`));
        }, silenceMs);
      });
      socket.once('close', () => {
        clearTimeout(silence);
        stopListening?.();
        release();
      });
      return socket;
    }
  };
}
