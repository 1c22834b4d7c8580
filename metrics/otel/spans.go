package otelsmtpace

import (
	"context"
	"sync"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/internal/series"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// shards is the number of parts of the callers, so that connections seldom wait for each
// other.
const shards = 32

// spans makes a span of each try, with a link to the span of the caller that gave the
// message. It keeps no context: only which span it was, until the message is settled.
type spans struct {
	tracer  trace.Tracer
	callers [shards]callers
}

// callers are the spans of callers by the number of their message.
type callers struct {
	mu sync.Mutex
	by map[uint64]trace.SpanContext
}

// newSpans returns spans of a tracer.
func newSpans(tracer trace.Tracer) *spans {
	s := &spans{tracer: tracer}
	for i := range s.callers {
		s.callers[i].by = map[uint64]trace.SpanContext{}
	}
	return s
}

// accepted keeps the span of the caller.
func (s *spans) accepted(ctx context.Context, a smtpace.Acceptance) {
	caller := trace.SpanContextFromContext(ctx)
	if !caller.IsValid() {
		return
	}
	c := &s.callers[a.Number%shards]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[a.Number] = caller
}

// settled forgets the span of the caller.
func (s *spans) settled(r *smtpace.Result) {
	c := &s.callers[r.Number%shards]
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, r.Number)
}

// caller returns the span of the caller; it is not valid when there was none.
func (s *spans) caller(number uint64) trace.SpanContext {
	c := &s.callers[number%shards]
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[number]
}

// tried makes the span of a try. It tells no address and no text of a server.
func (s *spans) tried(t smtpace.Try) {
	options := []trace.SpanStartOption{
		trace.WithNewRoot(), trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(t.Began),
		trace.WithAttributes(
			attribute.String("network.protocol.name", "smtp"),
			attribute.String("smtpace.destination", t.Destination),
			attribute.String("smtpace.relay", t.Relay),
			attribute.Int64("smtpace.message.number", int64(t.Number)),
			attribute.Int64("smtpace.connection.number", int64(t.Connection)),
			attribute.Int("smtpace.recipients", len(t.Recipients)),
			attribute.String("smtpace.outcome", series.Outcome(t)),
		),
	}
	if t.Tenant != "" {
		options = append(options, trace.WithAttributes(attribute.String("smtpace.tenant", t.Tenant)))
	}
	if caller := s.caller(t.Number); caller.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: caller}))
	}
	_, span := s.tracer.Start(context.Background(), "smtpace try", options...)
	if span.IsRecording() {
		fail(span, t)
	}
	span.End(trace.WithTimestamp(t.Time))
}

// fail gives a span the answer to the first recipient that was not delivered, if there is
// one.
func fail(span trace.Span, t smtpace.Try) {
	for i := range t.Recipients {
		r := &t.Recipients[i]
		if r.Verdict.Recipient == classify.RecipientDelivered {
			continue
		}
		class := r.Verdict.Class.String()
		span.SetStatus(codes.Error, class)
		span.SetAttributes(attribute.String("error.type", class), attribute.String("smtpace.stage", r.Stage.String()))
		if r.Reply != nil {
			span.SetAttributes(attribute.Int("smtp.response.status_code", r.Reply.Code))
		}
		if r.Verdict.Throttled() {
			span.SetAttributes(attribute.String("smtpace.limit", r.Verdict.Limit.String()))
		}
		return
	}
}
