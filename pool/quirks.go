package pool

import (
	"sync"
	"sync/atomic"
	"time"
)

// How long what was learned of an endpoint holds.
const (
	// quirkTime is the time for which a broken extension is not used.
	quirkTime = 24 * time.Hour
	// lockstepTime is that time for PIPELINING at an endpoint where it has worked; where
	// another connection falls silent within quirkTime after it, it is quirkTime.
	lockstepTime = 10 * time.Minute
	// bareTime is the least time between two tries without parameters at an endpoint
	// that has accepted all of them, or that has refused a few without them. It doubles
	// with each that is refused as well, up to longestBare.
	bareTime    = time.Minute
	longestBare = 16 * time.Minute
)

// brokenPipelines is the number of connections in a row that must end with commands
// unanswered before PIPELINING is no longer used, although it has worked.
const brokenPipelines = 3

// endedSessions is the number of sessions in a row that must end at an EHLO behind the
// login before none is sent there any more.
const endedSessions = 2

// quirks holds what connections have learned of an endpoint: which of the extensions
// that it offers do not work. It is safe for concurrent use.
//
// A wrong lesson costs little. Without PIPELINING and without followers a connection
// is slower, without SIZE a message too large is refused after it was sent, without
// BODY a receiver is not told what it gets. A lesson about PIPELINING is
// dropped when another connection shows that it works, or when a connection without it
// fails in the same way.
type quirks struct {
	riding riding

	pipelines atomic.Bool   // whether commands written ahead were answered
	accepted  atomic.Uint32 // the Params of MAIL commands that were accepted

	mu       sync.Mutex
	inStep   time.Time // until then no command goes ahead of the reply to another
	broken   int       // connections in a row that ended with commands unanswered
	silent   bool      // whether one fell silent where it had worked; cleared a quirkTime after inStep
	refused  Params    // parameters that are left out
	bare     time.Time // until then they are
	suspects Params    // parameters that a refusal may have meant
	lastBare time.Time // of the last such refusal
	vain     int       // envelopes refused without these as well, since some were found that do not work
	forgets  time.Time // until then the server is one that forgets the login at an EHLO
	ended    int       // sessions in a row that ended at an EHLO behind the login

	refs int // connections; guarded by the mutex of the Pool, like used
	used time.Time
}

// lockstep reports whether a new connection sends no command ahead.
func (q *quirks) lockstep() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Now().Before(q.inStep)
}

// pipelined notes that commands written ahead were answered.
func (q *quirks) pipelined() {
	if q.pipelines.Load() {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pipelines.Store(true)
	if q.broken = 0; !q.silent {
		q.inStep = time.Time{}
	}
}

// pipelineBroke notes that a connection ended, or fell silent, with commands
// unanswered that had gone ahead. A silence costs minutes. A failure of the network
// silences all connections at once, so those that were open before the lock-step tell
// nothing new.
func (q *quirks) pipelineBroke(silent bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if q.silent && now.Before(q.inStep) {
		return
	}
	worked := q.pipelines.Load() || q.broken > 0 || q.silent
	q.silent = q.silent && now.Before(q.inStep.Add(quirkTime))
	if !worked || silent && q.silent {
		q.inStep = now.Add(quirkTime)
		return
	}
	q.pipelines.Store(false) // so that the next success is told
	if silent {
		q.silent, q.inStep = true, now.Add(lockstepTime)
		return
	}
	if q.broken++; q.broken >= brokenPipelines {
		q.inStep = now.Add(lockstepTime)
	}
}

// pipelineRefused notes that the server has refused commands because they went ahead.
func (q *quirks) pipelineRefused() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pipelines.Store(false)
	q.inStep = time.Now().Add(quirkTime)
}

// lockstepBroke notes that a connection failed where no command had gone ahead, so
// that PIPELINING is not to blame.
func (q *quirks) lockstepBroke() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inStep, q.silent = time.Time{}, false
}

// refusedParams returns the parameters that a new connection leaves out.
func (q *quirks) refusedParams() Params {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Now().After(q.bare) {
		return 0
	}
	return q.refused
}

// suspect notes that a refusal may have meant these parameters.
func (q *quirks) suspect(p Params) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.suspects |= p
}

// refuseParams notes that an envelope without these parameters was accepted. Those
// that had been refused here are left out from then on, for a day. It returns all that
// are.
func (q *quirks) refuseParams(p Params) Params {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if now.After(q.bare) {
		q.refused = 0
	}
	if p &= q.suspects; p&^q.refused != 0 {
		q.refused |= p
		q.bare = now.Add(quirkTime)
		q.vain = 0
	}
	q.suspects &^= p
	return q.refused
}

// acceptParams notes that a MAIL with these parameters was accepted.
func (q *quirks) acceptParams(p Params) {
	if uint32(p)&^q.accepted.Load() != 0 {
		q.accepted.Or(uint32(p))
	}
}

// took reports whether all of some parameters are known to work. NOTIFY is refused at RCPT,
// so that DSN never is.
func (q *quirks) took(p Params) bool { return p&(paramDSN|^Params(q.accepted.Load())) == 0 }

// fewBare is the number of envelopes that must be refused without parameters before those
// that were never accepted are blamed once in a while only. No more than mostBare are
// counted: bareTime has doubled to longestBare long before.
const (
	fewBare  = 3
	mostBare = 10
)

// mayBlame reports whether an unclear refusal of a command is taken as one of its
// parameters. It is if one of them was never accepted, and else once in a while.
func (q *quirks) mayBlame(p Params) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	since := now.Sub(q.lastBare)
	if since > quirkTime {
		q.vain = 0
	}
	rarely := q.took(p) || q.vain >= fewBare
	if rarely && since < min(bareTime<<q.vain, longestBare) {
		return false
	}
	q.lastBare = now
	return true
}

// suspected reports whether a refusal may have meant some of these parameters, and none of
// them was found to be to blame yet. A refusal without them is followed up at once, until
// no parameters are left: only then does it show whether one of them was to blame.
func (q *quirks) suspected(p Params) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return p&q.suspects != 0
}

// bareRefused notes that a command without any parameters, which had these before, was
// refused. Those that a refusal may have meant were not to blame.
func (q *quirks) bareRefused(p Params) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p&q.suspects != 0 {
		q.vain = min(q.vain+1, mostBare)
	}
}

// forgetsLogin reports whether the server forgets the login at an EHLO.
func (q *quirks) forgetsLogin() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return time.Now().Before(q.forgets)
}

// forgotLogin notes that the server has forgotten the login at an EHLO.
func (q *quirks) forgotLogin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.forgets = time.Now().Add(quirkTime)
}

// askedAgain notes whether a session went on behind an EHLO after its login. Where two in
// a row ended there, the server is treated as one that forgets the login.
func (q *quirks) askedAgain(goesOn bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended++; goesOn {
		q.ended = 0
	}
	if q.ended >= endedSessions {
		q.ended, q.forgets = 0, time.Now().Add(quirkTime)
	}
}

// maxQuirks is the number of endpoints without a connection of which the lessons are
// kept.
const maxQuirks = 10_000

// quirksOf returns the lessons about an endpoint, for one more connection. forgo must
// follow.
func (p *Pool) quirksOf(e Endpoint) *quirks {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := e.name() + " " + e.Addr
	q := p.quirks[key]
	if q == nil {
		q = new(quirks)
		p.quirks[key] = q
	}
	q.refs++
	return q
}

// forgo ends the use of lessons by a connection. Those that are older than they hold
// are forgotten, and others when there are too many.
func (p *Pool) forgo(q *quirks) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	q.refs--
	q.used = now
	if len(p.quirks) <= maxQuirks {
		return
	}
	for key, q := range p.quirks {
		if q.refs == 0 && (now.After(q.used.Add(quirkTime)) || len(p.quirks) > maxQuirks*9/10) {
			delete(p.quirks, key)
		}
	}
}
