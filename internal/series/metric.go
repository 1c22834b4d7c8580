package series

import "strings"

// Kind is the kind of a metric.
type Kind uint8

// The kinds.
const (
	Gauge     Kind = iota // may rise and fall
	Counter               // only rises
	Histogram             // durations in seconds
)

// String returns the kind in lower case.
func (k Kind) String() string { return [...]string{"gauge", "counter", "histogram"}[k] }

// Metric describes one metric.
type Metric struct {
	name   string // in Prometheus' form, without prefix and "_total"
	dotted string // in OpenTelemetry's form, without prefix
	Unit   string // UCUM
	Kind   Kind
	Labels []string // names of its labels
	Help   string   // what it counts, with what its labels mean
}

// Name returns the name that the conventions of Prometheus ask for.
func (m *Metric) Name() string {
	if m.Kind == Counter {
		return "smtpace_" + m.name + "_total"
	}
	return "smtpace_" + m.name
}

// Dotted returns the name that the conventions of OpenTelemetry ask for.
func (m *Metric) Dotted() string { return "smtpace." + m.dotted }

// Table returns the metrics as a table in Markdown with the given names of metrics and of
// labels.
func Table(name func(*Metric) string, label func(string) string) string {
	var b strings.Builder
	b.WriteString("| metric | kind | unit | labels | value |\n| --- | --- | --- | --- | --- |\n")
	for _, m := range All {
		var labels []string
		for _, l := range m.Labels {
			labels = append(labels, "`"+label(l)+"`")
		}
		b.WriteString("| `" + name(m) + "` | " + m.Kind.String() + " | `" + m.Unit + "` | " + strings.Join(labels, ", ") + " | " + m.Help + " |\n")
	}
	return b.String()
}

// The labels.
const (
	labelDestination = "destination"
	labelOutcome     = "outcome"
	labelRelay       = "relay"
	labelTenant      = "tenant"
	labelReason      = "reason"
	labelClass       = "class"
	labelScope       = "scope"
	labelLimit       = "limit"
)

// The metrics.
var (
	waiting       = &Metric{"waiting_messages", "message.waiting", "{message}", Gauge, nil, "accepted messages that are not settled"}
	rendered      = &Metric{"rendered_messages", "message.rendered", "{message}", Gauge, nil, "messages whose rendered bytes are in memory"}
	renderedBytes = &Metric{"rendered_bytes", "message.rendered.size", "By", Gauge, nil, "rendered bytes in memory"}

	queued          = &Metric{"queued_deliveries", "delivery.queued", "{delivery}", Gauge, []string{labelDestination}, "deliveries that wait: messages for one destination each"}
	inFlight        = &Metric{"inflight_transactions", "transaction.active", "{transaction}", Gauge, []string{labelDestination}, "transactions on the wire"}
	held            = &Metric{"held_deliveries", "delivery.held", "{delivery}", Gauge, []string{labelReason}, "deliveries that wait, by what holds their destination back: the name of a limit, `pause`, `breaker`, `unreachable`, `none`; `other` for destinations that are not looked at one by one"}
	parked          = &Metric{"parked_deliveries", "tenant.delivery.parked", "{delivery}", Gauge, []string{labelTenant}, "deliveries that wait for a limit of their tenant"}
	tenantTries     = &Metric{"tenant_tries", "tenant.try.ended", "{try}", Counter, []string{labelTenant}, "tries of messages with a tenant"}
	tenantDelivered = &Metric{"tenant_delivered_recipients", "tenant.recipient.delivered", "{recipient}", Counter, []string{labelTenant}, "recipients that were delivered, of messages with a tenant"}
	tenantsIn       = &Metric{"tenant_inflight_transactions", "tenant.transaction.active", "{transaction}", Gauge, []string{labelTenant}, "transactions on the wire for tenants with limits"}

	connections = &Metric{"connections", "connection.active", "{connection}", Gauge, []string{labelRelay}, "connections, those that are being opened or closed included"}
	established = &Metric{"established_connections", "connection.established", "{connection}", Gauge, []string{labelRelay}, "connections that are ready for mail"}
	down        = &Metric{"down_relays", "relay.down", "{relay}", Gauge, []string{labelRelay}, "1 for a relay that cannot be reached or refuses all mail, else 0"}
	opened      = &Metric{"opened_connections", "connection.opened", "{connection}", Counter, []string{labelRelay}, "connections that were opened"}
	failed      = &Metric{"failed_connections", "connection.failed", "{connection}", Counter, []string{labelRelay}, "connections that could not be opened"}

	recipients = &Metric{"recipients", "recipient.settled", "{recipient}", Counter, []string{labelDestination, labelOutcome}, "settled recipients, by outcome: `delivered`, `refused`, `gave_up`, `not_tried`, `unknown`"}
	tries      = &Metric{"tries", "try.ended", "{try}", Counter, []string{labelDestination}, "tries: transactions"}
	throttled  = &Metric{"throttled_tries", "try.throttled", "{try}", Counter, []string{labelDestination}, "tries whose answer named a limit"}
	ambiguous  = &Metric{"ambiguous_tries", "try.ambiguous", "{try}", Counter, []string{labelDestination}, "answers to the final dot that were lost, by recipient"}
	deferred   = &Metric{"deferred_answers", "answer.deferred", "{answer}", Counter, []string{labelClass}, "answers that put a recipient off, by class"}
	refused    = &Metric{"refused_recipients", "recipient.refused", "{recipient}", Counter, []string{labelClass}, "recipients that were refused for good, by class"}
	lessons    = &Metric{"lessons", "lesson.learned", "{lesson}", Counter, []string{labelScope, labelLimit}, "changes of learned limits: `endpoint` or `destination`, and the limit"}

	// QueueTime is the time from the acceptance of a message to the beginning of the first
	// try of each of its deliveries.
	QueueTime = &Metric{"queue_seconds", "queue.duration", "s", Histogram, nil, "time from the acceptance of a message to the beginning of a first try"}
	// TransactionTime is the duration of tries.
	TransactionTime = &Metric{"transaction_seconds", "transaction.duration", "s", Histogram, []string{labelOutcome}, "duration of a try, by outcome: `delivered` to all, `refused`, `deferred` or `ambiguous` for some"}
	// ConnectionTime is the duration of connections that were opened.
	ConnectionTime = &Metric{"connection_seconds", "connection.duration", "s", Histogram, nil, "time for which a connection was open"}
)

// All are the metrics in the order of the tables.
var All = []*Metric{
	waiting, rendered, renderedBytes, queued, inFlight, held, parked, tenantsIn, tenantTries, tenantDelivered,
	connections, established, down, opened, failed,
	recipients, tries, throttled, ambiguous, deferred, refused, lessons,
	QueueTime, TransactionTime, ConnectionTime,
}

// Bounds returns the upper bounds of the buckets of a histogram, in seconds: a queue can be
// as long as a message may wait.
func (m *Metric) Bounds() []float64 {
	switch m {
	case QueueTime:
		return []float64{0.001, 0.01, 0.1, 1, 10, 60, 300, 900, 3600, 4 * 3600, 24 * 3600}
	case TransactionTime:
		return []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600}
	default:
		return []float64{0.1, 1, 5, 10, 30, 60, 120, 300, 600, 1800}
	}
}
