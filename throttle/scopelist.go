package throttle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ScopeKind is the kind of holder that limits belong to.
type ScopeKind uint8

// The kinds of scopes. Every job belongs to the process, to an endpoint and to a
// destination. It belongs to the others as far as its Scopes name them.
const (
	ScopeProcess      ScopeKind = iota
	ScopeEndpoint               // a relay or host
	ScopeDestination            // a provider, else a domain
	ScopeTenant                 // on whose behalf mail is sent
	ScopeSender                 // an address of the envelope sender; "" is the null sender
	ScopeSenderDomain           // the domain of these
	ScopeSource                 // an address that connections come from
	ScopePair                   // two scopes at once, see PairOf
	scopeKinds
)

var scopeKindNames = [scopeKinds]string{"process", "endpoint", "destination", "tenant", "sender", "sender domain", "source", "pair"}

// String returns the kind in lower case.
func (k ScopeKind) String() string {
	if k < scopeKinds {
		return scopeKindNames[k]
	}
	return "invalid"
}

// further reports whether jobs belong to a scope of this kind only when they
// name it.
func (k ScopeKind) further() bool { return k > ScopeDestination && k < scopeKinds }

// Scope names one holder of limits. Name is empty for the process. It is always
// spelt the same.
type Scope struct {
	Kind ScopeKind
	Name string
}

// String returns the kind and the quoted name: `tenant "acme"`.
func (s Scope) String() string {
	if s.Kind == ScopeProcess {
		return s.Kind.String()
	}
	return fmt.Sprintf("%s %q", s.Kind, s.Name)
}

// PairOf returns the scope of what belongs to both a and b, such as the mail of
// a tenant to a destination. The order does not matter.
func PairOf(a, b Scope) Scope {
	if cmp.Or(cmp.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name)) > 0 {
		a, b = b, a
	}
	return Scope{ScopePair, a.String() + ", " + b.String()}
}

// mostScopes is the number of scopes that a ScopeList may have.
const mostScopes = 16

// ScopeList is the further scopes of a job, beside the process, an endpoint and
// a destination. It is immutable and may be shared. A nil list is empty.
type ScopeList struct {
	scopes []listedScope
	key    string
}

// listedScope is a Scope and its key in maps.
type listedScope struct {
	Scope
	key string
}

// NewScopeList returns a list of scopes in any order. It returns nil for none. It reports
// a scope named twice, a scope of a kind that every job has, and more than 16 scopes.
func NewScopeList(scopes ...Scope) (*ScopeList, error) {
	if len(scopes) == 0 {
		return nil, nil
	}
	l := &ScopeList{}
	var errs []error
	for _, of := range scopes {
		switch {
		case !of.Kind.further():
			errs = append(errs, fmt.Errorf("throttle: scope %v in a list: want a tenant, sender, sender domain, source or pair", of))
		case slices.ContainsFunc(l.scopes, func(other listedScope) bool { return other.Scope == of }):
			errs = append(errs, fmt.Errorf("throttle: a list names the scope %v twice: want it once", of))
		case len(of.String()) > longestName:
			errs = append(errs, fmt.Errorf("throttle: the name of a %v is too long: it has %d bytes, want %d at most with its kind", of.Kind, len(of.Name), longestName))
		default:
			l.scopes = append(l.scopes, listedScope{of, of.String()})
		}
	}
	if len(scopes) > mostScopes {
		errs = append(errs, fmt.Errorf("throttle: a list has %d scopes: want %d at most", len(scopes), mostScopes))
	}
	slices.SortFunc(l.scopes, func(a, b listedScope) int { return strings.Compare(a.key, b.key) })
	for _, of := range l.scopes {
		l.key += of.key + "\n" // a quoted name has none
	}
	return l, errors.Join(errs...)
}

// Key returns a text that is the same for lists of the same scopes.
func (l *ScopeList) Key() string {
	if l == nil {
		return ""
	}
	return l.key
}

// names reports whether the list has a scope of this key.
func (l *ScopeList) names(key string) bool {
	return l != nil && slices.ContainsFunc(l.scopes, func(of listedScope) bool { return of.key == key })
}
