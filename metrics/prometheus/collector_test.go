package promsmtpace_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/series"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
	"github.com/smtpace/smtpace/throttle"
)

// stats is a source with the state that a test wants.
type stats smtpace.Stats

func (s *stats) Stats() smtpace.Stats { return smtpace.Stats(*s) }

// gathered returns the values by metric and labels, as "name{label=value}".
func gathered(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			values[f.GetName()+"{"+strings.Join(labels, ",")+"}"] = value
		}
	}
	return values
}

// The table of the README is that of the metrics.
func TestReadmeHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := series.Table((*series.Metric).Name, func(label string) string { return label })
	if !strings.Contains(string(text), want) {
		t.Errorf("README.md does not have this table:\n%s", want)
	}
}

// Destinations, relays and tenants that come by the thousands make few series, and those
// with the most mail are named.
func TestSeriesAreBounded(t *testing.T) {
	const top = 7
	c := promsmtpace.New(promsmtpace.Options{Top: top})
	tried := c.Observer().Try
	var s stats
	c.Watch(&s)
	for round := range 3 {
		s = stats{}
		for i := range 2000 {
			d := smtpace.DestinationStats{}
			d.Name, d.Queued, d.Delivered = fmt.Sprintf("d%d-%d.example", round, i), i, int64(i)
			s.Destinations = append(s.Destinations, d)
			r := smtpace.RelayStats{Opened: int64(i)}
			r.Name, r.Connections = fmt.Sprintf("r%d-%d.example\xff", round, i), i
			s.Relays = append(s.Relays, r)
			s.Scopes = append(s.Scopes, throttle.ScopeStats{Kind: "tenant", Name: fmt.Sprintf("t%d-%d", round, i), Parked: i})
		}
		gathered(t, c)
		for i := range 2000 { // 6,000 tenants in all
			tried(smtpace.Try{Tenant: fmt.Sprintf("u%d-%d", round, i)})
		}
		busiest := fmt.Sprintf("u0-%d", round) // a tenant with much more than the others
		for range 10_000 {
			tried(smtpace.Try{Tenant: busiest})
		}
		got := gathered(t, c)
		if got["smtpace_tenant_tries_total{tenant="+busiest+"}"] < 10_000 {
			t.Errorf("%s has %v tries", busiest, got["smtpace_tenant_tries_total{tenant="+busiest+"}"])
		}
		if most := (top + 1) * 30; len(got) > most {
			t.Errorf("%d series, want at most %d", len(got), most)
		}
		name := fmt.Sprintf("smtpace_queued_deliveries{destination=d%d-1999.example}", round)
		if got[name] != 1999 || got["smtpace_queued_deliveries{destination=other}"] < 1900*1900/2 {
			t.Errorf("%s is %v, other %v", name, got[name], got["smtpace_queued_deliveries{destination=other}"])
		}
	}
}

func TestEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := promsmtpace.New(promsmtpace.Options{})
		sender, receiver := newWorld(t, c)
		c.Watch(sender)
		play(t, sender)
		stats := sender.Stats()
		_ = sender.Close()
		receiver.Close()
		got := gathered(t, c)
		for name, want := range map[string]int64{
			"smtpace_recipients_total{destination=x.example,outcome=delivered}": 100,
			"smtpace_recipients_total{destination=x.example,outcome=refused}":   1,
			"smtpace_refused_recipients_total{class=bad-mailbox}":               1,
			"smtpace_tries_total{destination=x.example}":                        stats.Total.Tries,
			"smtpace_throttled_tries_total{destination=x.example}":              stats.Total.Throttled,
			"smtpace_queue_seconds{}":                                           101,
			"smtpace_waiting_messages{}":                                        0,
		} {
			if got[name] != float64(want) {
				t.Errorf("%s is %v, want %v", name, got[name], want)
			}
		}
		if stats.Total.Throttled == 0 || got["smtpace_transaction_seconds{outcome=deferred}"] != float64(stats.Total.Throttled) ||
			got["smtpace_connection_seconds{}"] == 0 || got["smtpace_lessons_total{limit=message-rate,scope=destination}"]+got["smtpace_lessons_total{limit=message-rate,scope=endpoint}"] == 0 {
			t.Errorf("%v", got)
		}
	})
}

// The names follow the conventions of Prometheus.
func TestNamesAreLinted(t *testing.T) {
	c := promsmtpace.New(promsmtpace.Options{})
	c.Watch(&stats{Destinations: []smtpace.DestinationStats{{}}, Relays: []smtpace.RelayStats{{}}})
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(c)
	problems, err := testutil.GatherAndLint(r)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// A Pacer can be watched as well.
func TestPacerIsWatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := promsmtpace.New(promsmtpace.Options{})
		pacer, err := smtpace.NewPacer(smtpace.PacerConfig{Observers: []smtpace.Observer{c.Observer()}})
		if err != nil {
			t.Fatal(err)
		}
		defer pacer.Close()
		c.Watch(pacer)
		if err := pacer.Do(t.Context(), "a@x.example", func(context.Context) error { time.Sleep(time.Second); return nil }); err != nil {
			t.Fatal(err)
		}
		got := gathered(t, c)
		if got["smtpace_recipients_total{destination=x.example,outcome=delivered}"] != 1 || got["smtpace_transaction_seconds{outcome=delivered}"] != 1 {
			t.Errorf("%v", got)
		}
	})
}
