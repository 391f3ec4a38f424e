import type { Context, Span } from '@opentelemetry/api';
import type { Logger } from './logger.ts';

/** A span that is over: times in Unix ms. `parent` is a W3C traceparent; none begins a trace. */
export type FinishedSpan = {
  name: string;
  parent?: string | undefined;
  kind: 'server' | 'producer' | 'consumer';
  startMs: number;
  endMs: number;
  attributes: Record<string, string | number>;
};

export type Tracing = {
  /** Begins a trace. `traceparent` is null when the trace is not sampled: nothing of it is sent. */
  begin: (name: string) => { traceparent: string | null; end: (attributes: Record<string, string | number>) => void };
  record: (span: FinishedSpan) => void;
  /** Sends what is left. */
  close: () => Promise<void>;
};

/**
 * Sends spans by OTLP/HTTP to `endpoint` (the base address; `/v1/traces` is added), in the background: a collector that is
 * away costs spans and nothing else. Null when there is no endpoint; then nothing of OpenTelemetry is even loaded.
 * Source: OpenTelemetry, "OTLP Exporter Configuration"; W3C Trace Context.
 */
export async function startTracing(options: {
  endpoint: string | undefined;
  /** Share of the traces that are sent, 0 to 1. */
  ratio: number;
  service: string;
  instance: string;
  logger: Logger;
}): Promise<Tracing | null> {
  const { endpoint, ratio, service, instance, logger } = options;
  if (endpoint === undefined) return null;
  const [api, sdk, { OTLPTraceExporter }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces`, timeoutMillis: 5000 });
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.instance.id': instance }),
    sampler: new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis: 1000 })],
  });
  const tracer = provider.getTracer('seckill');
  const kinds = { server: api.SpanKind.SERVER, producer: api.SpanKind.PRODUCER, consumer: api.SpanKind.CONSUMER };
  logger.info({ endpoint, ratio }, 'traces are sent');

  const contextOf = (traceparent: string | undefined): Context => {
    const [, traceId, spanId, flags] = traceparent?.split('-') ?? [];
    if (traceId === undefined || spanId === undefined) return api.ROOT_CONTEXT;
    const traceFlags = Number.parseInt(flags ?? '0', 16);
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
  };
  const traceparentOf = (span: Span): string | null => {
    const { traceId, spanId } = span.spanContext();
    return span.isRecording() ? `00-${traceId}-${spanId}-01` : null;
  };

  return {
    begin(name) {
      const span = tracer.startSpan(name, { kind: kinds.server }, api.ROOT_CONTEXT);
      return {
        traceparent: traceparentOf(span),
        end: (attributes) => {
          span.setAttributes(attributes);
          span.end();
        },
      };
    },
    record({ name, parent, kind, startMs, endMs, attributes }) {
      const options = { kind: kinds[kind], startTime: startMs, attributes };
      tracer.startSpan(name, options, contextOf(parent)).end(endMs);
    },
    close: () => provider.shutdown(),
  };
}
