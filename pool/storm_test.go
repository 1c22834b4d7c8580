package pool_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
)

// maxTries is the number of tries after which the server of a storm comes to
// its senses.
const maxTries = 60

// storm is a stream of messages through a few connections to a server that
// goes wrong at random. All tries of a message differ in sender and text, so
// that what the server took is known to come from one of them.
type storm struct {
	*rig
	random  *rand.Rand // under faults
	faults  sync.Mutex
	calm    bool                // no more faults
	strayed map[int]bool        // connections whose next fault could hide the one before
	no      map[string]bool     // who was refused for good: sender, or sender and recipient
	tries   []*try              // all, under rig.mu
	opens   int                 // connections asked for
	wait    []*pool.Delivery    // to be taken
	left    map[string]struct{} // messages without an outcome
}

// try is one delivery and what became of it.
type try struct {
	*pool.Delivery
	*hooks
	Data                        []byte
	message                     string
	taken, started, asked, done int
	unsent                      bool // Cancel said so
	report                      pool.Report
}

// what may go wrong anywhere.
var wrong = []smtptest.Fault{
	reply("451 4.3.0 not now"), replyAnd("451 4.3.0 not now", smtptest.Close), raw("451-not\r\n", smtptest.Close),
	reply("421 4.3.2 closing"), replyAnd("421 4.3.2 closing", smtptest.Close),
	reply("550 5.7.1 never"), replyAnd("550 5.7.1 never", smtptest.Close), raw("550-never\r\n", smtptest.Close),
	raw("550-never\r\n", smtptest.Stall), {Raw: "550-never\r\n550 never\r\n", Drip: 27 * time.Second},
	reply("452 4.5.3 too many recipients"), reply("452 4.7.0 too many messages on this connection"),
	reply("503 5.5.1 what now?"), reply("555 5.5.4 unsupported parameter"), reply("354 go ahead"), reply("250 2.0.0 yes"),
	silent(smtptest.Close), silent(smtptest.Reset), silent(smtptest.Stall),
	raw("hello there\r\n", smtptest.Continue), raw("25\r\n", smtptest.Continue), raw("250 O", smtptest.Close),
	raw("250-OK\r\n", smtptest.Close), raw("250-OK\r\n421 bye\r\n", smtptest.Continue),
	{Reply: "250 " + strings.Repeat("x", 60), Drip: time.Minute}, {Delay: 3 * time.Second},
}

// what may go wrong behind the dot and RSET on top of that: a second reply.
var stray = []smtptest.Fault{
	replyAnd("250 2.0.0 taken", smtptest.Close), raw("250 taken\r\n421 4.3.2 closing\r\n", smtptest.Close),
	raw("250 taken\r\n550 5.7.1 stray\r\n", smtptest.Continue), raw("250 taken\r\n250 stray\r\n", smtptest.Continue),
	raw("451 no\r\n550 5.7.1 stray\r\n", smtptest.Continue), raw("250-taken\r\n", smtptest.Stall),
}

// fault throws the server's dice. It notes what it refuses for good.
func (s *storm) fault(ev smtptest.Event) *smtptest.Fault {
	s.faults.Lock()
	defer s.faults.Unlock()
	odds := 12
	choice := wrong
	switch ev.Stage {
	case smtptest.StageConnect, smtptest.StageHelo, smtptest.StageStartTLS, smtptest.StageHandshake, smtptest.StageDial:
		odds = 60
	case smtptest.StageDot, smtptest.StageRset:
		choice = append(stray, wrong...)
	case smtptest.StageIdle: // a refusal out of nothing could meet a MAIL half-way
		choice = append(wrong[3:5:5], silent(smtptest.Close), silent(smtptest.Reset))
	case smtptest.StageBody:
		choice = []smtptest.Fault{wrong[1], wrong[4], wrong[6], wrong[7], silent(smtptest.Close), silent(smtptest.Reset), silent(smtptest.Stall)}
	}
	if s.calm || s.strayed[ev.Conn] || s.random.IntN(odds) > 0 {
		return nil
	}
	f := choice[s.random.IntN(len(choice))]
	s.strayed[ev.Conn] = strings.Contains(f.Raw, "stray")
	if ev.Stage == smtptest.StageIdle {
		f.Delay = time.Duration(s.random.IntN(3)) * time.Second
	}
	f.After = int64(s.random.IntN(50_000))
	if strings.HasPrefix(f.Reply+f.Raw, "5") {
		s.no[ev.From+ev.Recipient] = true
	}
	return &f
}

// dice returns a random number below n.
func (s *storm) dice(n int) int {
	s.faults.Lock()
	defer s.faults.Unlock()
	return s.random.IntN(n)
}

// add queues another try of a message.
func (s *storm) add(message string, to []string, bare pool.Params) {
	defer s.wake()
	big := s.dice(8) == 0
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &try{message: message}
	n := len(s.tries)
	j := newJob(fmt.Sprint(message, " try ", n), to...)
	t.Delivery, t.hooks, t.Data = j.Delivery, j.hooks, j.Data
	t.From, t.NoParams = fmt.Sprintf("try-%d@client.test", n), bare
	if big {
		t.Data = append(t.Data, strings.Repeat(strings.Repeat("x", 70)+"\r\n", 1000)...)
	}
	t.Body = mustBody(t.Data)
	t.mailWritten = func() { t.started++ }
	t.rcptsWritten = func() { t.asked++ }
	t.follower = s.next
	t.hooks.done = func(r pool.Report) { s.settled(t, r) }
	s.tries = append(s.tries, t)
	s.wait = append(s.wait, t.Delivery)
	s.left[message] = struct{}{}
	if len(s.tries) > maxTries {
		go s.beCalm()
	}
}

// wake has the connections ask again.
func (s *storm) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, open := range s.conns {
		if open {
			c.Wake()
		}
	}
}

func (s *storm) beCalm() {
	s.faults.Lock()
	defer s.faults.Unlock()
	s.calm = true
}

// next hands out a delivery, nil if there is none.
func (s *storm) next() *pool.Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.wait) == 0 {
		return nil
	}
	d := s.wait[0]
	s.wait = s.wait[1:]
	for _, t := range s.tries {
		if t.Delivery == d {
			t.taken++
		}
	}
	return d
}

// Next is the source of the connections.
func (s *storm) Next(*pool.Conn) (*pool.Delivery, bool) {
	d := s.next()
	return d, d != nil && s.dice(10) == 0
}

// settled takes a report, and queues whoever has to be tried again.
func (s *storm) settled(t *try, r pool.Report) {
	s.mu.Lock()
	t.done++
	t.report = r
	delete(s.left, t.message)
	s.mu.Unlock()
	var again []string
	for i, a := range r.Recipients {
		ours := errors.Is(a.Err, pool.ErrCancelled) || errors.Is(a.Err, pool.ErrClosed)
		if (r.NotAttempted || a.Verdict.Recipient == classify.RecipientLater) && !ours {
			again = append(again, t.To[i])
		}
	}
	if again != nil {
		s.add(t.message, again, t.NoParams|r.NoParams)
	}
}

// connect opens a connection, and another in its place when it ends.
func (s *storm) connect() {
	s.mu.Lock()
	s.opens++
	s.mu.Unlock()
	if err := s.pool.Open(s.endpoint, s); err != nil {
		s.mu.Lock()
		s.opens--
		s.mu.Unlock()
	}
}

func (s *storm) Closed(_ *pool.Conn, err error) {
	s.mu.Lock()
	s.ends = append(s.ends, err)
	s.mu.Unlock()
	time.AfterFunc(time.Second, s.connect)
}

// cancelAny cancels one of the tries.
func (s *storm) cancelAny() {
	s.mu.Lock()
	n := len(s.tries)
	s.mu.Unlock()
	k := s.dice(n)
	s.mu.Lock()
	t := s.tries[k]
	s.mu.Unlock()
	if !t.Cancel() {
		s.mu.Lock()
		t.unsent = true
		s.mu.Unlock()
	}
}

// TestInvariantsInAStorm runs messages, their followers and their tries through
// random faults, with cancellations, Close and Shutdown at random moments, and
// holds every delivery against what the server knows.
func TestInvariantsInAStorm(t *testing.T) {
	for seed := range uint64(200) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) { testStorm(t, seed) })
	}
}

func testStorm(t *testing.T, seed uint64) {
	s := &storm{random: rand.New(rand.NewPCG(seed, 0)), no: make(map[string]bool), strayed: make(map[int]bool), left: make(map[string]struct{})}
	config := faultModes[s.dice(len(faultModes))].config
	config.Latency, config.ServiceTime = time.Duration(s.dice(20))*time.Millisecond, time.Duration(s.dice(2))*30*time.Millisecond
	config.Fault = s.fault
	s.rig = newRig(t, config, pool.Config{})
	defer s.close()
	for i := range 12 {
		s.add(fmt.Sprint("m", i), []string{"1@x.test", "2@x.test", "3@x.test"}[:1+s.dice(3)], 0)
	}
	for range 1 + s.dice(3) {
		s.connect()
	}
	for range s.dice(5) {
		time.AfterFunc(time.Duration(s.dice(20_000))*time.Millisecond, s.cancelAny)
	}
	moment := time.Duration(s.dice(3000)) * time.Millisecond
	switch seed % 3 {
	case 0:
		time.Sleep(moment)
		quickly(t, "Close", func() { s.pool.Close() })
	case 1:
		time.Sleep(moment)
		s.pool.Shutdown(never)
	default:
		s.sitOut()
	}
	s.pool.Close()
	s.server.Close()
	synctest.Wait()
	s.check()
}

// sitOut waits until every message has an outcome.
func (s *storm) sitOut() {
	for start := time.Now(); ; time.Sleep(10 * time.Second) {
		synctest.Wait()
		s.mu.Lock()
		n := len(s.left)
		s.mu.Unlock()
		if n == 0 {
			return
		}
		if time.Since(start) > 7*24*time.Hour {
			s.t.Fatalf("%d messages have no outcome after a week", n)
		}
	}
}

// check holds every try against the server's books.
func (s *storm) check() {
	stored := make(map[string][]smtptest.Transaction)
	for _, m := range s.server.Messages() {
		if len(m.To()) > 0 || m.Size > 0 { // else it is the nothing that ends a DATA for nobody
			stored[m.From] = append(stored[m.From], m)
		}
	}
	for _, t := range s.tries {
		s.checkTry(t, stored[t.From])
		delete(stored, t.From)
	}
	if len(stored) > 0 {
		s.t.Errorf("the server stored messages that nobody sent: %v", stored)
	}
	if len(s.ends) != s.opens {
		s.t.Errorf("%d connections were opened, %d reported as closed", s.opens, len(s.ends))
	}
}

// checkTry holds one delivery against what the server stored of it.
func (s *storm) checkTry(t *try, stored []smtptest.Transaction) {
	fail := func(format string, args ...any) {
		s.t.Helper()
		s.t.Errorf("%s of %s: "+format+"%s", append(append([]any{t.From, t.message}, args...), describe(t.report))...)
	}
	if t.taken > 1 || t.done != t.taken {
		fail("taken %d times, done %d times", t.taken, t.done)
	}
	if wrote := t.report.Ordinal > 0; t.started > 1 || (t.started == 1) != wrote || t.asked > t.started {
		fail("ordinal %d, started %d times, asked %d times", t.report.Ordinal, t.started, t.asked)
	}
	if len(stored) > 1 || t.unsent && len(stored) > 0 {
		fail("stored %d times, unsent is %v", len(stored), t.unsent)
	}
	got := make(map[string]bool)
	for _, m := range stored {
		if string(m.Data) != string(t.Data) {
			fail("%d bytes were stored, not the %d that were sent", len(m.Data), len(t.Data))
		}
		for _, to := range m.To() {
			got[to] = true
		}
	}
	for i, a := range t.report.Recipients {
		fate, to := a.Verdict.Recipient, t.To[i]
		if (a.Err == nil) != (fate == classify.RecipientDelivered) || a.Err == nil && a.Reply == nil || a.Verdict.Connection > classify.ConnDrop {
			fail("%s has no answer", to)
		}
		if fate != classify.RecipientAmbiguous && got[to] != (fate == classify.RecipientDelivered) {
			fail("%s: stored is %v", to, got[to])
		}
		if said := s.no[t.From] || s.no[t.From+to]; fate == classify.RecipientRefused && !said {
			fail("%s: refused, and the server did not", to)
		}
	}
}
