package smtpace

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// unsteady returns a Msg that renders differently every time until it is steady.
func unsteady(t *testing.T, differs *atomic.Bool, to string) *mail.Msg {
	t.Helper()
	m, n := newMsg(t, to), 0
	m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
		if differs.Load() {
			n++
		}
		k, err := fmt.Fprintf(w, "rendering %d\r\n", n)
		return int64(k), err
	})
	return m
}

// lf returns a message whose Data has to be copied for its line ends.
func lf(id string, to ...string) Message {
	m := rendered(id, to...)
	m.Data = []byte(strings.ReplaceAll(string(m.Data), "\r\n", "\n"))
	return m
}

// putOff refuses the first n dots of all messages, with a reply that has them
// wait for long.
func putOff(n int) smtptest.Config {
	return smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageDot && n > 0 {
			n--
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}}
}

// sums returns the hashes of all that a receiver was given.
func sums(srv *smtptest.Server) map[[sha256.Size]byte]int {
	by := map[[sha256.Size]byte]int{}
	for _, tx := range srv.Transactions() {
		by[sha256.Sum256(tx.Data)]++
	}
	return by
}

func heldBytes(s *Sender) int64 { return s.sched.Stats(time.Now()).HeldBytes }
func held(s *Sender) int        { return s.sched.Stats(time.Now()).Held }

// Bytes are dropped when the next try is far, and the next try sends the same.
func TestBytesAreDroppedAndMadeAgain(t *testing.T) {
	var steady atomic.Bool // false: it does not differ
	for name, m := range map[string]func(t *testing.T) Message{
		"Data":           func(*testing.T) Message { return rendered("m", "a@x.example") },
		"Data with LF":   func(*testing.T) Message { return lf("m", "a@x.example") },
		"Msg":            func(t *testing.T) Message { return Message{Msg: newMsg(t, "a@x.example"), ID: "m"} },
		"steady Msg":     func(t *testing.T) Message { return Message{Msg: unsteady(t, &steady, "a@x.example"), ID: "m"} },
		"multipart Msg":  func(t *testing.T) Message { return Message{Msg: multipart(t, "a@x.example"), ID: "m"} },
		"two recipients": func(*testing.T) Message { return lf("m", "a@x.example", "b@y.example") },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
				var got results
				if _, err := submitLater(t, s, m(t), got.done); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				if n, bytes := held(s), heldBytes(s); n != 0 || bytes != 0 {
					t.Errorf("%d messages of %d bytes are held while they wait", n, bytes)
				}
				time.Sleep(time.Hour)
				if r := got.of("m"); r == nil || !r.Delivered() {
					t.Fatalf("%+v", r)
				}
				if by := sums(srv); len(by) != 1 {
					t.Errorf("%d different messages were sent", len(by))
				}
			})
		})
	}
}

// A Msg that fails when it is to be rendered again is local trouble: it is sent
// when that is over.
func TestRenderingAgainIsTriedAgain(t *testing.T) {
	inWorld(t, putOff(1), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var fails atomic.Bool
		m := newMsg(t, "a@x.example")
		m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
			if fails.Load() {
				return 0, errors.New("too many open files")
			}
			n, err := io.WriteString(w, "text\r\n")
			return int64(n), err
		})
		var got results
		if _, err := submitLater(t, s, Message{Msg: m, ID: "m"}, got.done); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		fails.Store(true)
		time.Sleep(20 * time.Minute)
		if r := got.of("m"); r != nil {
			t.Fatalf("settled by local trouble: %+v", r)
		}
		fails.Store(false)
		time.Sleep(longestFailureGap + time.Second)
		if r := got.of("m"); r == nil || !r.Delivered() || len(sums(srv)) != 1 {
			t.Fatalf("%+v, %d different messages", r, len(sums(srv)))
		}
	})
}

// Before a transaction was begun a Msg may come out differently.
func TestBytesAreFreeUntilTheFirstTransaction(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		var differs atomic.Bool
		differs.Store(true)
		sub := &Submission{sender: s, message: Message{Msg: unsteady(t, &differs, "a@x.example")}, open: 1}
		d := &delivery{sub: sub, route: route{destination: "x.example"}}
		first, err := sub.render()
		sub.startLocked(d, first)
		sub.finishLocked(false)
		sub.drop()
		if sub.body.Len() != 0 || held(s) != 0 {
			t.Fatal("the bytes are not dropped")
		}
		second, err2 := sub.render()
		if err != nil || err2 != nil || bytes.Equal(first.Bytes(), second.Bytes()) {
			t.Errorf("%v, %v: the same bytes", err, err2)
		}
	})
}

// TestAMsgCountsWhileItIsOnTheWire: a rendered Msg counts as held for as long as a
// transaction with it lasts, at the first try and at the next, and no more when it is
// settled.
func TestAMsgCountsWhileItIsOnTheWire(t *testing.T) {
	for _, spool := range []bool{false, true} {
		t.Run(fmt.Sprint("spool ", spool), func(t *testing.T) {
			dots := 0
			inWorld(t, smtptest.Config{Fault: func(ev smtptest.Event) *smtptest.Fault {
				if ev.Stage != smtptest.StageDot {
					return nil
				}
				if dots++; dots == 1 {
					return &smtptest.Fault{Delay: 20 * time.Second, Reply: "451 4.3.0 not now"}
				}
				return &smtptest.Fault{Delay: 20 * time.Second}
			}}, func(t *testing.T, srv *smtptest.Server) {
				cfg := Config{Relays: []Relay{relayTo(srv)}}
				if spool {
					cfg.SpoolDir = t.TempDir()
				}
				s := newSender(t, cfg)
				sub, err := s.Submit(t.Context(), Message{Msg: newMsg(t, "a@x.example")}, nil)
				if err != nil {
					t.Fatal(err)
				}
				for flying := 0; sub.Result() == nil; {
					time.Sleep(time.Second)
					synctest.Wait() // something may be on its way from one state to the next
					st := s.Stats()
					if flying += st.InFlight; st.InFlight > 0 && held(s) != 1 || held(s) > 1 {
						t.Fatalf("%d are on the wire and %d count", st.InFlight, held(s))
					}
					if sub.Result() != nil && flying < 30 {
						t.Errorf("%d s on the wire, want two tries", flying)
					}
				}
				if n, bytes := held(s), heldBytes(s); n != 0 || bytes != 0 || !sub.Result().Delivered() {
					t.Errorf("%d messages and %d bytes count at the end: %v", n, bytes, sub.Result())
				}
			})
		})
	}
}

// halfKnown is a Router that knows the route of one domain only after a while.
type halfKnown struct {
	domain string
	takes  time.Duration
	relay  Relay
}

func (r halfKnown) Route(_ context.Context, q RouteRequest) (Route, error) {
	if q.Domain == r.domain {
		time.Sleep(r.takes)
	}
	return Via(r.relay), nil
}

func (r halfKnown) RouteNow(q RouteRequest) (Route, error, bool) {
	return Via(r.relay), nil, q.Domain != r.domain
}

// The bytes of a message count for a destination that the Scheduler knows, while
// another part of the message is still being routed and after that.
func TestBytesCountForAKnownDestination(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, relay := host(t, "a")
		s := newSender(t, Config{Router: halfKnown{"b.example", 2 * time.Second, relay}})
		check := func() {
			t.Helper()
			synctest.Wait() // the message may be on its way from one state to the next
			total := 0
			for _, d := range s.sched.Stats(time.Now()).Destinations {
				if total += d.Held; d.Held < 0 {
					t.Fatalf("%s holds %d messages", d.Name, d.Held)
				}
			}
			if n := held(s); n != total {
				t.Fatalf("%d messages are held, %d by destinations", n, total)
			}
		}
		s.Pause("b.example")
		sub, err := submitLater(t, s, lf("m", "a@a.example", "b@b.example"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			check()
		}
		if n := held(s); n != 1 {
			t.Errorf("%d messages are held, want 1", n)
		}
		s.Resume("b.example")
		<-sub.Done()
		time.Sleep(24 * time.Hour)
		check()
		if n := len(s.sched.Stats(time.Now()).Destinations); n != 0 {
			t.Errorf("%d destinations are left after a day", n)
		}
	})
}

// Data that the caller changes between two tries is not sent, even while its bytes
// stay in memory.
func TestDataChangedInMemoryIsNotSent(t *testing.T) {
	greylists := func(ev smtptest.Event) *smtptest.Fault {
		if ev.Stage == smtptest.StageDot && strings.HasPrefix(ev.Recipient, "a@") {
			return &smtptest.Fault{Reply: "451 4.3.0 not now"}
		}
		return nil
	}
	inWorld(t, smtptest.Config{Fault: greylists}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("b.example")
		m := rendered("m", "a@a.example", "b@b.example")
		sub, err := submitLater(t, s, m, nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := held(s); n != 1 {
			t.Fatalf("%d messages are held, want 1", n)
		}
		m.Data[len(m.Data)-3] = '!'
		s.Resume("b.example")
		<-sub.Done()
		if !errors.Is(sub.Result().Err(), ErrChanged) || len(sums(srv)) != 1 {
			t.Errorf("%v, %d different messages were sent", sub.Result().Err(), len(sums(srv)))
		}
	})
}

// A Msg that never renders the same goes to all its destinations with the same
// bytes, whenever their turn comes.
func TestUnsteadyMsgToManyDestinations(t *testing.T) {
	for name, dir := range map[string]func(t *testing.T) string{
		"memory": func(*testing.T) string { return "" },
		"file":   func(t *testing.T) string { return t.TempDir() },
	} {
		t.Run(name, func(t *testing.T) {
			dir := dir(t)
			inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
				s := newSender(t, Config{Relays: []Relay{relayTo(srv)}, SpoolDir: dir})
				var n atomic.Int64
				m := newMsg(t, "x@a.example", "y@b.example", "z@c.example")
				m.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) {
					k, err := fmt.Fprintf(w, "rendering %d\r\n", n.Add(1))
					return int64(k), err
				})
				s.Pause("b.example")
				sub, err := submitLater(t, s, Message{Msg: m}, nil)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Hour)
				s.Resume("b.example")
				<-sub.Done()
				if !sub.Result().Delivered() || len(sums(srv)) != 1 {
					t.Errorf("%v, %d different messages were sent", sub.Result().Err(), len(sums(srv)))
				}
				time.Sleep(time.Minute)
				if n := held(s) + len(files(t, dir)); n != 0 {
					t.Errorf("%d messages or files are left", n)
				}
			})
		})
	}
}

// submitLater submits a message whose Msg is rendered when a connection takes it,
// as those of a long sequence are.
func submitLater(t *testing.T, s *Sender, m Message, done func(*Result)) (*Submission, error) {
	b := &batch{sender: s, first: make([]*mail.Msg, firstMsgs)}
	b.pending.Add(1)
	return s.accept(t.Context(), &incoming{message: m, lane: throttle.Single, batch: b, onSettled: done})
}

// Bytes rest while recipients wait for further tries and no transaction is under way. Of
// Data that was sent, and rests, the hash is noted, once.
func TestBytesThatRest(t *testing.T) {
	data := []byte("Subject: x\r\n\r\nhello\r\n")
	body, err := pool.NewBody(data)
	if err != nil {
		t.Fatal(err)
	}
	sent := func() *Submission {
		sub := &Submission{open: 1, deliveries: []*delivery{nil}}
		sub.message.Data, sub.body = data, body
		sub.sent, sub.counted = true, true
		return sub
	}
	for name, test := range map[string]struct {
		change func(sub *Submission)
		rests  bool
		summed bool
	}{
		"sent":              {func(*Submission) {}, true, true},
		"in flight":         {func(sub *Submission) { sub.inFlight = 1 }, false, false},
		"not counted":       {func(sub *Submission) { sub.counted = false }, false, false},
		"all settled":       {func(sub *Submission) { sub.open = 0 }, false, false},
		"no deliveries":     {func(sub *Submission) { sub.deliveries = nil }, false, false},
		"several":           {func(sub *Submission) { sub.open, sub.deliveries = 2, make([]*delivery, 2) }, true, true},
		"not sent":          {func(sub *Submission) { sub.sent = false }, true, false},
		"a Msg":             {func(sub *Submission) { sub.message.Msg = mail.NewMsg() }, true, false},
		"nobody can change": {func(sub *Submission) { sub.owned = true }, true, false},
		"summed before":     {func(sub *Submission) { sub.summed = true }, true, true},
	} {
		sub := sent()
		test.change(sub)
		want := [sha256.Size]byte{}
		if test.summed && !sub.summed {
			want = sha256.Sum256(data)
		}
		if got := sub.restsLocked(); got != test.rests {
			t.Errorf("%s: rests: %v", name, got)
		}
		if sub.sumData(); sub.summed != test.summed || sub.sum != want {
			t.Errorf("%s: the hash is noted: %v, as %x; want %v, %x", name, sub.summed, sub.sum, test.summed, want)
		}
	}
}

// Bytes can be dropped while they are in memory for tries to come, and no transaction and no
// proof uses them.
func TestBytesThatCanBeDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(sub *Submission)
		want   bool
	}{
		"in memory":    {func(*Submission) {}, true},
		"not counted":  {func(sub *Submission) { sub.counted = false }, false},
		"in flight":    {func(sub *Submission) { sub.inFlight = 1 }, false},
		"settled":      {func(sub *Submission) { sub.open = 0 }, false},
		"being proved": {func(sub *Submission) { sub.proving = true }, false},
	} {
		sub := newSubmission(1)
		sub.counted = true
		tt.change(sub)
		if got := sub.droppableLocked(); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Data that is the caller's own costs no bytes, and a copy costs its length.
func TestBytesOfOnesOwn(t *testing.T) {
	data := []byte("Subject: x\r\n\r\nhello\r\n")
	for name, test := range map[string]struct {
		msg        *mail.Msg
		own, given []byte
		want       int64
	}{
		"the caller's": {nil, data, data, 0}, "a copy": {nil, data, bytes.Clone(data), int64(len(data))}, "of one byte": {nil, data[:1], data[:1], 0},
		"none": {nil, nil, data, int64(len(data))}, "empty": {nil, data, nil, 0}, "of a Msg": {mail.NewMsg(), data, data, int64(len(data))},
	} {
		sub := &Submission{message: Message{Data: test.own, Msg: test.msg}}
		if got := sub.ownSize(test.given); got != test.want {
			t.Errorf("%s: got %d bytes, want %d", name, got, test.want)
		}
	}
}

// The size of a message is that of its bytes, of those that were made before, or of its
// Data. It counts with the grant at the first try to a single recipient where the bytes are
// there while it waits.
func TestSizesOfMessages(t *testing.T) {
	data := []byte("Subject: x\r\n\r\nhello\r\n")
	body, err := pool.NewBody(data[:12])
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change    func(sub *Submission, d *delivery)
		bytes     int
		withGrant bool
	}{
		"Data":           {func(*Submission, *delivery) {}, len(data), true},
		"bytes":          {func(sub *Submission, _ *delivery) { sub.body = body }, 12, true},
		"made before":    {func(sub *Submission, _ *delivery) { sub.renderedOnce, sub.admitted.bytes = true, 7 }, 7, true},
		"bytes again":    {func(sub *Submission, _ *delivery) { sub.body, sub.renderedOnce, sub.admitted.bytes = body, true, 7 }, 12, true},
		"another try":    {func(_ *Submission, d *delivery) { d.tries = throttle.NewTries(epoch, 1) }, len(data), false},
		"two recipients": {func(sub *Submission, _ *delivery) { sub.recipients = make([]recipientState, 2) }, len(data), false},
		"a Msg":          {func(sub *Submission, _ *delivery) { sub.message = Message{Msg: newMsg(t, "a@x.example")} }, 0, false},
		"owned":          {func(sub *Submission, _ *delivery) { sub.owned = true }, len(data), true},
		"owned, a directory": {func(sub *Submission, _ *delivery) {
			sub.owned = true
			sub.sender = &Sender{cfg: Config{SpoolDir: "x"}}
		}, len(data), false},
	} {
		sub := newSubmission(1)
		sub.sender, sub.message.Data = &Sender{}, data
		d := &delivery{sub: sub}
		tt.change(sub, d)
		if got := sub.bytesLocked(); got != tt.bytes {
			t.Errorf("%s: got %d bytes, want %d", name, got, tt.bytes)
		}
		if got := sub.holdsWithGrant(d); got != tt.withGrant {
			t.Errorf("%s: it counts with the grant: %v", name, got)
		}
	}
}

// A message counts as one that waits for its bytes to be made from the time at which it is
// queued without them until it is settled, however often it is tried.
func TestMessagesThatWaitForTheirBytes(t *testing.T) {
	inWorld(t, putOff(2), func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		s.Pause("x.example")
		var got results
		expect := func(what string, want int64) {
			t.Helper()
			if n := s.unmade.Load(); n != want {
				t.Errorf("%s: %d wait for their bytes, want %d", what, n, want)
			}
		}
		if _, err := submitLater(t, s, rendered("data", "a@x.example"), got.done); err != nil {
			t.Fatal(err)
		}
		expect("Data", 0)
		if _, err := submitLater(t, s, Message{Msg: newMsg(t, "a@x.example"), ID: "msg"}, got.done); err != nil {
			t.Fatal(err)
		}
		expect("a Msg", 1)
		s.Resume("x.example")
		time.Sleep(time.Second)
		expect("put off", 1)
		time.Sleep(5 * time.Hour)
		if got.count(Delivered) != 2 {
			t.Fatalf("%d were delivered, want 2", got.count(Delivered))
		}
		expect("settled", 0)
		if _, err := s.Send(t.Context(), rendered("more data", "a@x.example")); err != nil {
			t.Fatal(err)
		}
		expect("Data that is settled", 0)
	})
}

// TestBytesCountWhereTheyAreNeeded: once the recipients of one destination have a message,
// its bytes count for the other.
func TestBytesCountWhereTheyAreNeeded(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		for _, to := range [][]string{{"a@a.example", "b@b.example"}, {"b@b.example", "a@a.example"}} {
			s.Pause("b.example")
			sub, err := s.Submit(t.Context(), lf("m", to...), nil)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			for _, d := range s.sched.Stats(time.Now()).Destinations {
				if want := boolInt(d.Name == "b.example"); d.Held != want {
					t.Errorf("to %v: %s holds %d messages, want %d", to, d.Name, d.Held, want)
				}
			}
			s.Resume("b.example")
			<-sub.Done()
		}
	})
}

// The memory of a rendered Msg is left to others when its only recipient is settled, and no
// sooner: nobody else may read it then.
func TestMemoryOfAMsgIsLeftAtItsEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(sub *Submission)
		leaves bool
	}{
		"settled":        {func(*Submission) {}, true},
		"the caller's":   {func(sub *Submission) { sub.owned = false }, false},
		"open":           {func(sub *Submission) { sub.open = 1 }, false},
		"two recipients": {func(sub *Submission) { sub.recipients = make([]recipientState, 2) }, false},
		"no recipient":   {func(sub *Submission) { sub.recipients = nil }, false},
		"being proved":   {func(sub *Submission) { sub.proving = true }, false},
	} {
		data := []byte("Subject: x\r\n\r\nhello\r\n")
		body, err := pool.NewBody(data)
		if err != nil {
			t.Fatal(err)
		}
		sub := newSubmission(1)
		sub.open, sub.owned, sub.message.Data, sub.body = 0, true, data, body
		tt.change(sub)
		sub.leaveLocked()
		if left := sub.message.Data == nil; left != tt.leaves || (sub.body.Len() == 0) != tt.leaves {
			t.Errorf("%s: the memory is left: %v, %d bytes of the body are kept", name, left, sub.body.Len())
		}
	}
}
