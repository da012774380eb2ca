// The counters of a native engine, which may not have been started yet.
'use strict';

const { Engine } = require('./native');

/** Numbers by name, as they are at this moment. */
function metricsOf(engine) {
  return engine === null ? Engine.idleMetrics() : engine.metrics();
}

/** The same as Prometheus scrapes them, with labels by name. */
function prometheusOf(engine, labels = {}) {
  const flat = Object.entries(labels).flat().map(String);
  return engine === null ? Engine.idlePrometheus(flat) : engine.prometheus(flat);
}

module.exports = { metricsOf, prometheusOf };
