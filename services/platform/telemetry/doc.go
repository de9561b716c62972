// Package telemetry is what a process tells about itself: logs, metrics and
// traces, and the small pages on the private port that show them.
//
// Logs are JSON lines on slog; a line written with a context carries its trace.
// Metrics are OpenTelemetry instruments that Prometheus reads. Traces go where
// the usual OTEL_* variables say, and nowhere by default; besides, the newest
// spans are kept in memory, so that a process without a collector can still show
// what it did.
//
// Nothing here is global until Install is called, once, by the process.
package telemetry
