// Package promsmtpace gives the state of a Sender or a Pacer, and the times of its
// messages, to Prometheus.
//
//	metrics := promsmtpace.New(promsmtpace.Options{})
//	sender, err := smtpace.New(smtpace.Config{
//		Relays:    relays,
//		Observers: []smtpace.Observer{metrics.Observer()},
//	})
//	...
//	metrics.Watch(sender)
//	prometheus.MustRegister(metrics)
//
// README.md of its folder lists the metrics. A dashboard for Grafana and alert rules lie
// beside it.
package promsmtpace

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/series"
)

// Options are the settings of a Collector. Its zero value is usable.
type Options struct {
	// Top is the number of names that a label for destinations, relays or tenants has
	// at most; those with the most mail are named, and "other" has the rest. 0 means
	// 20.
	Top int
}

// Collector is a prometheus.Collector. Make one with New. All methods are safe for
// concurrent use.
//
// It serves one Sender or Pacer. For several, register each Collector with a label of
// its own (prometheus.WrapRegistererWith).
type Collector struct {
	book  *series.Book
	descs map[*series.Metric]*prometheus.Desc
	times map[*series.Metric]*prometheus.HistogramVec
}

// New returns a Collector that knows nothing yet.
func New(o Options) *Collector {
	c := &Collector{descs: map[*series.Metric]*prometheus.Desc{}, times: map[*series.Metric]*prometheus.HistogramVec{}}
	for _, m := range series.All {
		if m.Kind != series.Histogram {
			c.descs[m] = prometheus.NewDesc(m.Name(), help(m), m.Labels, nil)
			continue
		}
		c.times[m] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name(), Help: help(m), Buckets: m.Bounds()}, m.Labels)
	}
	c.book = series.New(o.Top, func(m *series.Metric, seconds float64, labels ...string) {
		c.times[m].WithLabelValues(labels...).Observe(seconds)
	})
	return c
}

// help returns the help text of a metric.
func help(m *series.Metric) string { return strings.ToUpper(m.Help[:1]) + m.Help[1:] + "." }

// Observer returns the Observer to put into Config.Observers. Without it there are no
// histograms, no lessons and no classes of refusals.
func (c *Collector) Observer() smtpace.Observer { return c.book.Observer() }

// Watch sets what is collected from: a [smtpace.Sender] or a [smtpace.Pacer]. Each
// collection calls Stats, and Explain, if there is one, for the destinations that are
// named.
func (c *Collector) Watch(s interface{ Stats() smtpace.Stats }) { c.book.Watch(s) }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range series.All {
		if h := c.times[m]; h != nil {
			h.Describe(to)
		} else {
			to <- c.descs[m]
		}
	}
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	c.book.Collect(func(m *series.Metric, value float64, labels ...string) {
		kind := prometheus.GaugeValue
		if m.Kind == series.Counter {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(c.descs[m], kind, value, labels...)
	})
	for _, m := range series.All {
		if h := c.times[m]; h != nil {
			h.Collect(to)
		}
	}
}
