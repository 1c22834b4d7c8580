package smtpace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
	"github.com/smtpace/smtpace/profile"
	"github.com/smtpace/smtpace/smtptest"
	"github.com/smtpace/smtpace/throttle"
	"github.com/wneessen/go-mail"
)

// keepsText is a Memory of one snapshot.
type keepsText struct {
	err error // of Load

	mu       sync.Mutex
	snapshot []byte
	saves    int
}

func (m *keepsText) Load() ([]byte, error) {
	snapshot, _ := m.state()
	return snapshot, m.err
}

func (m *keepsText) Save(snapshot []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.snapshot, m.saves = bytes.Clone(snapshot), m.saves+1
	return nil
}

func (m *keepsText) state() (snapshot []byte, saves int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot, m.saves
}

// A Pacer takes over what the one before it has used of a quota, which it saves while it
// works and at its end. One whose memory is damaged begins anew and says so, unless a
// warm-up would begin anew too. A memory that cannot be read is a mistake.
func TestPacerRemembers(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		memory := &keepsText{}
		cfg := PacerConfig{Memory: memory, Destination: throttle.Limits{Quota: throttle.Quota{Count: 3, Per: 24 * time.Hour}}}
		try := func(p *Pacer) error {
			return p.Try(t.Context(), "ann@example.com", func(context.Context) error { return nil })
		}
		first := newPacer(t, cfg)
		if err := errors.Join(try(first), try(first)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(saveEvery + time.Second)
		synctest.Wait()
		snapshot, saves := memory.state()
		if saves != 1 {
			t.Errorf("saved %d times after %v, want once", saves, saveEvery)
		}
		crashed := newPacer(t, PacerConfig{Memory: &keepsText{snapshot: snapshot}, Destination: cfg.Destination})
		if err := errors.Join(try(crashed)); err != nil {
			t.Errorf("after a crash: %v", err)
		}
		if err := try(crashed); !errors.Is(err, ErrNotNow) {
			t.Errorf("after a crash, beyond the quota: got %v", err)
		}
		if err := try(first); err != nil {
			t.Fatal(err)
		}
		err := first.Close()
		if _, saves := memory.state(); err != nil || saves != 2 {
			t.Errorf("closed with %v after %d saves, want 2", err, saves)
		}
		if err := try(newPacer(t, cfg)); !errors.Is(err, ErrNotNow) {
			t.Errorf("after its end: got %v", err)
		}
	})
	damaged := []byte("{")
	var log bytes.Buffer
	p, err := NewPacer(PacerConfig{Memory: &keepsText{snapshot: damaged}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil || !strings.Contains(log.String(), "level=WARN") {
		t.Fatalf("damaged: got %v and the log %q", err, log.String())
	}
	_ = p.Close()
	plan := map[string]throttle.WarmUp{"example.com": {Start: time.Now(), Table: []int{50}}}
	for name, cfg := range map[string]PacerConfig{
		"damaged, with a warm-up": {Memory: &keepsText{snapshot: damaged}, WarmUps: plan}, "unreadable": {Memory: &keepsText{err: io.ErrUnexpectedEOF}},
	} {
		if p, err := NewPacer(cfg); err == nil || p != nil {
			t.Errorf("%s: it begins anew", name)
		}
	}
}

// failingSession is a session whose commands are accepted, and whose message is lost.
type failingSession struct {
	did  []string
	lost error
}

func (s *failingSession) say(what string) error { s.did = append(s.did, what); return nil }

func (s *failingSession) Mail(string) error             { return s.say("MAIL") }
func (s *failingSession) Rcpt(string) error             { return s.say("RCPT") }
func (s *failingSession) Data() (io.WriteCloser, error) { return s, s.say("DATA") }
func (s *failingSession) Write([]byte) (int, error)     { s.say("body"); return 0, s.lost }
func (s *failingSession) Close() error                  { return s.say("close") }
func (s *failingSession) Quit() error                   { return s.say("QUIT") }

// When a message cannot be written, neither its dot nor QUIT follows, and it was not sent.
func TestNoDotBehindHalfAMessage(t *testing.T) {
	s := &failingSession{lost: io.ErrClosedPipe}
	err := transmit(s, "from@sender.example", []string{"ann@example.com"}, []byte("x\r\n"))
	at, ok := errors.AsType[*stageError](err)
	if !errors.Is(err, io.ErrClosedPipe) || !ok || at.stage != classify.StageBody {
		t.Errorf("got %v", err)
	}
	if i := slices.Index(s.did, "body"); i < 0 || slices.ContainsFunc(s.did[i+1:], func(what string) bool { return what != "close" }) || len(s.did) == i+1 {
		t.Errorf("got %v, want the connection closed behind the body", s.did)
	}
}

// The local part of an address is written without quotes where it needs none (RFC 5321
// 4.1.2).
func TestLocalPartsWithoutQuotes(t *testing.T) {
	for local, want := range map[string]bool{
		"a": true, "z": true, "A": true, "Z": true, "0": true, "9": true, "a.b": true, "a-b": true, "a.b-c.d": true, "1.2": true,
		"": false, ".": false, "-": false, ".a": false, "a.": false, "a..b": false, "a.-b": false, "a--b": false, "-a": false, "a-": false,
		"a b": false, "a@b": false, "é": false, "`": false, "{": false, "[": false, "/": false, ":": false, "a\x00": false,
	} {
		if got := needsNoQuotes(local + "@example.com"); got != want {
			t.Errorf("%q: got %v, want %v", local, got, want)
		}
	}
	if needsNoQuotes("no address") || needsNoQuotes("") {
		t.Error("what has no @ is taken for an address")
	}
}

// Scopes have one name, however it is spelt.
func TestScopesInOneSpelling(t *testing.T) {
	for _, tt := range []struct {
		of   throttle.Scope
		want string // "" is an error
	}{
		{throttle.Scope{Kind: throttle.ScopeSource, Name: "192.0.2.1"}, "192.0.2.1"},
		{throttle.Scope{Kind: throttle.ScopeSource, Name: "::ffff:192.0.2.1"}, "192.0.2.1"},
		{throttle.Scope{Kind: throttle.ScopeSource, Name: "2001:DB8:0::01"}, "2001:db8::1"},
		{throttle.Scope{Kind: throttle.ScopeSource, Name: "fe80::1%eth0"}, "fe80::1"},
		{throttle.Scope{Kind: throttle.ScopeSource, Name: "mx.test"}, ""},
		{throttle.Scope{Kind: throttle.ScopeSource}, ""},
		{throttle.Scope{Kind: throttle.ScopeSenderDomain, Name: "Example.COM."}, "example.com"},
		{throttle.Scope{Kind: throttle.ScopeSenderDomain, Name: "bücher.example"}, "xn--bcher-kva.example"},
		{throttle.Scope{Kind: throttle.ScopeSenderDomain, Name: "no domain"}, ""},
		{throttle.Scope{Kind: throttle.ScopeSender, Name: "Ann@Example.COM"}, "Ann@example.com"},
		{throttle.Scope{Kind: throttle.ScopeSender, Name: "ann"}, ""},
		{throttle.Scope{Kind: throttle.ScopeTenant, Name: "Acme"}, "Acme"},
	} {
		got, err := normalScope(tt.of)
		if got.Name != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%v: got %q, %v; want %q", tt.of, got.Name, err, tt.want)
		}
		if all, err := parentsOf([]throttle.Scope{tt.of}); (err == nil) != (tt.want != "") || (all == nil) != (err != nil) {
			t.Errorf("%v as a parent: got %v, %v", tt.of, all, err)
		}
	}
}

// Nobody else sees the outcome of a call, and it has an error for each who was refused.
func TestOutcomesThatNobodyObserves(t *testing.T) {
	refusal := func(to string) error {
		return RecipientErrors{to: &textproto.Error{Code: 550, Msg: "5.1.1 unknown user"}}
	}
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		for _, to := range [][]string{{"ann@a.example"}, {"ann@a.example", "bob@a.example"}, {"ann@a.example", "bob@b.example"}, {"ann@a.example", "eve@a.example", "bob@b.example"}} {
			for bad := range to {
				err := p.DoRequest(t.Context(), PaceRequest{To: to}, func(_ context.Context, now []string) error {
					if slices.Contains(now, to[bad]) {
						return refusal(to[bad])
					}
					return nil
				})
				if err == nil || !strings.Contains(err.Error(), to[bad]) {
					t.Errorf("%v, of whom %s is refused: got %v", to, to[bad], err)
				}
			}
		}
	})
}

// Try waits for each of its turns that comes in time, whichever comes first, and for none
// that does not.
func TestTryWaitsForTheLastOfItsTurns(t *testing.T) {
	for _, tt := range []struct {
		gap  time.Duration // between messages to the slow destination
		want error
	}{{2 * time.Second, nil}, {20 * time.Second, ErrNotNow}} {
		for _, to := range [][]string{{"ann@slow.example", "bob@free.example"}, {"bob@free.example", "ann@slow.example"}} {
			paceTest(t, func(t *testing.T) {
				p := newPacer(t, PacerConfig{Destinations: map[string]throttle.Limits{"slow.example": {MessageRate: throttle.Rate{Count: 1, Per: tt.gap}}}})
				if err := p.Do(t.Context(), "first@slow.example", func(context.Context) error { return nil }); err != nil {
					t.Fatal(err)
				}
				start, done := time.Now(), 0
				err := p.TryRequest(t.Context(), PaceRequest{To: to, MaxWait: 5 * time.Second}, func(context.Context, []string) error { done++; return nil })
				if took := time.Since(start); !errors.Is(err, tt.want) || (took > time.Second) != (err == nil) || took > 3*time.Second || (done == 2) != (err == nil) {
					t.Errorf("one in %v, %v: %v after %v and %d calls", tt.gap, to, err, took, done)
				}
			})
		}
	}
}

// A Try right behind others tells why it failed.
func TestTryBehindOthersTellsItsError(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		for range 3 {
			if err := p.Try(t.Context(), "ann@a.example", func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Try(t.Context(), "ann@a.example", func(context.Context) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
		}
	})
}

// Bulk mail of a Pacer waits while single messages do.
func TestPacerSendsSingleMessagesFirst(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Second}}})
		order := make(chan bool, 10)
		for i := range 6 {
			go func() {
				_ = p.DoRequest(t.Context(), PaceRequest{To: []string{"ann@example.com"}, Bulk: i < 5}, func(context.Context, []string) error {
					order <- i < 5
					return nil
				})
			}()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		if first, second := <-order, <-order; len(order) != 4 || !first || second {
			t.Errorf("of the first two bulk are %v and %v, and %d follow; want the single one next", first, second, len(order))
		}
	})
}

// A limit of recipients that a reply states holds for what is sent then, and nobody is
// left out.
func TestPacerSplitsByAStatedLimit(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		var sent []int
		got := map[string]int{}
		to := []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com", "e@example.com"}
		err := p.DoRequest(t.Context(), PaceRequest{To: to}, func(_ context.Context, to []string) error {
			if sent = append(sent, len(to)); len(to) > 2 {
				return AtStage(classify.StageData, reply(452, "4.5.3 Too many recipients, limit is 2 per message"))
			}
			for _, a := range to {
				got[a]++
			}
			return nil
		})
		if err != nil || len(got) != len(to) || sent[0] != 5 || len(sent) > 5 {
			t.Errorf("got %v by transactions of %v for %v", err, sent, got)
		}
		for a, n := range got {
			if n != 1 {
				t.Errorf("%s got it %d times", a, n)
			}
		}
	})
}

// A client of go-mail tells where a session has failed. What the server cannot take is
// refused before anything is sent.
func TestClientSessionsThatFail(t *testing.T) {
	eightBit := func(t *testing.T) *mail.Msg {
		m := mail.NewMsg(mail.WithEncoding(mail.NoEncoding))
		if err := errors.Join(m.From("from@sender.example"), m.To("ann@example.com")); err != nil {
			t.Fatal(err)
		}
		m.SetBodyString(mail.TypeTextPlain, "Grüße")
		return m
	}
	plain := func(t *testing.T) *mail.Msg { return newMsg(t, "ann@example.com") }
	for name, tt := range map[string]struct {
		receiver smtptest.Config
		message  func(t *testing.T) *mail.Msg
		says     string // "" for delivered
	}{
		"8BITMIME":     {smtptest.Config{}, eightBit, ""},
		"no 8BITMIME":  {smtptest.Config{Omit: []string{"8BITMIME"}}, eightBit, mail.ErrNoUnencoded.String()},
		"EHLO refused": {smtptest.Config{Fault: smtptest.Rules(smtptest.Rule{Stage: smtptest.StageHelo, Fault: smtptest.Fault{Reply: "550 5.7.1 go away", End: smtptest.Close}})}, plain, "go away"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, tt.receiver, func(t *testing.T, srv *smtptest.Server) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv)).DialAndSendWithContext(ctx, tt.message(t))
				if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
					t.Errorf("got %v, want %q", err, tt.says)
				}
				if n := len(srv.Messages()); (n == 1) != (tt.says == "") {
					t.Errorf("%d messages arrived", n)
				}
				time.Sleep(time.Second)
				if open := srv.Stats().Open; open != 0 {
					t.Errorf("%d connections are left open", open)
				}
			})
		})
	}
}

// Errors of a session that tell their stage keep it, others are of the login, and what go-mail
// makes no message of is the caller's mistake, in the words of go-mail.
func TestClientsErrors(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		for name, tt := range map[string]struct {
			err  error
			want classify.Stage
		}{
			"refused":      {&net.OpError{Op: "dial", Net: "tcp", Err: errRefused}, classify.StageConnect},
			"unknown":      {io.ErrUnexpectedEOF, classify.StageEHLO},
			"no such name": {&net.DNSError{Name: "mx.test", IsNotFound: true}, classify.StageConnect},
		} {
			client, err := mail.NewClient("mx.test", mail.WithTLSPolicy(mail.NoTLS), mail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return nil, tt.err }))
			if err != nil {
				t.Fatal(err)
			}
			_, err = newPacer(t, PacerConfig{}).Client(client).dial(t.Context())
			if at, ok := errors.AsType[*stageError](err); !ok || at.stage != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%s: got %v, want it at %v", name, err, tt.want)
			}
		}
		m := newMsg(t, "ann@example.com")
		m.SetBodyWriter(mail.TypeTextPlain, func(io.Writer) (int64, error) { return 0, io.ErrNoProgress })
		err := newPacer(t, PacerConfig{}).Client(goMailTo(t, srv)).DialAndSend(m)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), io.ErrNoProgress.Error()) || strings.Contains(err.Error(), "has sent no message") || srv.Stats().Connections != 0 {
			t.Errorf("of a Msg that cannot be written: got %v after %d connections", err, srv.Stats().Connections)
		}
	})
}

// What tells its stage was not sent further than that.
func TestErrorsThatTellTheirStage(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{io.EOF, false},
		{AtStage(classify.StageRcpt, io.EOF), true},
		{fmt.Errorf("wrapped: %w", AtStage(classify.StageData, io.EOF)), true},
		{&net.OpError{Op: "dial", Err: io.EOF}, true},
		{&net.OpError{Op: "read", Err: io.EOF}, false},
		{&mail.SendError{Reason: mail.ErrSMTPMailFrom}, true},
	} {
		if got := hasStage(tt.err); got != tt.want {
			t.Errorf("%v: got %v", tt.err, got)
		}
	}
}

// The domains of a provider are one destination, which has limits and turns by any of
// their names and by its own.
func TestPacerKnowsProvidersByName(t *testing.T) {
	set := profile.Default()
	name := set.ByDomain("gmail.com").Name
	for _, limited := range []string{"gmail.com", "GoogleMail.com.", name} {
		paceTest(t, func(t *testing.T) {
			p := newPacer(t, PacerConfig{Profiles: set})
			one := throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Hour}}
			if err := p.SetLimits(throttle.Scope{Kind: throttle.ScopeDestination, Name: limited}, one); err != nil {
				t.Fatal(err)
			}
			try := func(to string) error { return p.Try(t.Context(), to, func(context.Context) error { return nil }) }
			if err := errors.Join(try("ann@gmail.com"), try("ann@example.com")); err != nil {
				t.Errorf("limits of %s: %v", limited, err)
			}
			for _, to := range []string{"bob@googlemail.com", "googlemail.com", name} {
				if err := try(to); !errors.Is(err, ErrNotNow) {
					t.Errorf("limits of %s: to %s got %v, want ErrNotNow", limited, to, err)
				}
			}
		})
	}
}

// A nil Msg is a mistake of the caller, whatever sends it.
func TestNilMsg(t *testing.T) {
	inWorld(t, smtptest.Config{}, func(t *testing.T, srv *smtptest.Server) {
		s := newSender(t, Config{Relays: []Relay{relayTo(srv)}})
		if r, err := s.SendMail(t.Context(), nil); r != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("SendMail: got %v and %v", r, err)
		}
		if r, err := s.Send(t.Context(), Message{}); r != nil || !errors.Is(err, ErrInvalid) {
			t.Errorf("Send: got %v and %v", r, err)
		}
		if err := s.DialAndSend(nil, newMsg(t, "ann@example.com"), nil); !errors.Is(err, ErrInvalid) || len(srv.Messages()) != 1 {
			t.Errorf("DialAndSend: got %v, and %d messages arrived", err, len(srv.Messages()))
		}
	})
}

// A call was accepted for those recipients whose answer came behind RCPT, at the dot at
// most. Its place ends when some answer says that the connection does.
func TestAnswersOfACall(t *testing.T) {
	for name, tt := range map[string]struct {
		stages []classify.Stage
		conns  []classify.Connection
		want   int
		ends   bool
	}{
		"none":         {nil, nil, 0, false},
		"each stage":   {[]classify.Stage{classify.StageMail, classify.StageRcpt, classify.StageData, classify.StageBody, classify.StageDot, classify.StageDot + 1}, nil, 3, false},
		"kept":         {nil, []classify.Connection{classify.ConnKeep, classify.ConnKeep}, 0, false},
		"ends for one": {nil, []classify.Connection{classify.ConnKeep, classify.ConnQuit}, 0, true},
	} {
		var answers []pool.Answer
		for _, s := range tt.stages {
			answers = append(answers, pool.Answer{Stage: s})
		}
		if got := acceptedOf(answers); got != tt.want {
			t.Errorf("%s: got %d accepted, want %d", name, got, tt.want)
		}
		for _, c := range tt.conns {
			answers = append(answers, pool.Answer{Verdict: classify.Verdict{Connection: c}})
		}
		if got := endsConnection(answers); got != tt.ends {
			t.Errorf("%s: the connection ends: %v", name, got)
		}
	}
}

// Recipients beyond those that a turn may have go into a further one.
func TestTurnsAreDivided(t *testing.T) {
	c := &call{}
	for n, want := range map[int]string{1: "[0] [1 2]", 2: "[0 1] [2]", 3: "[0 1 2]", 4: "[0 1 2]"} {
		of := &turn{call: c, destination: "d", provider: "p", last: true, fresh: true, to: []int{0, 1, 2}}
		rest := c.fit(of, n)
		got := fmt.Sprint(of.to)
		if rest != nil {
			got += " " + fmt.Sprint(rest.to)
			if rest.call != c || rest.destination != "d" || rest.provider != "p" || !rest.last || !rest.fresh {
				t.Errorf("%d of three: the rest is %+v", n, rest)
			}
		}
		if got != want {
			t.Errorf("%d of three: got %s, want %s", n, got, want)
		}
	}
}

// Callers of Try are told ever later times, one after the other at the pace that is
// expected, and none before its own.
func TestTimesToComeBack(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{MessageRate: throttle.Rate{Count: 1, Per: time.Minute}}})
		mustGo(t, p)
		now := time.Now()
		for i, step := range []struct{ earliest, want time.Duration }{
			{0, time.Minute}, {0, 2 * time.Minute}, {10 * time.Minute, 10 * time.Minute}, {0, 11 * time.Minute}, {0, 12 * time.Minute},
		} {
			got := p.appoint(now, now.Add(step.earliest), "example.com", nil).Sub(now)
			if diff := got - step.want; diff < 0 || diff > time.Second {
				t.Errorf("caller %d: told to come in %v, want %v", i+1, got, step.want)
			}
		}
		if got := p.appoint(now, now, "other.example", nil); !got.Equal(now) {
			t.Errorf("at another destination: told to come in %v", got.Sub(now))
		}
		p.Pause("paused.example")
		for range 2 {
			if got := p.appoint(now, now, "paused.example", nil).Sub(now); got != pausedWait {
				t.Errorf("at a paused destination: told to come in %v, want %v", got, pausedWait)
			}
		}
		p.book.forget("example.com")
		if got := p.book.booked("example.com"); !got.IsZero() {
			t.Errorf("after it was forgotten: booked until %v", got)
		}
	})
}

// The calls that try at a destination, and those of a list of scopes, are counted while
// there are some.
func TestCallsThatTryAreCounted(t *testing.T) {
	var b book
	tenant, err := throttle.NewScopeList(throttle.Scope{Kind: throttle.ScopeTenant, Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	b.tries("d", tenant, 2)
	b.tries("e", tenant, 1)
	if b.trying["d"] != 2 || b.trying["e"] != 1 || b.trying[tenant.Key()] != 3 {
		t.Errorf("got %v", b.trying)
	}
	b.tries("d", tenant, -2)
	if b.tries("e", tenant, -1); len(b.trying) != 0 {
		t.Errorf("%v is left", b.trying)
	}
}

// Recipients that were refused have been asked for: they count against a rate of
// recipients.
func TestRefusedRecipientsOfCallsCount(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{Destination: throttle.Limits{RecipientRate: throttle.Rate{Count: 1, Per: time.Hour}}})
		try := func() error {
			return p.Try(t.Context(), "ann@example.com", func(context.Context) error { return reply(550, "5.1.1 no such user") })
		}
		if err := try(); err == nil || errors.Is(err, ErrNotNow) {
			t.Fatalf("got %v, want the refusal", err)
		}
		if err := try(); !errors.Is(err, ErrNotNow) {
			t.Errorf("the second of the hour: got %v, want ErrNotNow", err)
		}
	})
}

// Nothing is called behind the end of a Pacer.
func TestCallsBehindTheEnd(t *testing.T) {
	paceTest(t, func(t *testing.T) {
		p := newPacer(t, PacerConfig{})
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := PaceRequest{To: []string{"ann@example.com"}}
		fn := func(context.Context) error { t.Error("called"); return nil }
		fnTo := func(context.Context, []string) error { t.Error("called"); return nil }
		for name, err := range map[string]error{
			"Do": p.Do(t.Context(), "ann@example.com", fn), "Try": p.Try(t.Context(), "ann@example.com", fn),
			"DoRequest": p.DoRequest(t.Context(), r, fnTo), "TryRequest": p.TryRequest(t.Context(), r, fnTo),
		} {
			if !errors.Is(err, ErrClosed) {
				t.Errorf("%s: got %v, want ErrClosed", name, err)
			}
		}
	})
}
