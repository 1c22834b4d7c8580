package throttle

import (
	"math"
	"slices"
	"time"

	"github.com/smtpace/smtpace/classify"
)

const (
	// mostHolders is the number of refused senders, tenants or other holders of one kind
	// that are told apart. The one with the fewest refusals makes room.
	mostHolders = 64
	// mostTogether is the number of holders that may explain the refusals together.
	mostTogether = 4
	// leastHeld is the least number of refusals that such an explanation needs.
	leastHeld = 3
	// surely is the logarithm of the odds at which an explanation is believed, and
	// anyOf what each holder takes off it: any of some ten could have been refused by
	// chance.
	surely, anyOf = 7, 2.3
	// alikeWell is the difference of these logarithms from which on an explanation is
	// better than one of another kind.
	alikeWell = 1
	// mostSeen is the number of messages after which all counts are halved.
	mostSeen = 2000
	// heldElsewhere is the number of destinations behind an endpoint at which a holder
	// must have been refused from RCPT on before the limit counts as the endpoint's.
	heldElsewhere = 3
)

// holderKinds are the kinds of scopes that a limit of a receiver may belong to beside
// the receiver. Of two that explain refusals alike the first counts.
var holderKinds = [...]ScopeKind{ScopeSenderDomain, ScopeTenant, ScopeSender, ScopeSource}

// origin tells where a message comes from.
type origin struct {
	address, domain, tenant string
	named                   *ScopeList
}

// originOf returns the origin of a job.
func originOf[T any](j *Job[T]) origin { return origin{j.From, j.Sender, j.Tenant, j.Scopes} }

// name returns the name of the holder of a kind.
func (o *origin) name(kind ScopeKind) (name string, known bool) {
	switch kind {
	case ScopeSender:
		return o.address, o.address != ""
	case ScopeSenderDomain:
		return o.domain, o.domain != ""
	case ScopeTenant:
		return o.tenant, true
	}
	if o.named != nil {
		for _, of := range o.named.scopes {
			if of.Kind == kind {
				return of.Name, true
			}
		}
	}
	return "", false
}

// holders tells limits of a receiver for all mail from those for the mail of one sender,
// sender domain, tenant or source address. A limit for all refuses each as often as it
// has mail. If all refusals are of holders with little of the mail accepted meanwhile,
// the limit is theirs. Their lessons belong to the pair of the holder and the receiver.
// It exists once such a limit was refused to mail of which the sender or tenant is known.
type holders struct {
	refused  float64 // messages that were refused
	accepted float64 // messages that were accepted since the first of these
	of       [len(holderKinds)]map[string]*holder
	last     time.Time // the last refusal
	lessons  int       // pairs with this receiver that have lessons
	quotas   sharedRefusals
}

// holder has the counts of one holder since it was first refused.
type holder struct {
	refused  float64
	accepted float64
	before   float64      // of all, those accepted before
	at       []string     // some of the destinations at which it was refused
	recent   recentTotals // what was accepted of late
	proved   bool         // whether it explains the refusals, perhaps together with others
}

// holders returns what was seen of holders; nil when nothing was.
func (s *scope) holders() *holders {
	if s.state == nil {
		return nil
	}
	return s.state.holders
}

// holding returns it, made when it is first called or when the last refusal is long
// ago.
func (s *scope) holding(now time.Time) *holders {
	if s.state == nil {
		s.state = &scopeState{}
	}
	h := s.state.holders
	switch {
	case h == nil:
		h = &holders{}
	case now.Sub(h.last) > ownLife:
		h = &holders{lessons: h.lessons, quotas: h.quotas}
	}
	h.last = now
	s.state.holders = h
	return h
}

// accepts counts a message that was accepted.
func (h *holders) accepts(now time.Time, o *origin, recipients int) {
	if h == nil {
		return
	}
	h.accepted++
	for i, kind := range holderKinds {
		if name, known := o.name(kind); known {
			if x := h.of[i][name]; x != nil {
				x.accepted++
				x.recent.count(now, recipients)
			}
		}
	}
	if h.accepted > mostSeen {
		h.halve()
	}
}

// halve has what is long ago count less.
func (h *holders) halve() {
	h.accepted /= 2
	h.refused /= 2
	for _, all := range h.of {
		for name, x := range all {
			x.accepted, x.before, x.refused = x.accepted/2, x.before/2, x.refused/2
			if x.refused < 0.1 {
				delete(all, name)
			}
		}
	}
}

// refuses counts a refusal of a message to a destination.
func (h *holders) refuses(o *origin, destination string) {
	h.refused++
	for i, kind := range holderKinds {
		name, known := o.name(kind)
		if !known {
			continue
		}
		x := h.of[i][name]
		if x == nil {
			x = h.enter(i, name)
		}
		x.refused++
		if len(x.at) < heldElsewhere && !slices.Contains(x.at, destination) {
			x.at = append(x.at, destination)
		}
	}
}

// enter makes a holder of a kind.
func (h *holders) enter(kind int, name string) *holder {
	if h.of[kind] == nil {
		h.of[kind] = map[string]*holder{}
	}
	all := h.of[kind]
	if len(all) >= mostHolders {
		least := ""
		for name, x := range all {
			if least == "" || x.refused < all[least].refused {
				least = name
			}
		}
		delete(all, least)
	}
	x := &holder{before: h.accepted}
	all[name] = x
	return x
}

// part returns the part of a holder in what was accepted since it was first refused.
func (h *holders) part(x *holder) float64 {
	return (x.accepted + 1) / (h.accepted - x.before + 1)
}

// explains returns the holder of a message that explains the refusals so far, and its
// kind; nil when none does. The last of these refusals is that of the message.
// everywhere wants it to have been refused at several destinations.
func (h *holders) explains(o *origin, everywhere bool) (by *holder, kind ScopeKind) {
	best := 0.0
	for i, k := range holderKinds {
		name, known := o.name(k)
		if !known {
			continue
		}
		x := h.of[i][name]
		if x == nil || everywhere && len(x.at) < heldElsewhere {
			continue
		}
		odds, together := h.odds(i, x)
		if x.proved {
			odds = max(odds, surely)
		}
		if odds < surely || odds <= best+alikeWell {
			continue
		}
		for _, y := range together {
			y.proved = true
		}
		by, kind, best = x, k, odds
	}
	return by, kind
}

// odds returns the logarithm of the odds that a holder of a kind and up to three others
// explain the refusals. It also returns these holders. For k of n refusals by holders
// with the part s of the mail it is at most, by Chernoff's bound, n times the divergence
// of k/n from s.
func (h *holders) odds(kind int, of *holder) (best float64, by []*holder) {
	together := []*holder{of}
	k, part := of.refused, h.part(of)
	for {
		if p := k / h.refused; k >= leastHeld && part < p {
			if odds := h.refused*divergence(p, part) - anyOf*float64(len(together)); odds > best {
				best, by = odds, together
			}
		}
		next := h.mostRefused(kind, together)
		if next == nil || len(together) == mostTogether {
			return best, by
		}
		together = append(together, next)
		k, part = k+next.refused, part+h.part(next)
	}
}

// mostRefused returns the holder of a kind beside some that was refused most often; nil
// when there is none.
func (h *holders) mostRefused(kind int, beside []*holder) (most *holder) {
	for _, x := range h.of[kind] {
		if !slices.Contains(beside, x) && (most == nil || x.refused > most.refused) {
			most = x
		}
	}
	return most
}

// divergence returns the relative entropy of two probabilities.
func divergence(p, q float64) float64 {
	d := p * math.Log(p/q)
	if p < 1 {
		d += (1 - p) * math.Log((1-p)/(1-q))
	}
	return d
}

// forget drops what was seen of a holder, once its limit is its own.
func (h *holders) forget(o *origin, kind ScopeKind) {
	i := slices.Index(holderKinds[:], kind)
	name, _ := o.name(kind)
	x := h.of[i][name]
	if x == nil {
		return
	}
	h.refused = max(h.refused-x.refused, 0)
	for j, k := range holderKinds {
		if j == i {
			continue
		}
		if name, known := o.name(k); known {
			if y := h.of[j][name]; y != nil {
				y.refused = max(y.refused-x.refused, 0)
			}
		}
	}
	delete(h.of[i], name)
}

// ofHolder reports whether a limit may belong to a holder.
func ofHolder(l classify.Limit) bool {
	return l == classify.LimitMessageRate || l == classify.LimitRecipientRate || l == classify.LimitQuota
}
