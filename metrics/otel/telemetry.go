// Package otelsmtpace gives the state of a Sender or a Pacer, the times of its messages
// and a span for each try to OpenTelemetry. It uses the API alone; which SDK takes the
// data is the program's choice.
//
//	telemetry, err := otelsmtpace.New(otelsmtpace.Options{})
//	...
//	sender, err := smtpace.New(smtpace.Config{
//		Relays:    relays,
//		Observers: []smtpace.Observer{telemetry.Observer()},
//	})
//	...
//	telemetry.Watch(sender)
//
// README.md of its folder lists the metrics and the attributes of spans.
package otelsmtpace

import (
	"context"
	"errors"
	"fmt"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/series"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// scopeName is the name of the instrumentation scope.
const scopeName = "github.com/smtpace/smtpace/metrics/otel"

// Options are the settings of a Telemetry. Its zero value is usable.
type Options struct {
	// MeterProvider takes the metrics; nil means that of otel.GetMeterProvider.
	MeterProvider metric.MeterProvider
	// TracerProvider takes the spans; nil means that of otel.GetTracerProvider.
	TracerProvider trace.TracerProvider
	// Top is the number of names that an attribute for destinations, relays or tenants
	// has at most; those with the most mail are named, and "other" has the rest. 0
	// means 20.
	Top int
}

// Telemetry gives metrics and spans. Make one with New and end it with Close. All methods
// are safe for concurrent use. It serves one Sender or Pacer.
type Telemetry struct {
	book         *series.Book
	spans        *spans
	instruments  map[*series.Metric]metric.Float64Observable
	times        map[*series.Metric]metric.Float64Histogram
	registration metric.Registration
}

// New returns a Telemetry that knows nothing yet. Its error is that of the MeterProvider.
func New(o Options) (*Telemetry, error) {
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	t := &Telemetry{
		spans:       newSpans(o.TracerProvider.Tracer(scopeName)),
		instruments: map[*series.Metric]metric.Float64Observable{}, times: map[*series.Metric]metric.Float64Histogram{},
	}
	meter := o.MeterProvider.Meter(scopeName)
	var all []metric.Observable
	var errs []error
	for _, m := range series.All {
		if err := t.instrument(meter, m); err != nil {
			errs = append(errs, fmt.Errorf("otelsmtpace: %s: %w", m.Dotted(), err))
		} else if i := t.instruments[m]; i != nil {
			all = append(all, i)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	t.book = series.New(o.Top, func(m *series.Metric, seconds float64, labels ...string) {
		t.times[m].Record(context.Background(), seconds, metric.WithAttributes(attributes(m, labels)...))
	})
	var err error
	if t.registration, err = meter.RegisterCallback(t.collect, all...); err != nil {
		return nil, fmt.Errorf("otelsmtpace: %w", err)
	}
	return t, nil
}

// instrument makes the instrument of a metric.
func (t *Telemetry) instrument(meter metric.Meter, m *series.Metric) (err error) {
	unit, text := metric.WithUnit(m.Unit), metric.WithDescription(m.Help)
	switch m.Kind {
	case series.Histogram:
		t.times[m], err = meter.Float64Histogram(m.Dotted(), unit, text, metric.WithExplicitBucketBoundaries(m.Bounds()...))
	case series.Counter:
		t.instruments[m], err = meter.Float64ObservableCounter(m.Dotted(), unit, text)
	default: // values that add up over destinations and processes
		t.instruments[m], err = meter.Float64ObservableUpDownCounter(m.Dotted(), unit, text)
	}
	return err
}

// collect gives the present values to the MeterProvider.
func (t *Telemetry) collect(_ context.Context, to metric.Observer) error {
	t.book.Collect(func(m *series.Metric, value float64, labels ...string) {
		to.ObserveFloat64(t.instruments[m], value, metric.WithAttributes(attributes(m, labels)...))
	})
	return nil
}

// attributes returns the labels of a metric as attributes.
func attributes(m *series.Metric, values []string) []attribute.KeyValue {
	list := make([]attribute.KeyValue, len(values))
	for i, v := range values {
		list[i] = attribute.String(attributeName(m.Labels[i]), v)
	}
	return list
}

// attributeName returns the name of the attribute that a label becomes.
func attributeName(label string) string { return "smtpace." + label }

// Observer returns the Observer to put into Config.Observers. Without it there are no
// spans, no durations, no lessons and no classes of refusals.
func (t *Telemetry) Observer() smtpace.Observer {
	o := t.book.Observer()
	count, end := o.Try, o.Settled
	o.Accepted = t.spans.accepted
	o.Try = func(try smtpace.Try) { t.spans.tried(try); count(try) }
	o.Settled = func(r *smtpace.Result) { t.spans.settled(r); end(r) }
	return o
}

// Watch sets what is collected from: a [smtpace.Sender] or a [smtpace.Pacer]. Each
// collection calls Stats, and Explain, if there is one, for the destinations that are
// named.
func (t *Telemetry) Watch(s interface{ Stats() smtpace.Stats }) { t.book.Watch(s) }

// Close ends the collections.
func (t *Telemetry) Close() error { return t.registration.Unregister() }
