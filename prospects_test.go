package smtpace

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// TestWhatWaitingRarelyCures: what a message ends at once for is listed at FailFast.
func TestWhatWaitingRarelyCures(t *testing.T) {
	said := func(stage classify.Stage, code int) error {
		return &pool.Error{Endpoint: "mx", Stage: stage, Err: &classify.Reply{Code: code, Text: "no"}}
	}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{pool.ErrNoTLS, true},
		{pool.ErrNoAuth, true},
		{pool.ErrTLSProof, false},
		{fmt.Errorf("%w: %w", pool.ErrTLSProof, pool.ErrNoTLS), false},
		{syscall.ECONNREFUSED, true},
		{syscall.ECONNRESET, false},
		{io.ErrUnexpectedEOF, false},
		{&net.DNSError{IsNotFound: true}, true},
		{&net.DNSError{}, false},
		{&net.DNSError{IsNotFound: true, IsTemporary: true}, false},
		{&net.DNSError{IsNotFound: true, IsTimeout: true}, false},
		{said(classify.StageAuth, 500), true},
		{said(classify.StageAuth, 535), true},
		{said(classify.StageAuth, 499), false},
		{said(classify.StageStartTLS, 502), true},
		{said(classify.StageStartTLS, 454), false},
		{said(classify.StageConnect, 554), false},
		{said(classify.StageEHLO, 550), false},
		{&classify.Reply{Code: 535}, false},
	} {
		if got := waitingRarelyCures(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestMailProvesAnEndpoint: a reply behind MAIL shows that MAIL was accepted. A login that
// MAIL demands of every recipient is a failure that waiting rarely cures, until mail shows
// otherwise.
func TestMailProvesAnEndpoint(t *testing.T) {
	answer := func(stage classify.Stage, code int, class classify.Class) pool.Answer {
		a := pool.Answer{Stage: stage, Verdict: classify.Verdict{Class: class}, Err: io.EOF}
		if code != 0 {
			a.Reply = &classify.Reply{Code: code, Text: "no"}
			a.Err = a.Reply
		}
		return a
	}
	login := answer(classify.StageMail, 530, classify.ClassSMTPAuth)
	for name, tt := range map[string]struct {
		answers          []pool.Answer
		proven, hopeless bool
	}{
		"nothing":                     {nil, false, false},
		"a login is demanded":         {[]pool.Answer{login, login}, false, true},
		"by the lowest code":          {[]pool.Answer{answer(classify.StageMail, 500, classify.ClassSMTPAuth)}, false, true},
		"of some":                     {[]pool.Answer{login, answer(classify.StageMail, 550, classify.ClassPolicy)}, false, false},
		"for now":                     {[]pool.Answer{answer(classify.StageMail, 454, classify.ClassSMTPAuth)}, false, false},
		"lost at MAIL":                {[]pool.Answer{answer(classify.StageMail, 0, classify.ClassSMTPAuth)}, false, false},
		"lost behind it":              {[]pool.Answer{answer(classify.StageRcpt, 0, classify.ClassNetwork)}, false, false},
		"another reason":              {[]pool.Answer{answer(classify.StageMail, 550, classify.ClassPolicy)}, false, false},
		"refused at RCPT":             {[]pool.Answer{answer(classify.StageRcpt, 550, classify.ClassBadMailbox)}, true, false},
		"a login is demanded at RCPT": {[]pool.Answer{answer(classify.StageRcpt, 530, classify.ClassSMTPAuth)}, true, false},
		"delivered":                   {[]pool.Answer{answer(classify.StageDot, 250, classify.ClassOK)}, true, false},
	} {
		for _, pinned := range []bool{false, true} {
			e := &endpoint{sender: new(Sender), name: "mx", pinned: pinned}
			e.noteMail(pool.Report{Recipients: tt.answers})
			if e.proven.Load() != tt.proven || e.hopeless != tt.hopeless {
				t.Errorf("%s: proven %v, hopeless %v", name, e.proven.Load(), e.hopeless)
			}
			if tt.hopeless && e.fault != error(tt.answers[0].Reply) {
				t.Errorf("%s: the reason is %v", name, e.fault)
			}
			if got := e.sender.proven.has("mx"); got != (tt.proven && !pinned) {
				t.Errorf("%s: its name is kept: %v", name, got)
			}
			e.noteMail(pool.Report{Recipients: []pool.Answer{login}})
			if e.hopeless == tt.proven {
				t.Errorf("%s, then a login is demanded: hopeless %v", name, e.hopeless)
			}
			e.noteMail(pool.Report{Recipients: []pool.Answer{answer(classify.StageRcpt, 250, classify.ClassOK)}})
			if e.hopeless || !e.proven.Load() {
				t.Errorf("%s, then mail: hopeless %v", name, e.hopeless)
			}
		}
	}
}

// TestProvenNamesAreBounded: the names of relays that have worked are kept up to a bound, and
// beyond it every relay counts as one.
func TestProvenNamesAreBounded(t *testing.T) {
	var p provenNames
	if p.has("a") {
		t.Error("a name is known before the first")
	}
	for i := range mostProven - 1 {
		p.add(fmt.Sprint(i))
	}
	if !p.has("7") || p.has("a") {
		t.Errorf("below the bound: 7 is known: %v, a: %v", p.has("7"), p.has("a"))
	}
	p.add("last")
	p.add("one too many")
	if len(p.names) != mostProven || !p.has("a") {
		t.Errorf("%d names are kept; any other is known: %v", len(p.names), p.has("a"))
	}
}

// TestHopelessPath: a path is without hope when each of its endpoints is, for the reasons that
// it tells: none of them has taken mail, and no connection is being opened.
func TestHopelessPath(t *testing.T) {
	why := errors.New("wrong password")
	made := func(change func(e *endpoint)) *endpoint {
		e := &endpoint{fault: why}
		e.hopeless = true
		change(e)
		return e
	}
	none := func(*endpoint) {}
	for name, tt := range map[string]struct {
		endpoints []*endpoint
		want      int
	}{
		"one":          {[]*endpoint{made(none)}, 1},
		"two":          {[]*endpoint{made(none), made(none)}, 2},
		"may pass":     {[]*endpoint{made(none), made(func(e *endpoint) { e.hopeless = false })}, 0},
		"proven":       {[]*endpoint{made(none), made(func(e *endpoint) { e.proven.Store(true) })}, 0},
		"being opened": {[]*endpoint{made(none), made(func(e *endpoint) { e.opening = 1 })}, 0},
		"no reason":    {[]*endpoint{made(none), made(func(e *endpoint) { e.fault = nil })}, 0},
	} {
		got := (&path{endpoints: tt.endpoints}).hopeless()
		if len(got) != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
		for _, fault := range got {
			if fault != why {
				t.Errorf("%s: got %v", name, fault)
			}
		}
	}
}

// TestFaultsOfAPath: an end names why no relay could be reached, and for how long the first of
// the connections that are being opened has not come. It names none where one relay is well.
func TestFaultsOfAPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got := (*path)(nil).faults(); got != nil {
			t.Errorf("of no path: got %v", got)
		}
		why := errors.New("wrong password")
		opening, wrong, well := &endpoint{name: "slow"}, &endpoint{fault: why}, &endpoint{}
		p := &path{endpoints: []*endpoint{wrong, opening}}
		if got := p.faults(); got != nil {
			t.Errorf("before a connection is being opened: got %v", got)
		}
		opening.beginOpening()
		time.Sleep(3 * time.Second)
		opening.beginOpening()
		time.Sleep(2 * time.Second)
		got := p.faults()
		if len(got) != 2 || got[0] != why || !strings.Contains(got[1].Error(), `"slow": no connection after 5s`) {
			t.Errorf("got %v", got)
		}
		if text := because(ErrExpired, got).Error(); text != ErrExpired.Error()+"; relay: wrong password; relay: "+got[1].Error() {
			t.Errorf("got the text %q", text)
		}
		if got := (&path{endpoints: []*endpoint{wrong, well, opening}}).faults(); got != nil {
			t.Errorf("with a relay that is well: got %v", got)
		}
		opening.opened = 1 // another connection
		if got := p.faults(); got != nil {
			t.Errorf("after a connection was opened: got %v", got)
		}
		opening.opened = 0
		opening.endOpening()
		opening.endOpening()
		if got := p.faults(); got != nil {
			t.Errorf("after the openings have ended: got %v", got)
		}
		opening.beginOpening()
		if got := p.faults(); len(got) != 2 || !strings.Contains(got[1].Error(), "after 0s") {
			t.Errorf("at another opening: got %v", got)
		}
	})
}
