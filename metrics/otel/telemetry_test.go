package otelsmtpace

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/internal/series"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// rig is a Sender to a receiver in memory, with an SDK that keeps all.
type rig struct {
	sender    *smtpace.Sender
	telemetry *Telemetry
	spans     *tracetest.SpanRecorder
	tracer    trace.Tracer // of the caller
	reader    *sdkmetric.ManualReader
}

// inWorld runs a test in a bubble.
func inWorld(t *testing.T, receiver smtptest.Config, test func(t *testing.T, r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		receiver.InMemory = true
		srv := smtptest.NewServer(receiver)
		defer srv.Close()
		r := &rig{spans: tracetest.NewSpanRecorder(), reader: sdkmetric.NewManualReader()}
		tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r.spans))
		r.tracer = tracers.Tracer("caller")
		var err error
		if r.telemetry, err = New(Options{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)), TracerProvider: tracers}); err != nil {
			t.Fatal(err)
		}
		r.sender, err = smtpace.New(smtpace.Config{
			Relays:    []smtpace.Relay{{Name: "up", Addr: srv.Addr, TLS: pool.TLSNone, DialContext: srv.DialContext}},
			Observers: []smtpace.Observer{r.telemetry.Observer()}, IdleTimeout: time.Second,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer r.sender.Close()
		r.telemetry.Watch(r.sender)
		test(t, r)
	})
}

// message returns a message to a recipient.
func message(to ...string) smtpace.Message {
	return smtpace.Message{From: "a@s.example", To: to, Tenant: "acme", Data: []byte("Subject: x\r\n\r\nx\r\n")}
}

// attributesOf returns the attributes of a span by name.
func attributesOf(s sdktrace.ReadOnlySpan) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes() {
		out[string(a.Key)] = a.Value.String()
	}
	return out
}

// Every try has a span of its own duration that links to the span of the caller, also
// when that has ended long before.
func TestSpansLinkToTheCaller(t *testing.T) {
	faults := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Times: 1, Fault: smtptest.Fault{Reply: "450 4.7.1 <bob@x.example> too many messages"}})
	inWorld(t, smtptest.Config{Fault: faults, ServiceTime: 2 * time.Second}, func(t *testing.T, r *rig) {
		ctx, cancel := context.WithCancel(t.Context())
		ctx, caller := r.tracer.Start(ctx, "request")
		if _, err := r.sender.Submit(ctx, message("bob@x.example"), nil); err != nil {
			t.Fatal(err)
		}
		caller.End()
		cancel()
		time.Sleep(time.Hour)
		var tries []sdktrace.ReadOnlySpan
		for _, s := range r.spans.Ended() {
			if s.Name() == "smtpace try" {
				tries = append(tries, s)
			}
		}
		if len(tries) != 2 {
			t.Fatalf("%d spans", len(tries))
		}
		for i, s := range tries {
			if links := s.Links(); len(links) != 1 || !links[0].SpanContext.Equal(caller.SpanContext()) || s.Parent().IsValid() || s.SpanKind() != trace.SpanKindClient {
				t.Errorf("try %d: links %v, parent %v", i, links, s.Parent())
			}
		}
		refused, stored := tries[0], tries[1]
		if took := stored.EndTime().Sub(stored.StartTime()); took != 2*time.Second || stored.Status().Code != codes.Unset {
			t.Errorf("%v, %v", took, stored.Status())
		}
		got := attributesOf(refused)
		for name, want := range map[string]string{
			"smtpace.destination": "x.example", "smtpace.relay": "up", "smtpace.tenant": "acme", "smtpace.outcome": "deferred", "smtpace.stage": "RCPT",
			"smtpace.limit": "message-rate", "smtp.response.status_code": "450", "smtpace.message.number": "1", "smtpace.recipients": "1",
		} {
			if got[name] != want {
				t.Errorf("%s is %q, want %q", name, got[name], want)
			}
		}
		if refused.Status().Code != codes.Error || strings.Contains(fmt.Sprint(got, refused.Status(), refused.Events()), "bob") {
			t.Errorf("%v %v", refused.Status(), got)
		}
		for i := range r.telemetry.spans.callers {
			if n := len(r.telemetry.spans.callers[i].by); n != 0 {
				t.Errorf("%d callers are kept", n)
			}
		}
	})
}

// A caller without a span has spans without links.
func TestSpansWithoutCaller(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, r *rig) {
		if _, err := r.sender.Send(t.Context(), message("bob@x.example")); err != nil {
			t.Fatal(err)
		}
		if all := r.spans.Ended(); len(all) != 1 || len(all[0].Links()) != 0 {
			t.Errorf("%v", all)
		}
	})
}

// collected returns the values by metric and attributes.
func (r *rig) collected(t *testing.T) map[string]float64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := r.reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	key := func(name string, set attribute.Set) string {
		return name + "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
	}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[float64]:
			for _, p := range d.DataPoints {
				values[key(m.Name, p.Attributes)] = p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				values[key(m.Name, p.Attributes)] = float64(p.Count)
			}
		}
	}
	return values
}

func TestMetrics(t *testing.T) {
	faults := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Recipient: "gone@x.example", Fault: smtptest.Fault{Reply: "550 5.1.1 no"}})
	inWorld(t, smtptest.Config{Fault: faults}, func(t *testing.T, r *rig) {
		for i := range 10 {
			if _, err := r.sender.Send(t.Context(), message(fmt.Sprintf("r%d@x.example", i))); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := r.sender.Send(t.Context(), message("gone@x.example")); err == nil {
			t.Fatal("no error")
		}
		r.sender.Pause("y.example")
		if _, err := r.sender.Submit(t.Context(), message("a@y.example"), nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got := r.collected(t)
		for name, want := range map[string]float64{
			"smtpace.recipient.settled{smtpace.destination=x.example,smtpace.outcome=delivered}": 10,
			"smtpace.recipient.settled{smtpace.destination=x.example,smtpace.outcome=refused}":   1,
			"smtpace.recipient.refused{smtpace.class=bad-mailbox}":                               1,
			"smtpace.try.ended{smtpace.destination=x.example}":                                   11,
			"smtpace.queue.duration{}":                                  11,
			"smtpace.transaction.duration{smtpace.outcome=delivered}":   10,
			"smtpace.connection.duration{}":                             got["smtpace.connection.opened{smtpace.relay=up}"],
			"smtpace.message.waiting{}":                                 1,
			"smtpace.delivery.queued{smtpace.destination=y.example}":    1,
			"smtpace.delivery.held{smtpace.reason=pause}":               1,
			"smtpace.connection.opened{smtpace.relay=up}":               max(got["smtpace.connection.opened{smtpace.relay=up}"], 1),
			"smtpace.connection.active{smtpace.relay=up}":               0,
			"smtpace.transaction.active{smtpace.destination=x.example}": 0,
			"smtpace.delivery.queued{smtpace.destination=x.example}":    0,
			"smtpace.transaction.duration{smtpace.outcome=refused}":     1,
			"smtpace.relay.down{smtpace.relay=up}":                      0,
			"smtpace.connection.failed{smtpace.relay=up}":               0,
			"smtpace.connection.established{smtpace.relay=up}":          0,
			"smtpace.try.throttled{smtpace.destination=x.example}":      0,
			"smtpace.try.ambiguous{smtpace.destination=x.example}":      0,
			"smtpace.message.rendered{}":                                got["smtpace.message.rendered{}"],
			"smtpace.message.rendered.size{}":                           got["smtpace.message.rendered.size{}"],
		} {
			if value, has := got[name]; !has || value != want {
				t.Errorf("%s is %v, want %v", name, value, want)
			}
		}
		if err := r.telemetry.Close(); err != nil {
			t.Fatal(err)
		}
		if _, has := r.collected(t)["smtpace.message.waiting{}"]; has {
			t.Error("it is collected from after Close")
		}
	})
}

// Whoever imports the package builds the API alone.
func TestOnlyTheAPI(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "opentelemetry.io/otel/sdk") || strings.Contains(line, "opentelemetry.io/otel/exporters") {
			t.Errorf("it depends on %s", line)
		}
	}
}

// The table of the README is that of the metrics.
func TestReadmeHasEveryMetric(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := series.Table((*series.Metric).Dotted, attributeName); !strings.Contains(string(text), want) {
		t.Errorf("README.md does not have this table:\n%s", want)
	}
}

// The README lists every attribute of a span.
func TestReadmeHasEveryAttribute(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	faults := smtptest.Rules(smtptest.Rule{Stage: smtptest.StageRcpt, Fault: smtptest.Fault{Reply: "450 4.7.1 too many messages"}})
	inWorld(t, smtptest.Config{Fault: faults}, func(t *testing.T, r *rig) {
		if _, err := r.sender.Submit(t.Context(), message("bob@x.example"), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := attributesOf(r.spans.Ended()[0])
		if len(got) < 11 {
			t.Errorf("%v", got)
		}
		for name := range got {
			if !strings.Contains(string(text), "| `"+name+"` |") {
				t.Errorf("README.md does not have the attribute %s", name)
			}
		}
	})
}
