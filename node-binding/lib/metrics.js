// The counters of a native engine, which may not have been started yet.
'use strict';

const { Engine } = require('./native');

/** Numbers by name, as they are at this moment. */
function metricsOf(engine) {
  return engine === null ? Engine.idleMetrics() : engine.metrics();
}

/** The same as Prometheus scrapes them. */
function prometheusOf(engine) {
  return engine === null ? Engine.idlePrometheus() : engine.prometheus();
}

module.exports = { metricsOf, prometheusOf };
