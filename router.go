package smtpace

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/smtpace/smtpace/internal/printable"
	"github.com/smtpace/smtpace/throttle"
)

// Router decides where mail goes. It is asked once for each message and recipient
// domain, and again after the Route's Until: when a connection takes the message, or
// some time after none could be opened to any hop. The library keeps no answers: a
// Router that asks others should keep them. It must be safe for concurrent use.
//
// Route may take its time: at most 64 calls run at once. One domain has 8 of them, or
// an eighth of what others leave. Domains take turns. Mail for domains that are not
// being asked about goes on meanwhile. Route must return when ctx ends: after 1 minute,
// or with the Sender. A call that ignores ctx keeps its place among the 64. A Router
// that always knows at once should implement [PromptRouter] as well.
//
// An error means "not now": the Router is asked again after 1 s, then with
// growing gaps of up to 5 min, until the message expires; no attempt is counted.
// So do a Route without a hop, one with a Relay that is not valid, and a panic.
// A [*NoRouteError] means "never", and [ErrUseRelays] that Config.Relays serve.
type Router interface {
	Route(ctx context.Context, r RouteRequest) (Route, error)
}

// PromptRouter is a Router that may know a Route without waiting.
type PromptRouter interface {
	Router
	// RouteNow returns the results of Route and true, or false where Route would
	// have to wait. It must not block.
	RouteNow(r RouteRequest) (route Route, err error, ok bool)
}

// RouterFunc is a Router that may wait.
type RouterFunc func(ctx context.Context, r RouteRequest) (Route, error)

// Route calls f.
func (f RouterFunc) Route(ctx context.Context, r RouteRequest) (Route, error) { return f(ctx, r) }

// PromptRouterFunc is a Router that always knows at once. It must not block.
type PromptRouterFunc func(r RouteRequest) (Route, error)

// Route calls f.
func (f PromptRouterFunc) Route(_ context.Context, r RouteRequest) (Route, error) { return f(r) }

// RouteNow calls f.
func (f PromptRouterFunc) RouteNow(r RouteRequest) (Route, error, bool) {
	route, err := f(r)
	return route, err, true
}

// RouteRequest is the part of a message that a Router may go by.
type RouteRequest struct {
	// Domain is the domain of the recipients in its normal form: A-labels, lower
	// case, no trailing dot; or an address literal in brackets.
	Domain string
	Sender string // mailbox of the envelope sender; "" is the null sender
	Tenant string // Message.Tenant
	ID     any    // Message.ID
}

// Route is the way of the mail to a domain.
type Route struct {
	// Destination is the name under which the receiver's limits apply. "" means the
	// profile of the domain, else the domain.
	Destination string
	// Provider names the profile whose rules judge the replies. "" means the
	// profile of the destination, else the profile of the domain.
	Provider string
	// Parents are further scopes of the mail, beside the process, the relay and the
	// destination. A parent is a tenant, the address or domain of the sender, the
	// source address of the connections, or a pair of scopes (throttle.PairOf), such as
	// a tenant's mail to a destination. The mail goes when the limits of all parents
	// allow it; see Sender.SetLimits. A parent without limits costs nothing. Mail that
	// one of them holds back holds up no other mail. Recipients with different Parents
	// are not in one transaction. A kind that every mail has (process, endpoint,
	// destination) makes the Route an error.
	Parents []throttle.Scope
	// Levels are the relays or hosts that take the mail, the best level first.
	// Those of a level share its mail by weight.
	Levels [][]Hop
	// Overflow decides when a worse level serves. The zero value is OverflowDown.
	Overflow throttle.Overflow
	// Until is the end of the Route's validity. Zero means none; a time less than
	// 1 s ahead counts as 1 s ahead. Policies of TLS end with it. A message that a connection takes later is
	// routed anew, each recipient domain by itself. With a PromptRouter that knows
	// at once, it goes on in the same connection if Destination, Parents and Levels
	// are the same. Otherwise it returns to the front of the queue, and its next transaction
	// uses the new Route even after its Until. A message whose hops all fail to give a
	// connection is routed anew within minutes.
	Until time.Time
}

// Hop is a relay, or a host of a receiver.
//
// In a Route, a Relay that has Credentials, a TLSConfig or a DialContext needs a
// Name. Limits, learned limits and connections belong to the Name and the TLSPolicy.
// A Relay of the same Name with another Addr, TLS, HELO or Auth makes the Route an
// error. New connections use the functions that were given last.
type Hop struct {
	Relay     Relay
	Weight    int       // share of the level's mail, in proportion to the other weights; 0 means 1
	TLSPolicy TLSPolicy // what its TLS must prove, until the Route's Until; the zero value adds nothing to the Relay's settings
}

// Via returns a Route that prefers the relays in this order.
func Via(relays ...Relay) Route {
	r := Route{}
	for _, relay := range relays {
		r.Levels = append(r.Levels, []Hop{{Relay: relay}})
	}
	return r
}

// ErrUseRelays is the error of a Router that leaves the mail to Config.Relays.
// Destination, Provider and Parents of the Route apply all the same.
var ErrUseRelays = errors.New("smtpace: Config.Relays serve")

// NoRouteError is the error of a Router for a domain that never gets mail. The
// recipients are refused for good with Err, which best is a *classify.Reply.
type NoRouteError struct {
	Domain string
	Err    error
}

// Error names the domain and the reason, on one printable line of at most 1 KiB.
func (e *NoRouteError) Error() string {
	return printable.Text(fmt.Sprintf("smtpace: no mail can go to %s: %v", e.Domain, e.Err), printable.MaxError)
}

// Unwrap returns Err.
func (e *NoRouteError) Unwrap() error { return e.Err }

// RouteTable is a Router that asks the first rule whose pattern matches. Other
// domains go to Config.Relays. New reports a pattern that is not valid; within a
// Router of another type it matches nothing.
type RouteTable []RouteRule

// RouteRule is a rule of a RouteTable.
type RouteRule struct {
	// Pattern is a domain, "*." and a domain for all subdomains of it, or "*". A
	// domain may be written as in an address: in upper case, with U-labels or a dot
	// at its end.
	Pattern string
	// Router is asked for the domains that match; nil means Config.Relays.
	Router Router
}

// Route asks the rule that matches.
func (t RouteTable) Route(ctx context.Context, r RouteRequest) (Route, error) {
	if router := t.match(r.Domain); router != nil {
		return router.Route(ctx, r)
	}
	return Route{}, ErrUseRelays
}

// RouteNow asks the rule that matches, if its Router knows at once.
func (t RouteTable) RouteNow(r RouteRequest) (Route, error, bool) {
	router := t.match(r.Domain)
	if router == nil {
		return Route{}, ErrUseRelays, true
	}
	if prompt, ok := router.(PromptRouter); ok {
		return prompt.RouteNow(r)
	}
	return Route{}, nil, false
}

// match returns the Router of the first rule that matches; nil when there is none.
func (t RouteTable) match(domain string) Router {
	for _, rule := range t {
		if matches(rule.Pattern, domain) {
			return rule.Router
		}
	}
	return nil
}

// matches reports whether a domain matches a pattern. A pattern that is not valid
// matches nothing.
func matches(pattern, domain string) bool {
	if pattern == "*" {
		return true
	}
	name, below := strings.CutPrefix(pattern, "*.")
	normal, err := normalDomain(name)
	switch {
	case err != nil:
		return false
	case below:
		return strings.HasSuffix(domain, "."+normal)
	}
	return strings.EqualFold(domain, normal)
}

// validate reports the patterns that match nothing, those of tables within t too.
// field names t in errors.
func (t RouteTable) validate(field string, bad func(format string, args ...any)) {
	for i, rule := range t {
		rules := fmt.Sprintf("%s[%d]", field, i)
		name := strings.TrimPrefix(rule.Pattern, "*.")
		if _, err := normalDomain(name); err != nil && rule.Pattern != "*" {
			bad(`%s.Pattern: %q %w: want a domain such as "example.com", "*.example.com" for all below it, or "*"`, rules, rule.Pattern, err)
		}
		if within, ok := rule.Router.(RouteTable); ok {
			within.validate(rules+".Router", bad)
		}
	}
}
