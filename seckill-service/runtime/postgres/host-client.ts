import { Client, type ClientConfig } from 'pg';

/** A client that knows whether its server is a standby. */
export class HostClient extends Client {
  /** As the server said at connect, or since; null where it did not: a server before PostgreSQL 14, or a pooler before it. */
  saidStandby: boolean | null = null;

  constructor(config?: ClientConfig) {
    super(config);
    // A server reports this setting with its greeting, and again when it is promoted: it costs no round trip.
    this.connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
      if (message.parameterName === 'in_hot_standby') this.saidStandby = message.parameterValue === 'on';
    });
  }
}
